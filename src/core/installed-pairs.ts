import { RenewalError } from "./errors.js";
import { parseCertificate } from "./pki/certificate.js";
import type { RenewalRecord, RequestedKey } from "./record.js";

/** A new certificate and where its key stands: the signing one, and the encryption one that was renewed together with it. */
export interface InstalledPair {
  readonly use: "signing" | "encryption";
  readonly certificate: Uint8Array;
  readonly keyId: Uint8Array;
  readonly label: string;
  readonly spki: Uint8Array;
}

/** What is to be written, proven and confirmed; the signing pair first. @throws ERR_RECORD_CORRUPT where nothing was collected */
export function pairsOf({
  application,
  issuance,
}: RenewalRecord): readonly [InstalledPair, ...InstalledPair[]] {
  const { collected } = issuance;
  const { requestedKey, encryption } = application;
  if (!collected || !requestedKey) {
    throw new RenewalError("ERR_RECORD_CORRUPT", { details: { reason: "nothing to install" } });
  }
  const signing = pairOf("signing", collected.certificate, requestedKey);
  if (!collected.encryption || !encryption) return [signing];
  return [signing, pairOf("encryption", collected.encryption.certificate, encryption.key)];
}

function pairOf(
  use: InstalledPair["use"],
  certificate: Uint8Array,
  { keyId, label }: RequestedKey,
): InstalledPair {
  // The key was compared with the certificate when it was collected.
  const { spki } = parseCertificate(certificate);
  return { use, certificate, keyId, label, spki };
}
