import type { StepContext } from "../context.js";
import type { OfferTerm } from "../domain/offer.js";
import { RenewalError } from "../errors.js";
import { deliver, intoOutbox, pendingExchange, settle } from "../outbox.js";
import { parseCertificate } from "../pki/certificate.js";
import { createRequest } from "../pki/request.js";
import type { Session } from "../ports/driver.js";
import type { Exchange, Signer } from "../ports/transport.js";
import type { Choice, RequestedKey } from "../record.js";
import { freshId } from "../runtime.js";
import { previousSigner, tokenSigner } from "../signers.js";
import type { ContinueOptions, UnlockingStepOptions } from "../step-options.js";
import { tokenAccess } from "../unlock.js";

/** How long the RA may take a signed application for fresh. Long enough for an outage, short against a replay. */
const APPLICATION_LIFETIME_MS = 60 * 60 * 1000;

/** Signs what the record in `submitting` asks for, saves it, and sends it. */
export async function apply(context: StepContext, options: UnlockingStepOptions): Promise<void> {
  try {
    await signApplication(context, options);
  } catch (error) {
    // Nothing was sent, so the holder may decide anew; a key pair that was made is found by its CKA_ID.
    await backToDraft(context).catch(() => undefined);
    throw error;
  }
  const exchange = pendingExchange(context.record, "application");
  if (exchange) await deliver(context, exchange);
}

/** submitting → asks what became of the application; sends the same bytes again; signs where nothing was signed yet. */
export async function continueSubmitting(
  context: StepContext,
  options: ContinueOptions,
): Promise<void> {
  const exchange = pendingExchange(context.record, "application");
  if (exchange) await settle(context, exchange, options);
  else await apply(context, options);
}

async function backToDraft(context: StepContext): Promise<void> {
  if (context.record.application.status !== "submitting") return;
  if (pendingExchange(context.record, "application")) return;
  await context.save((record) => ({
    ...record,
    application: { ...record.application, status: "draft" },
  }));
}

async function signApplication(context: StepContext, options: UnlockingStepOptions): Promise<void> {
  const { choice, requestedKey } = context.record.application;
  if (!choice || !requestedKey) {
    throw new RenewalError("ERR_RECORD_CORRUPT", { details: { reason: "no choice to apply for" } });
  }
  const access = tokenAccess(context, "submit", options);
  await access.use(async (session) => {
    const previous = await previousSigner(context, session);
    const requested =
      choice.keyMode === "renew" ? previous : await freshSigner(context, session, requestedKey);
    const request = await createRequest({
      subjectDer: parseCertificate(context.record.previous.der).subjectDer,
      signer: requested,
    });
    const exchange = await prepare(context, choice, request, { previous, requested });
    await context.save((record) => ({
      ...intoOutbox(record, exchange),
      application: {
        ...record.application,
        requestedKey: { ...requestedKey, spki: requested.spki },
        request,
        signed: exchange.signed,
      },
    }));
  });
}

/** The new key pair: the one that an interrupted try made, or a new one under the CKA_ID that was saved for it. */
async function freshSigner(
  context: StepContext,
  session: Session,
  { keyId, label, algorithm }: RequestedKey,
): Promise<Signer> {
  const { signal } = context;
  const found = await session.findKeyPair({ keyId }, { signal });
  if (found?.algorithm === algorithm) return tokenSigner(context, session, found);
  // Half a pair, or one of another algorithm, that we made and never used: the CKA_ID is ours alone.
  await session.destroy({ kind: "key-pair", keyId, signal });
  context.activity("generating-key-pair");
  const made = await session.generateKeyPair({ algorithm, keyId, label, signal });
  return tokenSigner(context, session, made);
}

async function prepare(
  context: StepContext,
  choice: Choice,
  request: Uint8Array,
  signers: { readonly previous: Signer; readonly requested: Signer },
): Promise<Exchange> {
  const { runtime, record, signal } = context;
  const { offer, document } = record.offer;
  const signedAt = context.now();
  const lifetimeEnd = new Date(signedAt.getTime() + APPLICATION_LIFETIME_MS);
  const content = {
    renewalId: record.id,
    revision: record.application.revision,
    idempotencyKey: freshId(runtime),
    offer,
    offerDocument: document,
    certificate: record.previous.der,
    request,
    agreement: {
      version: offer.agreement.version,
      sha256: offer.agreement.sha256,
      acceptedAt: choice.acceptedAt,
    },
    years: choice.years,
    price: termOf(offer.terms.years, choice.years).total,
    keyMode: choice.keyMode,
    keyAlgorithm: choice.keyAlgorithm,
    form: choice.form,
    acknowledged: choice.acknowledged,
    followSecret: record.secrets.followSecret ?? "",
    nonce: freshId(runtime),
    signedAt,
    expiresAt: lifetimeEnd < offer.expiresAt ? lifetimeEnd : offer.expiresAt,
  };
  return context.transport.prepare(content, signers, { signal });
}

export function termOf(terms: readonly OfferTerm[], years: number): OfferTerm {
  const term = terms.find((candidate) => candidate.years === years);
  if (!term)
    throw new RenewalError("ERR_RECORD_CORRUPT", {
      details: { reason: "the term is not offered" },
    });
  return term;
}
