import type { z } from "zod";
import type { Clock } from "../../core/clock.js";
import type { SignedOffer } from "../../core/domain/offer.js";
import { RenewalError } from "../../core/errors.js";
import { sha256Hex } from "../../core/pki/certificate.js";
import { DerError } from "../../core/pki/der-error.js";
import { CMC_RA } from "../../core/pki/extensions.js";
import { verifySignedData } from "../../core/pki/signed-data.js";
import { verifyChain } from "../../core/pki/verify.js";
import type { Endpoint } from "./endpoint.js";
import { responseFailure } from "./failures.js";
import { cleanJson, isCleanText, JsonError, parseCanonicalJson } from "./wire/json.js";
import type { RaDocument } from "./wire/messages.js";
import {
  offerStatementSchema,
  type ReceiptStatement,
  receiptStatementSchema,
} from "./wire/statements.js";

export interface DocumentRules {
  readonly endpoint: Endpoint;
  readonly trustAnchors: readonly Uint8Array[];
  /** Whether a document that is not signed is refused. */
  readonly required: boolean;
  readonly clock: Pick<Clock, "now">;
}

/**
 * The offer for a certificate, taken from what the RA signed.
 * @throws ERR_RA_UNTRUSTED, ERR_RA_RESPONSE
 */
export function openOffer(
  document: RaDocument,
  asked: { readonly nonce: string; readonly certificateSha256: string },
  rules: DocumentRules,
): SignedOffer {
  return readOffer(document, asked, rules);
}

/**
 * An offer of long ago, as the RA kept it. What it must fit is what the applicant signed.
 * @throws ERR_RA_UNTRUSTED, ERR_RA_RESPONSE
 */
export function openArchivedOffer(
  document: RaDocument,
  certificateSha256: string,
  rules: DocumentRules,
): SignedOffer {
  return readOffer(document, { nonce: undefined, certificateSha256 }, rules);
}

function readOffer(
  document: RaDocument,
  asked: { readonly nonce: string | undefined; readonly certificateSha256: string },
  rules: DocumentRules,
): SignedOffer {
  const octets = authenticContent(document, rules);
  const { offer, requestNonce } = readStatement(octets, offerStatementSchema);
  // The hash is of the text as the RA wrote it, so a text that would have to be cleaned first is refused.
  const { text, sha256 } = agreementOf(octets);
  if (asked.nonce !== undefined && requestNonce !== asked.nonce) {
    throw responseFailure("an offer for another request");
  }
  if (offer.certificateSha256 !== asked.certificateSha256) {
    throw responseFailure("an offer for another certificate");
  }
  if (offer.origin !== rules.endpoint.origin) throw responseFailure("an offer of another origin");
  if (!isCleanText(text)) throw responseFailure("control characters in the agreement");
  if (sha256Hex(new TextEncoder().encode(text)) !== sha256) {
    throw responseFailure("the agreement's hash is not its text's");
  }
  return { offer, ...("signed" in document && { document: document.signed }) };
}

/**
 * The RA's receipt for exactly this exchange; `undefined` where none was signed and none is required.
 * @throws ERR_RA_UNTRUSTED, ERR_RA_RESPONSE
 */
export function openReceipt(
  document: RaDocument,
  sent: Pick<ReceiptStatement, "renewalId" | "idempotencyKey" | "exchangeSha256">,
  rules: DocumentRules,
): Uint8Array | undefined {
  const receipt = readStatement(authenticContent(document, rules), receiptStatementSchema);
  const fits =
    receipt.origin === rules.endpoint.origin &&
    receipt.renewalId === sent.renewalId &&
    receipt.idempotencyKey === sent.idempotencyKey &&
    receipt.exchangeSha256 === sent.exchangeSha256;
  if (!fits) throw responseFailure("a receipt for another exchange");
  return "signed" in document ? document.signed : undefined;
}

/** The content that the RA vouches for: signed by a certificate that chains to an anchor and may speak for an RA. */
function authenticContent(document: RaDocument, rules: DocumentRules): Uint8Array {
  if ("unsigned" in document) {
    if (rules.required) throw untrusted("the document is not signed");
    return document.unsigned;
  }
  try {
    const { content, signerCertificate, certificates } = verifySignedData(document.signed);
    const verdict = verifyChain({
      certificate: signerCertificate.der,
      intermediates: certificates,
      trustAnchors: rules.trustAnchors,
      at: rules.clock.now(),
      extendedKeyUsage: CMC_RA,
    });
    if (verdict.problem !== undefined) throw untrusted(verdict.problem);
    // An unrestricted certificate, or one for any purpose, is none for this one.
    if (!signerCertificate.extendedKeyUsage.includes(CMC_RA)) {
      throw untrusted("the signer is not an RA (id-kp-cmcRA)");
    }
    return content;
  } catch (cause) {
    if (cause instanceof DerError) throw untrusted(cause.message, cause);
    throw cause;
  }
}

/** @throws ERR_RA_RESPONSE */
export function readStatement<S extends z.ZodType>(octets: Uint8Array, schema: S): z.output<S> {
  try {
    const result = schema.safeDecode(cleanJson(parseCanonicalJson(octets)) as z.input<S>);
    if (result.success) return result.data;
    throw responseFailure("the signed document is not as the protocol says", result.error);
  } catch (cause) {
    if (cause instanceof JsonError)
      throw responseFailure(`the signed document: ${cause.message}`, cause);
    throw cause;
  }
}

function agreementOf(octets: Uint8Array): { readonly text: string; readonly sha256: string } {
  const raw = parseCanonicalJson(octets) as {
    offer: { agreement: { text: string; sha256: string } };
  };
  return raw.offer.agreement;
}

function untrusted(reason: string, cause?: unknown): RenewalError {
  return new RenewalError("ERR_RA_UNTRUSTED", { cause, details: { reason } });
}
