import { createHash } from "node:crypto";
import { parseCertificate } from "./pki/certificate.js";
import type { Choice, HeldCertificate, RenewalRecord, RequestedKey } from "./record.js";

/** For which use a key pair is made, and the how-manieth of this renewal it is. */
export interface KeyPurpose {
  readonly use: "signing" | "encryption";
  /** 0 with the application; one more each time that the one before was of no use. */
  readonly issue: number;
}

/**
 * The key for which a certificate is asked. With `renew` the old one. With `re-key` one under a CKA_ID of our own, which
 * follows from the renewal: what an interrupted try left on the token is found again, from any computer.
 */
export function requestedKeyFor(
  record: Pick<RenewalRecord, "id" | "createdAt">,
  { keyMode, keyAlgorithm }: Pick<Choice, "keyMode" | "keyAlgorithm">,
  previous: HeldCertificate,
  purpose: KeyPurpose,
): RequestedKey {
  const { spki, keyAlgorithm: present } = parseCertificate(previous.der);
  if (keyMode === "renew") {
    const { keyId, label } = previous;
    return { keyId, label, algorithm: present ?? keyAlgorithm, spki };
  }
  const month = record.createdAt.toISOString().slice(0, 7);
  return {
    keyId: keyIdOf(record.id, purpose),
    label: `${previous.label || "certificate"} ${month}`,
    algorithm: keyAlgorithm,
  };
}

/** CKA_ID, 20 bytes. */
function keyIdOf(renewalId: string, { use, issue }: KeyPurpose): Uint8Array {
  const name = [
    `certrenew key pair ${renewalId}`,
    ...(use === "encryption" ? [use] : []),
    ...(issue > 0 ? [String(issue)] : []),
  ].join(" ");
  return new Uint8Array(createHash("sha256").update(name).digest().subarray(0, 20));
}
