import type { StepContext } from "../context.js";
import { type SignedOffer, signedOfferSchema } from "../domain/offer.js";
import { RenewalError } from "../errors.js";
import { parseCertificate, sha256Hex } from "../pki/certificate.js";
import type { OfferCallOptions, Transport } from "../ports/transport.js";
import { problemsOf } from "../problems.js";

/** draft → draft with a fresh offer. */
export async function refreshOffer(context: StepContext): Promise<void> {
  const { record, transport, signal } = context;
  const offer = await fetchOffer(transport, record.previous.der, {
    signal,
    trustAnchors: context.runtime.trustAnchors,
    encryption: record.encryption?.der,
  });
  context.set((current) => ({ ...current, offer }));
}

/** draft → closed. Nothing was sent. */
export async function discard(context: StepContext): Promise<void> {
  context.set((record) => ({
    ...record,
    application: { ...record.application, status: "discarded" },
  }));
}

/** @throws ERR_UNSUPPORTED, ERR_RA_RESPONSE when the offer is for another certificate, and what the transport throws */
export async function fetchOffer(
  transport: Transport,
  certificate: Uint8Array,
  options: OfferCallOptions,
): Promise<SignedOffer> {
  if (!transport.business) {
    throw new RenewalError("ERR_UNSUPPORTED", {
      details: { transport: transport.name, reason: "it has no offers" },
    });
  }
  const signed = await transport.business.offer(certificate, options);
  // Whatever is wrong must show here: what cannot be stored would cost the step that asked.
  const { error } = signedOfferSchema.safeEncode(
    signed as Parameters<typeof signedOfferSchema.safeEncode>[0],
  );
  if (error) throw new RenewalError("ERR_RA_RESPONSE", { problems: problemsOf(error) });
  const { certificateSha256, encryption } = signed.offer;
  const isOurs =
    certificateSha256 === parseCertificate(certificate).sha256 &&
    (encryption === undefined ||
      (options.encryption && encryption.certificateSha256 === sha256Hex(options.encryption)));
  if (!isOurs) {
    throw new RenewalError("ERR_RA_RESPONSE", {
      details: { reason: "the offer is for another certificate" },
    });
  }
  return signed;
}
