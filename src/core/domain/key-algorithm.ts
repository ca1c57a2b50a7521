/** The key pairs that `certrenew` generates and signs with: PKCS#1 (RFC 8017) and RFC 5480 named curves. */
export const KEY_ALGORITHMS = ["rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384"] as const;

export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number];

/** Names of RFC 4055 and RFC 5758. What each is made of stands in `pki/algorithms.ts`. */
export const SIGNATURE_ALGORITHMS = [
  "sha256WithRSAEncryption",
  "sha384WithRSAEncryption",
  "sha512WithRSAEncryption",
  "ecdsa-with-SHA256",
  "ecdsa-with-SHA384",
] as const;

export type SignatureAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number];
