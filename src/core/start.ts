import { z } from "zod";
import { isHeld } from "./claim.js";
import type { Credential } from "./credentials.js";
import { dateTime, identifier } from "./domain/scalars.js";
import { errorCode, RenewalError } from "./errors.js";
import type { Draft } from "./lifecycle.js";
import { inContext } from "./machine.js";
import { parseCertificate } from "./pki/certificate.js";
import type { Stored } from "./ports/store.js";
import { identifyThisProcess, processIdentitySchema } from "./process-identity.js";
import type { HeldCertificate, RenewalRecord } from "./record.js";
import { loadRecord, saveRecord, storeKeys } from "./record-store.js";
import { freshId, type Runtime } from "./runtime.js";
import type { StepOptions } from "./step-options.js";
import { fetchOffer } from "./steps/draft.js";
import { deriveState } from "./transitions.js";

/** Which renewal a certificate belongs to: claimed before the offer is asked for, so that two starts cannot both apply. */
const claimSchema = z.object({
  format: z.literal("certrenew/certificate"),
  version: z.literal(1),
  renewalId: identifier,
  owner: processIdentitySchema,
  takenAt: dateTime,
});

/**
 * Fetches the offer for a certificate and stores a draft. Nothing is sent but the certificate; nothing is written to the token.
 * @throws ERR_RENEWAL_IN_PROGRESS with the renewal to go on with, and what the transport throws
 */
export async function startRenewal(
  runtime: Runtime,
  credential: Credential,
  { signal }: StepOptions,
): Promise<Draft> {
  const certificate = parseCertificate(credential.signing.der);
  const id = freshId(runtime);
  const claim = await claimCertificate(runtime, certificate.sha256, id);
  const previous = heldOf(credential.signing);
  const { serialNumber, label, model, manufacturer } = credential.token;
  const token = { serialNumber, label, model, manufacturer };
  try {
    const transport = runtime.transportFor({ token, signing: credential.signing });
    const offer = await fetchOffer(transport, previous.der, {
      signal,
      trustAnchors: runtime.trustAnchors,
    });
    const now = runtime.clock.now();
    const record: RenewalRecord = {
      id,
      createdAt: now,
      updatedAt: now,
      token,
      previous,
      encryption: credential.encryption && heldOf(credential.encryption),
      offer,
      application: { status: "draft", revision: 1, reasons: [] },
      issuance: { status: "none" },
      outbox: [],
      fence: 0,
      secrets: {},
    };
    await saveRecord(runtime.store, record, 0);
    const renewal = await runtime.handleOf(record);
    runtime.emitter.emit("state", { renewal, state: "draft", previous: undefined });
    runtime.emitter.emit("stage", { renewal, stage: "application", previous: undefined });
    return renewal as Draft;
  } catch (error) {
    await runtime.store.remove(claim.key, claim.revision).catch(() => undefined);
    throw error;
  }
}

/** The renewal that a certificate belongs to, under way or the last one. */
export async function renewalIdFor(runtime: Runtime, sha256: string): Promise<string | undefined> {
  return readClaim(await runtime.store.load(storeKeys.certificate(sha256)))?.renewalId;
}

/** Whether the renewal is stored and not over. An unreadable record may be open at the RA, and counts as under way. */
export async function isUnderWay(runtime: Runtime, id: string): Promise<boolean> {
  try {
    const { record } = await loadRecord(runtime.store, id);
    return !["completed", "closed"].includes(deriveState(record));
  } catch (error) {
    return errorCode(error) !== "ERR_RECORD_NOT_FOUND";
  }
}

/** Frees the certificate of a renewal whose record, which may have been unreadable, was erased. */
export async function releaseCertificate({ store }: Runtime, renewalId: string): Promise<void> {
  for (const key of await store.list(storeKeys.certificate(""))) {
    const stored = await store.load(key);
    if (stored && readClaim(stored)?.renewalId === renewalId) {
      await store.remove(key, stored.revision);
    }
  }
}

async function claimCertificate(
  runtime: Runtime,
  sha256: string,
  renewalId: string,
): Promise<{ readonly key: string; readonly revision: number }> {
  const key = storeKeys.certificate(sha256);
  const stored = await runtime.store.load(key);
  const held = readClaim(stored);
  if (held && (await isTaken(runtime, held))) throw await inProgress(runtime, held.renewalId);
  const document = {
    format: "certrenew/certificate",
    version: 1,
    renewalId,
    owner: { ...(await identifyThisProcess()) },
    takenAt: runtime.clock.now().toISOString(),
  };
  try {
    return { key, revision: await runtime.store.save(key, document, stored?.revision ?? 0) };
  } catch (error) {
    if (errorCode(error) !== "ERR_STORE_CONFLICT") throw error;
    const winner = readClaim(await runtime.store.load(key));
    throw await inProgress(runtime, winner?.renewalId ?? renewalId);
  }
}

type CertificateClaim = z.output<typeof claimSchema>;

function readClaim(stored: Stored | undefined): CertificateClaim | undefined {
  return stored && claimSchema.safeDecode(stored.document as z.input<typeof claimSchema>).data;
}

/** A claim without a record is a start that is under way, or one that died before its draft was stored. */
async function isTaken(runtime: Runtime, claim: CertificateClaim): Promise<boolean> {
  if (await isUnderWay(runtime, claim.renewalId)) return true;
  const stored = await runtime.store.load(storeKeys.renewal(claim.renewalId));
  return stored === undefined && isHeld(runtime, claim);
}

async function inProgress(runtime: Runtime, id: string): Promise<RenewalError> {
  return inContext(runtime, id, new RenewalError("ERR_RENEWAL_IN_PROGRESS", { details: { id } }));
}

function heldOf({ der, keyId, label }: Credential["signing"]): HeldCertificate {
  return { der, keyId: new Uint8Array(Buffer.from(keyId, "hex")), label };
}
