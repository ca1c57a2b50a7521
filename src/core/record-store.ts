import { createHash } from "node:crypto";
import { RenewalError } from "./errors.js";
import type { TokenIdentity } from "./ports/driver.js";
import type { Store } from "./ports/store.js";
import { decodeRecord, encodeRecord, type RenewalRecord } from "./record.js";

const RENEWAL_PREFIX = "renewal-";

/** The keys under which core's documents stand in a store. */
export const storeKeys = {
  renewal: (id: string): string => `${RENEWAL_PREFIX}${id}`,
  /** Which renewal a certificate, named by its SHA-256, belongs to. */
  certificate: (sha256: string): string => `certificate-${sha256}`,
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

/** @throws ERR_RECORD_NOT_FOUND, ERR_RECORD_CORRUPT, ERR_RECORD_VERSION, ERR_STORE_FAILURE */
export async function loadRecord(store: Store, id: string): Promise<OpenRecord> {
  const stored = await store.load(storeKeys.renewal(id));
  if (!stored) throw new RenewalError("ERR_RECORD_NOT_FOUND", { details: { id } });
  const record = decodeRecord(stored.document);
  if (record.id !== id) {
    throw new RenewalError("ERR_RECORD_CORRUPT", {
      details: { id, reason: "the record is another renewal's" },
    });
  }
  return { record, revision: stored.revision };
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
