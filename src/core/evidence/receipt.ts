import { sha256Hex } from "../pki/certificate.js";
import type { Collection, OpenedMessage } from "./collection.js";
import { applicationName } from "./names.js";
import { type BodyMember, hashOfBody } from "./openssl.js";

/**
 * A receipt names what the RA received by the SHA-256 of the message as it was sent. Over the RA's REST API that is one line of
 * JSON with the files of the archive in Base64, so it can be made again from them.
 */

interface Member extends BodyMember {
  readonly content: Uint8Array;
}

/** A certification request, as a file of the archive and a member of a message. */
export interface RequestFile extends Member {
  readonly member: "request" | "encryptionRequest";
}

/** The check that the receipt is for this application, with the requests that went along. */
export function linkReceipt(
  collection: Collection,
  receipt: OpenedMessage,
  requests: readonly RequestFile[],
  { revision, signed }: { readonly revision: number; readonly signed: Uint8Array },
): void {
  const members = [
    { member: "application", name: applicationName(revision), content: signed },
    ...requests,
  ];
  // A request that was handed in later did not go along.
  const bodies = [members, members.slice(0, 1)];
  const sent = bodies.find((body) => isNamed(receipt, body)) ?? members;
  linkBody(collection, receipt, applicationName(revision), sent);
}

/** The check that the receipt is for these requests, and the statement with which they were handed in. */
export function linkRequestReceipt(
  collection: Collection,
  receipt: OpenedMessage,
  requests: readonly RequestFile[],
  statement: { readonly name: string; readonly content: Uint8Array },
): void {
  const members = [{ member: "statement", within: "signed", ...statement }, ...requests];
  linkBody(collection, receipt, statement.name, members);
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
  collection.link(receipt, { name, sha256: hashOf(members), command: hashOfBody(members) });
}

function isNamed({ content }: OpenedMessage, members: readonly Member[]): boolean {
  return Buffer.from(content).includes(hashOf(members));
}

function hashOf(members: readonly Member[]): string {
  const body = members.map(({ member, within, content }) => {
    const base64 = Buffer.from(content).toString("base64");
    return [member, within ? { [within]: base64 } : base64];
  });
  return sha256Hex(new TextEncoder().encode(JSON.stringify(Object.fromEntries(body))));
}
