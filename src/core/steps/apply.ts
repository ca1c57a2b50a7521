import { eraseDocuments } from "../attachments.js";
import type { StepContext } from "../context.js";
import type { OfferTerm } from "../domain/offer.js";
import { RenewalError } from "../errors.js";
import { deliver, intoOutbox, pendingExchange, settle } from "../outbox.js";
import type { Session } from "../ports/driver.js";
import type { ApplicationContent, ApplicationSigners } from "../ports/transport.js";
import type { Choice, RenewalRecord } from "../record.js";
import { withoutRevision } from "../revisions.js";
import { freshId, type PinReason } from "../runtime.js";
import { previousSigner } from "../signers.js";
import type { ContinueOptions, UnlockingStepOptions } from "../step-options.js";
import { tokenAccess } from "../unlock.js";
import { makeCertificationRequest } from "./certification-requests.js";

/** How long the RA may take a signed application for fresh. Long enough for an outage, short against a replay. */
const APPLICATION_LIFETIME_MS = 60 * 60 * 1000;

/** Signs what the record in `submitting` asks for, saves it, and sends it with its documents. */
export async function apply(
  context: StepContext,
  reason: PinReason,
  options: UnlockingStepOptions,
): Promise<void> {
  try {
    await signApplication(context, reason, options);
  } catch (error) {
    // Nothing was sent, so the holder may decide anew; a key pair that was made is found by its CKA_ID.
    await giveUpUnsigned(context).catch(() => undefined);
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
  const isAmendment = context.record.application.revision > 1;
  if (!exchange) await apply(context, isAmendment ? "amend" : "submit", options);
  else await settle(context, exchange, options);
}

async function giveUpUnsigned(context: StepContext): Promise<void> {
  if (context.record.application.status !== "submitting") return;
  if (pendingExchange(context.record, "application")) return;
  await eraseDocuments(context.runtime, context.record);
  await context.save(withoutRevision);
}

async function signApplication(
  context: StepContext,
  reason: PinReason,
  options: UnlockingStepOptions,
): Promise<void> {
  const { choice } = context.record.application;
  if (!choice) {
    throw new RenewalError("ERR_RECORD_CORRUPT", { details: { reason: "no choice to apply for" } });
  }
  await tokenAccess(context, reason, options).use(async (session) => {
    const previous = await previousSigner(context, session);
    const { requested, made } = await requests(context, session);
    const { application } = context.record;
    const content = contentOf(context, choice, { ...application, ...made });
    const { signal } = context;
    const exchange = await context.transport.prepare(content, { previous, requested }, { signal });
    await context.save((record) => ({
      ...intoOutbox(record, exchange),
      application: { ...record.application, ...made, signed: exchange.signed },
    }));
  });
}

interface Requests {
  readonly requested?: ApplicationSigners["requested"];
  readonly made: Pick<RenewalRecord["application"], "requestedKey" | "request" | "encryption">;
}

/** The certification requests; an amendment has them already, and some terms want them at installation only. */
async function requests(context: StepContext, session: Session): Promise<Requests> {
  const { application, offer, previous, encryption } = context.record;
  const { requestedKey, request } = application;
  if (!requestedKey) {
    throw new RenewalError("ERR_RECORD_CORRUPT", { details: { reason: "no key to apply for" } });
  }
  if (request || offer.offer.terms.requestAt === "installation") return { made: {} };
  const signing = await makeCertificationRequest(context, session, requestedKey, previous);
  const second =
    application.encryption && encryption
      ? await makeCertificationRequest(context, session, application.encryption.key, encryption)
      : undefined;
  return {
    requested: signing.signer,
    made: {
      requestedKey: signing.key,
      request: signing.request,
      ...(second && { encryption: { key: second.key, request: second.request } }),
    },
  };
}

function contentOf(
  context: StepContext,
  choice: Choice,
  { revision, request, encryption }: RenewalRecord["application"],
): ApplicationContent {
  const { runtime, record } = context;
  const { offer, document } = record.offer;
  const signedAt = context.now();
  const lifetimeEnd = new Date(signedAt.getTime() + APPLICATION_LIFETIME_MS);
  // An amendment is of an offer that was taken up in time.
  const endsWithOffer = revision === 1 && offer.expiresAt < lifetimeEnd;
  return {
    renewalId: record.id,
    revision,
    idempotencyKey: freshId(runtime),
    offer,
    offerDocument: document,
    certificate: record.previous.der,
    request,
    encryption: encryption &&
      record.encryption && {
        certificate: record.encryption.der,
        request: encryption.request,
      },
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
    attachments: choice.attachments,
    acknowledged: choice.acknowledged,
    followSecret: record.secrets.followSecret ?? "",
    nonce: freshId(runtime),
    signedAt,
    expiresAt: endsWithOffer ? offer.expiresAt : lifetimeEnd,
  };
}

export function termOf(terms: readonly OfferTerm[], years: number): OfferTerm {
  const term = terms.find((candidate) => candidate.years === years);
  if (!term)
    throw new RenewalError("ERR_RECORD_CORRUPT", {
      details: { reason: "the term is not offered" },
    });
  return term;
}
