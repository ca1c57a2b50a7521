import { parseCertificate, sha256Hex } from "../pki/certificate.js";
import type { LinkTarget } from "./collection.js";
import { hashOfCertificate, hashOfFile } from "./openssl.js";

/** Paths in the archive that more than one part speaks of. */
export const NAME = {
  previous: "certificates/previous.pem",
  previousEncryption: "certificates/previous-encryption.pem",
  renewed: "certificates/new.pem",
  renewedEncryption: "certificates/new-encryption.pem",
  offer: "offer/offer.p7m",
  agreement: "offer/agreement.txt",
  request: "requests/signing.p10",
  encryptionRequest: "requests/encryption.p10",
  publicKey: "installation/public-key.pem",
} as const;

/** The requests of one moment: the last ones, on which the certificates are issued, or those that others took the place of. */
export function requestNames(generation: number, isLast: boolean) {
  if (isLast) return { signing: NAME.request, encryption: NAME.encryptionRequest } as const;
  const folder = `requests/replaced-${generation}`;
  return { signing: `${folder}/signing.p10`, encryption: `${folder}/encryption.p10` } as const;
}

export const applicationName = (revision: number): string =>
  `application/${revision}/application.p7m`;

export function fileTarget(name: string, content: Uint8Array): LinkTarget {
  return { name, sha256: sha256Hex(content), command: hashOfFile(name) };
}

/** The hash is of the DER, the file is PEM. */
export function certificateTarget(name: string, der: Uint8Array): LinkTarget {
  return { name, sha256: parseCertificate(der).sha256, command: hashOfCertificate(name) };
}
