import { z } from "zod";
import type { StepContext } from "./context.js";
import type { WantedAttachment } from "./domain/offer.js";
import { bytes } from "./domain/scalars.js";
import { type Problem, RenewalError } from "./errors.js";
import { sha256Hex } from "./pki/certificate.js";
import type { AttachmentDocument, AttachmentReference } from "./ports/transport.js";
import type { RenewalRecord } from "./record.js";
import { isUnreadable, storeKeys, unreadableRevision } from "./record-store.js";
import type { Runtime } from "./runtime.js";
import type { Attachment } from "./step-options.js";

/**
 * Documents that go with an application. Their hashes stand under its signature; the documents themselves wait in the store,
 * are uploaded before the application names them, and leave the store once it is received or given up.
 */

/**
 * What was given, against what the offer wants; `kept` are those of the revision before, which the RA has.
 * @throws ERR_ATTACHMENT_INVALID naming all that is wrong
 */
export function checkAttachments(
  wanted: readonly WantedAttachment[],
  given: readonly Attachment[] = [],
  kept: readonly AttachmentReference[] = [],
): {
  readonly attachments: readonly AttachmentReference[];
  readonly documents: readonly AttachmentDocument[];
} {
  if (!Array.isArray(given))
    throw invalid([{ pointer: "/attachments", message: "must be a list" }]);
  const problems = given.flatMap((attachment) => problemsOfAttachment(wanted, attachment));
  const purposes = given.map((attachment) => attachment?.purpose);
  for (const [index, purpose] of purposes.entries()) {
    if (purposes.indexOf(purpose) === index) continue;
    problems.push({ pointer: pointerOf(purpose), message: "is given twice" });
  }
  const stays = kept.filter(({ purpose }) => !purposes.includes(purpose));
  for (const { purpose, title, required } of wanted) {
    const isThere = purposes.includes(purpose) || stays.some((each) => each.purpose === purpose);
    if (required && !isThere) {
      problems.push({ pointer: pointerOf(purpose), message: `is required: ${title}` });
    }
  }
  if (problems.length > 0) throw invalid(problems);
  const documents = given.map(({ purpose, mediaType, content }) => ({
    purpose,
    mediaType,
    content,
    sha256: sha256Hex(content),
    size: content.length,
  }));
  return { attachments: [...stays, ...documents.map(referenceOf)], documents };
}

/** Into the store, before anything names them. Safe to repeat. */
export async function keepDocuments(
  { runtime: { store }, record }: StepContext,
  documents: readonly AttachmentDocument[],
): Promise<void> {
  for (const { sha256, content } of documents) {
    const key = storeKeys.attachment(record.id, sha256);
    const document = documentSchema.encode({ format: FORMAT, version: 1, content });
    await store.save(key, document, await revisionOf(store, key));
  }
}

/** Uploads what is kept. Named by its hash, each is safe to upload again. @throws ERR_UNSUPPORTED, and as the transport does */
export async function uploadDocuments(context: StepContext): Promise<void> {
  const { runtime, record, transport, signal } = context;
  for (const attachment of record.application.choice?.attachments ?? []) {
    const content = await loadContent(runtime, record.id, attachment);
    // The RA has it from the revision before.
    if (!content) continue;
    if (!transport.business?.upload) {
      const reason = "it takes no documents";
      throw new RenewalError("ERR_UNSUPPORTED", { details: { transport: transport.name, reason } });
    }
    context.activity("uploading");
    await transport.business.upload(context.reference(), { ...attachment, content }, { signal });
  }
}

/** Out of the store. What cannot be erased now is erased with the renewal. */
export async function eraseDocuments(
  { store }: Pick<Runtime, "store">,
  { id }: Pick<RenewalRecord, "id">,
): Promise<void> {
  for (const key of await store.list(storeKeys.attachment(id, ""))) {
    await store.remove(key, await revisionOf(store, key));
  }
}

const FORMAT = "certrenew/attachment";

const documentSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  content: bytes,
});

async function loadContent(
  { store }: Runtime,
  id: string,
  { sha256 }: AttachmentReference,
): Promise<Uint8Array | undefined> {
  const stored = await store.load(storeKeys.attachment(id, sha256));
  if (!stored) return undefined;
  const { data } = documentSchema.safeDecode(stored.document as z.input<typeof documentSchema>);
  if (data && sha256Hex(data.content) === sha256) return data.content;
  throw new RenewalError("ERR_RECORD_CORRUPT", {
    details: { id, sha256, reason: "a document in the store is not the one that was signed for" },
  });
}

async function revisionOf(store: Runtime["store"], key: string): Promise<number> {
  try {
    return (await store.load(key))?.revision ?? 0;
  } catch (error) {
    const revision = isUnreadable(error) ? unreadableRevision(error) : undefined;
    if (revision === undefined) throw error;
    return revision;
  }
}

function problemsOfAttachment(
  wanted: readonly WantedAttachment[],
  attachment: Attachment,
): Problem[] {
  const { purpose, mediaType, content } = attachment ?? {};
  const pointer = pointerOf(purpose);
  const want = wanted.find((each) => each.purpose === purpose);
  if (!want) {
    const names = wanted.map((each) => each.purpose).join(", ") || "none";
    return [{ pointer, message: `is not wanted; wanted: ${names}` }];
  }
  const problems: Problem[] = [];
  if (!want.mediaTypes.includes(mediaType)) {
    problems.push({ pointer, message: `must be of type ${want.mediaTypes.join(", ")}` });
  }
  if (!(content instanceof Uint8Array) || content.length === 0) {
    problems.push({ pointer, message: "has no content" });
  } else if (content.length > want.maxBytes) {
    problems.push({ pointer, message: `has ${content.length} bytes, of at most ${want.maxBytes}` });
  }
  return problems;
}

const pointerOf = (purpose: unknown) => `/attachments/${String(purpose)}`;

const invalid = (problems: readonly Problem[]) =>
  new RenewalError("ERR_ATTACHMENT_INVALID", { problems });

const referenceOf = ({
  purpose,
  sha256,
  mediaType,
  size,
}: AttachmentDocument): AttachmentReference => ({
  purpose,
  sha256,
  mediaType,
  size,
});
