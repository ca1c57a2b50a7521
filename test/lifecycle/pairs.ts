import { sign, verify, X509Certificate } from "node:crypto";
import type { MockToken } from "certrenew/drivers/mock";
import type { World } from "./world.js";

/** The certificates that the CA issued for renewals and did not revoke, DER. */
export async function validCertificates({ ra }: World): Promise<readonly Uint8Array[]> {
  const certificates = await ra.admin.certificates();
  return certificates
    .filter(({ renewalId, revokedAt }) => renewalId !== undefined && revokedAt === undefined)
    .map(({ pem }) => new Uint8Array(new X509Certificate(pem).raw));
}

/** Whether a certificate stands on a token with a key that signs what it verifies. */
export function pairWorks({ certificates, keys }: MockToken, der: Uint8Array): boolean {
  const held = certificates.find((each) => Buffer.compare(each.der, der) === 0);
  const key = keys.find(({ keyId }) => held && Buffer.compare(keyId, held.keyId) === 0);
  if (!held || !key) return false;
  const message = Buffer.from("mine now");
  const { publicKey } = new X509Certificate(der);
  return verify("sha256", message, publicKey, sign("sha256", message, key.privateKey));
}
