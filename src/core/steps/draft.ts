import type { StepContext } from "../context.js";
import type { SignedOffer } from "../domain/offer.js";
import { RenewalError } from "../errors.js";
import { parseCertificate } from "../pki/certificate.js";
import type { Transport, TransportCallOptions } from "../ports/transport.js";

/** draft → draft with a fresh offer. */
export async function refreshOffer(context: StepContext): Promise<void> {
  const { record, transport, signal } = context;
  const offer = await fetchOffer(transport, record.previous.der, {
    signal,
    trustAnchors: context.runtime.trustAnchors,
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
  options: TransportCallOptions,
): Promise<SignedOffer> {
  if (!transport.business) {
    throw new RenewalError("ERR_UNSUPPORTED", {
      details: { transport: transport.name, reason: "it has no offers" },
    });
  }
  const signed = await transport.business.offer(certificate, options);
  if (signed.offer.certificateSha256 !== parseCertificate(certificate).sha256) {
    throw new RenewalError("ERR_RA_RESPONSE", {
      details: { reason: "the offer is for another certificate" },
    });
  }
  return signed;
}
