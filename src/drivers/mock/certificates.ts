import { createHash, X509Certificate } from "node:crypto";

/** SubjectPublicKeyInfo of a certificate; empty for bytes that are none, since a token stores whatever it is given. */
export function publicKeyOf(der: Uint8Array): Uint8Array {
  try {
    const { publicKey } = new X509Certificate(der);
    return new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  } catch {
    return new Uint8Array();
  }
}

export const sha256Of = (der: Uint8Array): string => createHash("sha256").update(der).digest("hex");
