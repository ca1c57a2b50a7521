import type { RenewalRecord } from "../record.js";
import { type Collection, MEDIA_TYPE, type OpenedMessage } from "./collection.js";
import { applicationName, certificateTarget, fileTarget, NAME, requestNames } from "./names.js";
import { requestIsFor, verifyRequest } from "./openssl.js";
import { linkReceipt, linkRequestReceipt, type RequestFile } from "./receipt.js";
import {
  ABOUT,
  aboutApplication,
  aboutAttachment,
  aboutHandedIn,
  aboutHandedInReceipt,
  aboutReasons,
  aboutReceipt,
  type Bilingual,
  REASON,
  TITLE,
} from "./texts.js";

/** Every revision of the application with its receipt, and what each of them names. */
export function addApplications(collection: Collection, record: RenewalRecord): void {
  const { application } = record;
  for (const revision of application.returned ?? []) {
    addRevision(collection, record, revision);
    const { revision: number, reasons } = revision;
    collection.file(
      `application/${number}/reasons.json`,
      MEDIA_TYPE.json,
      aboutReasons(number),
      `${JSON.stringify(reasons, null, 2)}\n`,
    );
  }
  const opened = addRevision(collection, record, application);
  if (opened) linkRequests(collection, opened, requestsOf(record, 0));
}

/** The requests on which the certificates were, or will be, issued. */
export function addRequests(collection: Collection, record: RenewalRecord): void {
  const { application, issuance, offer } = record;
  const { requestAt } = offer.offer.terms;
  const reason = requestAt === "installation" ? REASON.atInstallation : notYet(record);
  const publicKey = issuance.installation?.proof && NAME.publicKey;
  if (application.request) {
    addRequest(collection, NAME.request, ABOUT.request, application.request);
    if (publicKey) {
      const title = TITLE.sameKey(NAME.request, publicKey);
      collection.check(title, requestIsFor(NAME.request, publicKey));
    }
  } else collection.missing(NAME.request, ABOUT.request, reason);
  if (application.encryption?.request) {
    const { request } = application.encryption;
    addRequest(collection, NAME.encryptionRequest, ABOUT.encryptionRequest, request);
  }
  addHandedIn(collection, record);
  const { request, encryptionRequest } = issuance.keyRequest ?? {};
  if (request) addRequest(collection, "requests/later-signing.p10", ABOUT.laterRequest, request);
  if (encryptionRequest) {
    const name = "requests/later-encryption.p10";
    addRequest(collection, name, ABOUT.laterEncryptionRequest, encryptionRequest);
  }
}

/** Why a thing that comes later is not there. */
export function notYet({ application, issuance }: RenewalRecord): Bilingual {
  const isOver = ["discarded", "cancelled", "refused", "lapsed"].includes(application.status);
  return isOver || issuance.status === "revoked" ? REASON.over : REASON.notYet;
}

/** The statements with which requests were handed in after the application, and the requests that they replaced. */
function addHandedIn(collection: Collection, record: RenewalRecord): void {
  const { handedIn = [] } = record.application;
  for (const [index, { reason, signed, receipt }] of handedIn.entries()) {
    for (const { name, content } of requestsOf(record, index)) {
      addRequest(collection, name, ABOUT.replacedRequest, content);
    }
    const number = index + 1;
    const requests = requestsOf(record, number);
    const name = `requests/handed-in/${number}/statement.p7m`;
    const opened = collection.message(signed, {
      name,
      opened: `opened/handed-in-${number}.json`,
      about: aboutHandedIn(number, reason),
      absent: REASON.oldKeyGone,
    });
    if (opened) {
      collection.link(opened, certificateTarget(NAME.previous, record.previous.der));
      linkRequests(collection, opened, requests);
    }
    const acknowledged = collection.message(receipt, {
      name: `requests/handed-in/${number}/receipt.p7m`,
      opened: `opened/handed-in-receipt-${number}.json`,
      about: aboutHandedInReceipt(number),
      absent: REASON.notSigned,
    });
    if (signed && acknowledged) {
      linkRequestReceipt(collection, acknowledged, requests, { name, content: signed });
    }
  }
}

/** What was asked for with the application (0), and with each statement after it. */
function requestsOf({ application, offer, issuance }: RenewalRecord, index: number): RequestFile[] {
  const { handedIn = [], request, encryption } = application;
  const isLast = index === handedIn.length;
  // Of a renewal that was begun elsewhere it is not known what others took the place of.
  const isUnknown = offer.offer.terms.requestAt === "installation" || (issuance.reissues ?? 0) > 0;
  if (index === 0 && isLast && isUnknown) return [];
  const found = isLast
    ? { request, encryptionRequest: encryption?.request }
    : handedIn[index]?.replaced;
  const names = requestNames(index + 1, isLast);
  return [
    { member: "request", name: names.signing, content: found?.request } as const,
    {
      member: "encryptionRequest",
      name: names.encryption,
      content: found?.encryptionRequest,
    } as const,
  ].flatMap(({ content, ...file }) => (content ? [{ ...file, content }] : []));
}

function linkRequests(
  collection: Collection,
  opened: OpenedMessage,
  requests: readonly RequestFile[],
): void {
  for (const { name, content } of requests) collection.link(opened, fileTarget(name, content));
}

function addRequest(
  collection: Collection,
  name: string,
  about: Bilingual,
  request: Uint8Array,
): void {
  collection.file(name, MEDIA_TYPE.request, about, request);
  collection.check(TITLE.possession(name), verifyRequest(name));
}

type Revision = Pick<RenewalRecord["application"], "revision" | "signed" | "receipt" | "choice">;

function addRevision(
  collection: Collection,
  record: RenewalRecord,
  { revision, signed, receipt, choice }: Revision,
): OpenedMessage | undefined {
  const isSubmitted = record.application.submittedAt !== undefined;
  const absent = isSubmitted ? REASON.notSigned : notYet(record);
  const opened = collection.message(signed, {
    name: applicationName(revision),
    opened: `opened/application-${revision}.json`,
    about: aboutApplication(revision),
    absent,
  });
  if (opened) {
    const { agreement } = record.offer.offer;
    collection.link(opened, certificateTarget(NAME.previous, record.previous.der));
    collection.link(opened, fileTarget(NAME.agreement, new TextEncoder().encode(agreement.text)));
    const { document } = record.offer;
    if (document) collection.link(opened, fileTarget(NAME.offer, document));
  }
  const acknowledged = collection.message(receipt, {
    name: `application/${revision}/receipt.p7m`,
    opened: `opened/receipt-${revision}.json`,
    about: aboutReceipt(revision),
    absent,
  });
  if (signed && acknowledged) {
    linkReceipt(collection, acknowledged, requestsOf(record, 0), { revision, signed });
  }
  for (const { purpose, sha256 } of choice?.attachments ?? []) {
    const name = `application/${revision}/attachments/${purpose}`;
    collection.missing(name, aboutAttachment(sha256), REASON.withHolder);
  }
  return opened;
}
