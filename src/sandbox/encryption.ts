import type { EncryptionTerms, Offer } from "../core/domain/offer.js";
import {
  isCertificate,
  parseCertificate,
  permitsKeyUsage,
  sha256Hex,
} from "../core/pki/certificate.js";
import { bytesEqual } from "../core/pki/der.js";
import type { ApplicationStatement } from "../transport/http/wire/statements.js";
import type { Office } from "./office.js";
import { Refusal } from "./refusal.js";

/** The encryption certificate beside the signing one: renewed together, or kept with a word why. */

/** What the offer says of it. @throws Refusal when it is no certificate */
export function encryptionTerms(
  office: Office,
  signing: Uint8Array,
  encryption: Uint8Array,
): EncryptionTerms {
  if (!isCertificate(encryption)) {
    throw new Refusal("ERR_ARGUMENT", "the encryption certificate cannot be read", {
      problems: [{ pointer: "/encryptionCertificate", message: "is not a certificate" }],
    });
  }
  const certificateSha256 = sha256Hex(encryption);
  const { renewal, note } = office.state.policy.encryption;
  if (renewal === "kept") {
    return {
      certificateSha256,
      renewal,
      note: note ?? "this RA does not renew encryption certificates",
    };
  }
  const unfit = whyNot(office, signing, encryption);
  if (unfit !== undefined) return { certificateSha256, renewal: "kept", note: unfit };
  return { certificateSha256, renewal, note };
}

/** What the request for the new one has to be like; nothing where none is renewed. @throws Refusal */
export function encryptionPart(
  { state }: Office,
  { encryption }: ApplicationStatement,
  offer: Pick<Offer, "encryption">,
): { readonly previous: Uint8Array; readonly sha256: string | undefined } | undefined {
  const terms = offer.encryption;
  if (terms?.renewal !== "together") {
    if (!encryption) return undefined;
    throw new Refusal("ERR_RA_REFUSED", "the offer does not renew the encryption certificate");
  }
  const previous = state.certificates[terms.certificateSha256];
  if (!encryption || encryption.certificateSha256 !== terms.certificateSha256 || !previous) {
    throw new Refusal("ERR_RA_REFUSED", "the offer renews the encryption certificate as well");
  }
  return { previous: previous.der, sha256: encryption.requestSha256 };
}

/** Why an encryption certificate cannot be renewed together with the signing one. */
function whyNot({ state }: Office, signing: Uint8Array, der: Uint8Array): string | undefined {
  const entry = state.certificates[sha256Hex(der)];
  if (!entry) return "another CA issued the encryption certificate";
  if (entry.revokedAt) return "the encryption certificate is revoked";
  const certificate = parseCertificate(der);
  if (!bytesEqual(certificate.subjectDer, parseCertificate(signing).subjectDer)) {
    return "the encryption certificate is somebody else's";
  }
  const encrypts = (["keyEncipherment", "dataEncipherment", "keyAgreement"] as const).some(
    (usage) => permitsKeyUsage(certificate, usage),
  );
  if (!encrypts || bytesEqual(der, signing)) return "the certificate is not for encryption";
  return undefined;
}
