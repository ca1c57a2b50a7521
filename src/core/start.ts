import { claimCertificate, renewClaim } from "./certificate-claim.js";
import { whileMarked } from "./claim.js";
import type { Credential } from "./credentials.js";
import { identityOf } from "./domain/token-identity.js";
import { type ErrorCode, RenewalError } from "./errors.js";
import type { Draft } from "./lifecycle.js";
import { parseCertificate } from "./pki/certificate.js";
import type { RenewalRecord } from "./record.js";
import { saveRecord } from "./record-store.js";
import { freshId, type Runtime } from "./runtime.js";
import type { StepOptions } from "./step-options.js";
import { fetchOffer } from "./steps/draft.js";
import { heldOf } from "./summaries.js";

/**
 * Fetches the offer for a certificate and stores a draft. Nothing is sent but the certificate; nothing is written to the token.
 * @throws ERR_CERTIFICATE_*, ERR_PIN_LOCKED, ERR_RENEWAL_IN_PROGRESS with the renewal to go on with, ERR_RECORD_CORRUPT where
 *   the store cannot tell whether there is one, and what the transport throws
 */
export async function startRenewal(
  runtime: Runtime,
  credential: Credential,
  options: StepOptions,
): Promise<Draft> {
  assertEligible(runtime, credential);
  const record = await whileMarked((mark) => storeDraft(runtime, credential, options, mark));
  const renewal = await runtime.handleOf(record);
  runtime.emitter.emit("state", { renewal, state: "draft", previous: undefined });
  runtime.emitter.emit("stage", { renewal, stage: "application", previous: undefined });
  return renewal as Draft;
}

/** A credential may have been listed a while ago: what can be seen without the token is looked at again. */
function assertEligible(runtime: Runtime, { eligibility, signing, token }: Credential): void {
  const { reasons } = eligibility;
  const fail = (code: ErrorCode, details = {}) => {
    throw new RenewalError(code, { details: { ...details, reasons: [...reasons] } });
  };
  if (reasons.includes("expired") || signing.notAfter <= runtime.clock.now()) {
    fail("ERR_CERTIFICATE_EXPIRED", { notAfter: signing.notAfter.toISOString() });
  }
  if (reasons.includes("pin-locked")) fail("ERR_PIN_LOCKED", { token: token.label });
  // What the store knows is asked of it again, when the certificate is claimed.
  const others = reasons.filter(
    (reason) => reason !== "renewal-in-progress" && reason !== "already-renewed",
  );
  if (others.length > 0) fail("ERR_CERTIFICATE_INELIGIBLE", { reason: others.join(", ") });
}

async function storeDraft(
  runtime: Runtime,
  { token, signing, encryption }: Credential,
  { signal }: StepOptions,
  mark: string,
): Promise<RenewalRecord> {
  const id = freshId(runtime);
  const { sha256 } = parseCertificate(signing.der);
  let claim = await claimCertificate(runtime, sha256, id, mark);
  try {
    const reference = { token: identityOf(token), signing };
    const offer = await fetchOffer(runtime.transportFor(reference), signing.der, {
      signal,
      trustAnchors: runtime.trustAnchors,
      encryption: encryption?.der,
    });
    const now = runtime.clock.now();
    const record: RenewalRecord = {
      id,
      createdAt: now,
      updatedAt: now,
      token: reference.token,
      previous: heldOf(signing),
      encryption: encryption && heldOf(encryption),
      offer,
      application: { status: "draft", revision: 1, reasons: [] },
      issuance: { status: "none" },
      outbox: [],
      fence: 0,
      secrets: {},
    };
    claim = await renewClaim(runtime, claim);
    return (await saveRecord(runtime.store, record, 0)).record;
  } catch (error) {
    await runtime.store.remove(claim.key, claim.revision).catch(() => undefined);
    throw error;
  }
}
