import { createHash } from "node:crypto";
import type { JsonObject } from "./domain/scalars.js";
import { errorCode, RenewalError } from "./errors.js";
import type { TokenIdentity } from "./ports/driver.js";
import type { Store } from "./ports/store.js";
import type { RenewalRecord } from "./record.js";
import { decodeRecord, encodeRecord } from "./record-codec.js";

const RENEWAL_PREFIX = "renewal-";

/** The keys under which core's documents stand in a store. */
export const storeKeys = {
  renewal: (id: string): string => `${RENEWAL_PREFIX}${id}`,
  /** Which renewal a certificate, named by its SHA-256, belongs to. */
  certificate: (sha256: string): string => `certificate-${sha256}`,
  /** A document on its way to the RA; with an empty hash the beginning of all of a renewal's. */
  attachment: (id: string, sha256: string): string => `attachment-${id}-${sha256}`,
  /** What is known of the PIN of a token. */
  token: (token: TokenIdentity): string => {
    const { serialNumber, label, model, manufacturer } = token;
    const identity = JSON.stringify([manufacturer, model, serialNumber, label]);
    return `token-${createHash("sha256").update(identity).digest("hex")}`;
  },
};

/** A record and the revision under which the store has it. */
export interface OpenRecord {
  readonly record: RenewalRecord;
  readonly revision: number;
}

/**
 * @throws ERR_RECORD_NOT_FOUND, ERR_STORE_FAILURE, and ERR_RECORD_CORRUPT or ERR_RECORD_VERSION with `id` and `revision` in
 *   the details
 */
export async function loadRecord(store: Store, id: string): Promise<OpenRecord> {
  let revision: number | undefined;
  try {
    const stored = await store.load(storeKeys.renewal(id));
    if (!stored) throw new RenewalError("ERR_RECORD_NOT_FOUND");
    ({ revision } = stored);
    const record = decodeRecord(stored.document);
    if (record.id === id) return { record, revision };
    const reason = "the record is another renewal's";
    throw new RenewalError("ERR_RECORD_CORRUPT", { details: { reason } });
  } catch (error) {
    throw withDetails(error, revision === undefined ? { id } : { id, revision });
  }
}

/** Whether something stands in the store that cannot be understood, while the store itself works. */
export function isUnreadable(error: unknown): error is RenewalError {
  const code = errorCode(error);
  return code === "ERR_RECORD_CORRUPT" || code === "ERR_RECORD_VERSION";
}

/** The revision of a document that could not be read, under which it can be erased; a store may not tell it. */
export function unreadableRevision(error: unknown): number | undefined {
  const revision = isUnreadable(error) ? error.details["revision"] : undefined;
  return typeof revision === "number" ? revision : undefined;
}

export function withDetails(error: unknown, facts: JsonObject): unknown {
  if (!(error instanceof RenewalError)) return error;
  const { code, cause, problems, details } = error;
  return new RenewalError(code, { cause, problems, details: { ...details, ...facts } });
}

/** @throws ERR_STORE_CONFLICT, ERR_STORE_FAILURE */
export async function saveRecord(
  store: Store,
  record: RenewalRecord,
  expectedRevision: number,
): Promise<OpenRecord> {
  const revision = await store.save(
    storeKeys.renewal(record.id),
    encodeRecord(record),
    expectedRevision,
  );
  return { record, revision };
}

export async function listRenewalIds(store: Store): Promise<readonly string[]> {
  const keys = await store.list(RENEWAL_PREFIX);
  return keys.map((key) => key.slice(RENEWAL_PREFIX.length));
}
