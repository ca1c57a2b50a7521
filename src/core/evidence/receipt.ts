import { sha256Hex } from "../pki/certificate.js";
import type { RenewalRecord } from "../record.js";
import type { Collection, OpenedMessage } from "./collection.js";
import { applicationName, NAME } from "./names.js";
import { hashOfBody } from "./openssl.js";

/**
 * A receipt names what the RA received by the SHA-256 of the message as it was sent. Over the RA's REST API that is one line of
 * JSON with the files of the archive in Base64, so it can be made again from them.
 */

interface Member {
  readonly member: string;
  readonly name: string;
  readonly content: Uint8Array | undefined;
}

/** The check that the receipt is for this application, with the requests that went along. */
export function linkReceipt(
  collection: Collection,
  receipt: OpenedMessage,
  { application }: RenewalRecord,
  { revision, signed }: { readonly revision: number; readonly signed: Uint8Array },
): void {
  const members = [
    { member: "application", name: applicationName(revision), content: signed },
    { member: "request", name: NAME.request, content: application.request },
    {
      member: "encryptionRequest",
      name: NAME.encryptionRequest,
      content: application.encryption?.request,
    },
  ].filter(({ content }) => content !== undefined);
  // A request that was handed in later did not go along.
  const bodies = [members, members.slice(0, 1)];
  const sent = bodies.find((body) => isNamed(receipt, body)) ?? members;
  linkBody(collection, receipt, applicationName(revision), sent);
}

/** The check that the receipt is for this confirmation. */
export function linkConfirmationReceipt(
  collection: Collection,
  receipt: OpenedMessage,
  name: string,
  content: Uint8Array,
): void {
  linkBody(collection, receipt, name, [{ member: "confirmation", name, content }]);
}

function linkBody(
  collection: Collection,
  receipt: OpenedMessage,
  name: string,
  members: readonly Member[],
): void {
  const files = Object.fromEntries(members.map((member) => [member.member, member.name]));
  collection.link(receipt, { name, sha256: hashOf(members), command: hashOfBody(files) });
}

function isNamed({ content }: OpenedMessage, members: readonly Member[]): boolean {
  return Buffer.from(content).includes(hashOf(members));
}

function hashOf(members: readonly Member[]): string {
  const body = members.map(({ member, content }) => [
    member,
    Buffer.from(content ?? []).toString("base64"),
  ]);
  return sha256Hex(new TextEncoder().encode(JSON.stringify(Object.fromEntries(body))));
}
