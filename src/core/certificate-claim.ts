import { z } from "zod";
import { claimNow, isHeld } from "./claim.js";
import type { KnownRenewal } from "./credentials.js";
import { dateTime, identifier } from "./domain/scalars.js";
import { errorCode, RenewalError } from "./errors.js";
import type { State } from "./lifecycle.js";
import { inContext } from "./machine.js";
import { parseCertificate } from "./pki/certificate.js";
import type { Store } from "./ports/store.js";
import { processIdentitySchema } from "./process-identity.js";
import {
  isUnreadable,
  listRenewalIds,
  loadRecord,
  storeKeys,
  unreadableRevision,
  withDetails,
} from "./record-store.js";
import type { Runtime } from "./runtime.js";
import { deriveState } from "./transitions.js";

/**
 * Which renewal a certificate belongs to: claimed before the offer is asked for, so that two starts cannot both apply, and
 * left standing for as long as the record does. A claim without a record is a start that is under way, or one that died
 * before its draft was stored; that one holds it no longer than it would a record.
 */
const documentSchema = z.object({
  format: z.literal("certrenew/certificate"),
  version: z.literal(1),
  renewalId: identifier,
  owner: processIdentitySchema,
  clientId: identifier,
  takenAt: dateTime,
});

/** A certificate that was claimed, as the store has it now. */
export interface CertificateClaim {
  readonly key: string;
  readonly renewalId: string;
  readonly mark: string;
  readonly revision: number;
}

/**
 * @throws ERR_RENEWAL_IN_PROGRESS, and ERR_CERTIFICATE_INELIGIBLE where it is renewed already, with that renewal;
 *   ERR_RECORD_CORRUPT, ERR_RECORD_VERSION where it may be
 */
export async function claimCertificate(
  runtime: Runtime,
  sha256: string,
  renewalId: string,
  mark: string,
): Promise<CertificateClaim> {
  const key = storeKeys.certificate(sha256);
  const found = await readClaim(runtime.store, key);
  if (found) await assertFree(runtime, found.claim);
  return write(runtime, { key, renewalId, mark, revision: found?.revision ?? 0 });
}

/**
 * Claims the certificate once more, just before the draft is stored: an owner that was frozen while it waited for the offer
 * fails here when another has begun meanwhile.
 * @throws ERR_RENEWAL_IN_PROGRESS
 */
export function renewClaim(runtime: Runtime, claim: CertificateClaim): Promise<CertificateClaim> {
  return write(runtime, claim);
}

/** What the store knows of a certificate's renewal. What cannot be read may be open at the RA, and counts as under way. */
export async function knownRenewal(
  runtime: Runtime,
  sha256: string,
): Promise<KnownRenewal | undefined> {
  let id: string | undefined;
  try {
    id = await renewalIdFor(runtime, sha256);
    const state = id && (await stateOf(runtime, id));
    if (!state || state === "closed") return undefined;
    return { id, progress: state === "completed" ? "completed" : "in-progress" };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return { id, progress: "in-progress" };
  }
}

/** The renewal that a certificate belongs to, under way or the last one. @throws ERR_RECORD_CORRUPT */
export async function renewalIdFor(
  { store }: Runtime,
  sha256: string,
): Promise<string | undefined> {
  return (await readClaim(store, storeKeys.certificate(sha256)))?.claim.renewalId;
}

/** Frees the certificate of a renewal whose record, which may have been unreadable, was erased. */
export async function releaseCertificate({ store }: Runtime, renewalId: string): Promise<void> {
  for (const key of await store.list(storeKeys.certificate(""))) {
    try {
      const found = await readClaim(store, key);
      if (found?.claim.renewalId === renewalId) await store.remove(key, found.revision);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      const revision = unreadableRevision(error);
      // With its last record goes what was left of the claim: nothing else would free the certificate.
      if (revision !== undefined && !(await mayHaveRecord(store, key))) {
        await store.remove(key, revision);
      }
    }
  }
}

/** Whether a record in the store is of the certificate and not closed, or cannot be read. */
async function mayHaveRecord(store: Store, key: string): Promise<boolean> {
  for (const id of await listRenewalIds(store)) {
    try {
      const { record } = await loadRecord(store, id);
      const { sha256 } = parseCertificate(record.previous.der);
      if (storeKeys.certificate(sha256) === key && deriveState(record) !== "closed") return true;
    } catch (error) {
      if (errorCode(error) !== "ERR_RECORD_NOT_FOUND") return true;
    }
  }
  return false;
}

async function write(runtime: Runtime, claim: CertificateClaim): Promise<CertificateClaim> {
  const { key, renewalId, mark } = claim;
  const document = documentSchema.encode({
    format: "certrenew/certificate",
    version: 1,
    renewalId,
    ...(await claimNow(runtime, mark)),
  });
  try {
    return { ...claim, revision: await runtime.store.save(key, document, claim.revision) };
  } catch (error) {
    if (errorCode(error) !== "ERR_STORE_CONFLICT") throw error;
    const winner = await readClaim(runtime.store, key);
    throw await inProgress(runtime, winner?.claim.renewalId ?? renewalId);
  }
}

type ClaimDocument = z.output<typeof documentSchema>;

async function readClaim(
  store: Store,
  key: string,
): Promise<{ readonly claim: ClaimDocument; readonly revision: number } | undefined> {
  try {
    const stored = await store.load(key);
    if (!stored) return undefined;
    const { revision, document } = stored;
    const { data } = documentSchema.safeDecode(document as z.input<typeof documentSchema>);
    if (!data) throw new RenewalError("ERR_RECORD_CORRUPT", { details: { revision } });
    return { claim: data, revision };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    throw withDetails(error, { key, reason: "it tells which renewal the certificate belongs to" });
  }
}

async function assertFree(runtime: Runtime, claim: ClaimDocument): Promise<void> {
  const { renewalId: id } = claim;
  const state = await stateOf(runtime, id);
  if (state === "completed") {
    const details = { id, reason: "already-renewed", reasons: ["already-renewed"] };
    throw await inContext(runtime, id, new RenewalError("ERR_CERTIFICATE_INELIGIBLE", { details }));
  }
  const isTaken = state === undefined ? await isHeld(runtime, claim) : state !== "closed";
  if (isTaken) throw await inProgress(runtime, id);
}

/** `undefined` when it is not stored. @throws ERR_RECORD_CORRUPT, ERR_RECORD_VERSION */
async function stateOf({ store }: Runtime, id: string): Promise<State | undefined> {
  try {
    return deriveState((await loadRecord(store, id)).record);
  } catch (error) {
    if (errorCode(error) === "ERR_RECORD_NOT_FOUND") return undefined;
    throw error;
  }
}

async function inProgress(runtime: Runtime, id: string): Promise<RenewalError> {
  return inContext(runtime, id, new RenewalError("ERR_RENEWAL_IN_PROGRESS", { details: { id } }));
}
