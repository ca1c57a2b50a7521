import type { WantedAttachment } from "../core/domain/offer.js";
import { mediaTypeSchema } from "../core/domain/offer.js";
import type { Problem } from "../core/errors.js";
import { sha256Hex } from "../core/pki/certificate.js";
import type { AttachmentReference } from "../core/ports/transport.js";
import type { ApplicationStatement } from "../transport/http/wire/statements.js";
import { authorise, sameSecret, unauthorised } from "./follow-secrets.js";
import { isOpen, later, type Office } from "./office.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";

/** The registry of documents: taken by their hash, kept once an application has named them. */

export interface Upload {
  readonly renewalId: string;
  /** As the path has it. */
  readonly sha256: string;
  readonly mediaType: string;
  readonly body: Uint8Array;
  readonly followSecretSha256: string;
}

/** Documents that no application has named, of all renewals: more are a misuse. */
const MOST_UNNAMED = 200;

/** Takes a document, as often as it is sent. @throws Refusal */
export function takeUpload(
  office: Office,
  upload: Upload,
): { readonly sha256: string; readonly size: number } {
  const { renewalId, sha256, body, followSecretSha256 } = upload;
  const { applications, uploads } = office.state;
  const application = applications[renewalId];
  if (application) authorise(application, followSecretSha256);
  else if (uploads[renewalId]) checkUploader(office, renewalId, followSecretSha256);
  const mediaType = checkDocument(upload, acceptedBy(office, application));
  const documents = uploads[renewalId]?.documents ?? {};
  const known = documents[sha256];
  if (!known) checkRoom(office, Object.values(documents));
  if (!known?.named) {
    office.files.writeBytes(fileName(renewalId, sha256), body);
    uploads[renewalId] ??= { followSecretSha256, documents: {} };
    const uploadedAt = office.clock.now();
    const entry = { mediaType, size: body.length, uploadedAt, named: false };
    uploads[renewalId].documents[sha256] = entry;
  }
  return { sha256, size: body.length };
}

/** What was uploaded before an application belongs to whoever applies with the same secret. @throws Refusal */
export function checkUploader(office: Office, renewalId: string, followSecretSha256: string): void {
  const first = office.state.uploads[renewalId]?.followSecretSha256;
  if (first !== undefined && !sameSecret(first, followSecretSha256)) throw unauthorised();
}

/** Each document that an application names is one that was asked for and uploaded. @throws Refusal */
export function checkAttachments(
  { state }: Office,
  { renewalId, attachments = [] }: ApplicationStatement,
  wanted: readonly WantedAttachment[],
): void {
  const documents = state.uploads[renewalId]?.documents ?? {};
  const problems: Problem[] = [];
  const given = new Set<string>();
  for (const { purpose, sha256, mediaType, size } of attachments) {
    const pointer = `/attachments/${purpose}`;
    const terms = wanted.find((candidate) => candidate.purpose === purpose);
    const document = documents[sha256];
    if (!terms) problems.push({ pointer, message: "is not asked for" });
    else if (given.has(purpose)) problems.push({ pointer, message: "is there twice" });
    else if (!document) problems.push({ pointer, message: "was not uploaded" });
    else if (document.size !== size) {
      problems.push({ pointer, message: "is not of the size of what was uploaded" });
      // Of which type it is, the signature says: one file may be named twice.
    } else if (!fits(terms, { mediaType, size })) {
      problems.push({ pointer, message: limits(terms) });
    }
    given.add(purpose);
  }
  for (const { purpose, required } of wanted) {
    if (!required || given.has(purpose)) continue;
    problems.push({ pointer: `/attachments/${purpose}`, message: "is required" });
  }
  if (problems.length > 0) {
    throw new Refusal("ERR_ATTACHMENT_INVALID", "the attachments are not as asked", { problems });
  }
}

/** From now on the application's documents are kept. */
export function keepAttachments({ state }: Office, statement: ApplicationStatement): void {
  const documents = state.uploads[statement.renewalId]?.documents ?? {};
  for (const { sha256 } of statement.attachments ?? []) {
    const document = documents[sha256];
    if (document) document.named = true;
  }
}

/** Throws away what nobody named in time. Returns whether there was something. */
export function forgetUploads({ state, clock, files }: Office): boolean {
  const before = later(clock.now(), -state.policy.uploads.minutes * 60_000);
  let changed = false;
  for (const [renewalId, { documents }] of Object.entries(state.uploads)) {
    for (const [sha256, { named, uploadedAt }] of Object.entries(documents)) {
      if (named || uploadedAt > before) continue;
      files.remove(fileName(renewalId, sha256));
      delete documents[sha256];
      changed = true;
    }
    if (Object.keys(documents).length === 0) delete state.uploads[renewalId];
  }
  return changed;
}

/** What an application names. */
export function attachmentsOf({ statement }: Application): readonly AttachmentReference[] {
  return statement.attachments ?? [];
}

/** @throws Refusal when the application has none for this purpose */
export function readAttachment(
  { files }: Office,
  application: Application,
  purpose: string,
): AttachmentReference & { readonly content: Uint8Array } {
  const reference = attachmentsOf(application).find((one) => one.purpose === purpose);
  const name = reference && fileName(application.renewalId, reference.sha256);
  const content = name === undefined ? undefined : files.readBytes(name);
  if (reference && content) return { ...reference, content: new Uint8Array(content) };
  throw new Refusal("ERR_ARGUMENT", "the application has no such attachment", { status: 404 });
}

type Accepted = (document: {
  readonly mediaType: string;
  readonly size: number;
}) => string | undefined;

/** Before there is an application, a general limit; then what its offer asks for. */
function acceptedBy({ state }: Office, application: Application | undefined): Accepted {
  const { maxBytes } = state.policy.uploads;
  if (!application) {
    return ({ size }) => (size > maxBytes ? `may have ${maxBytes} bytes at the most` : undefined);
  }
  if (!isOpen(application)) {
    throw new Refusal("ERR_RA_REFUSED", "the application is closed", { status: 409 });
  }
  const wanted = state.offers[application.statement.offer.id]?.offer.attachments ?? [];
  return (document) => {
    if (wanted.some((terms) => fits(terms, document))) return undefined;
    return wanted.length === 0
      ? "the offer asks for no documents"
      : `fits none of what is asked for: ${wanted.map(limits).join("; ")}`;
  };
}

/** Returns its media type. */
function checkDocument({ sha256, mediaType, body }: Upload, refused: Accepted): string {
  const type = mediaTypeSchema.safeParse(mediaType.split(";")[0]?.trim().toLowerCase());
  if (!type.success) invalid("the Content-Type is not a media type");
  if (body.length === 0) invalid("the document is empty");
  if (sha256Hex(body) !== sha256) invalid("the document is not the one that the path names");
  const problem = refused({ mediaType: type.data, size: body.length });
  if (problem !== undefined) invalid(`the document ${problem}`);
  return type.data;
}

function checkRoom({ state }: Office, mine: readonly { readonly named: boolean }[]): void {
  const unnamed = (all: typeof mine) => all.filter(({ named }) => !named).length;
  if (unnamed(mine) >= state.policy.uploads.most) {
    throw new Refusal("ERR_RA_REFUSED", "too many documents were uploaded", { status: 409 });
  }
  const all = Object.values(state.uploads).flatMap(({ documents }) => Object.values(documents));
  if (unnamed(all) >= MOST_UNNAMED) {
    throw new Refusal("ERR_RA_BUSY", "there is no room for documents now");
  }
}

const fits = (
  { mediaTypes, maxBytes }: WantedAttachment,
  { mediaType, size }: { readonly mediaType: string; readonly size: number },
): boolean => mediaTypes.includes(mediaType) && size <= maxBytes;

const limits = ({ purpose, mediaTypes, maxBytes }: WantedAttachment): string =>
  `${purpose} is ${mediaTypes.join(" or ")} of ${maxBytes} bytes at the most`;

/** Renewals do not share documents: what one applicant sends says nothing of another. */
const fileName = (renewalId: string, sha256: string): string => `attachment-${renewalId}-${sha256}`;

function invalid(detail: string): never {
  throw new Refusal("ERR_ATTACHMENT_INVALID", detail);
}
