/** The key pairs that `certrenew` generates and signs with: PKCS#1 (RFC 8017) and RFC 5480 named curves. */
export const KEY_ALGORITHMS = ["rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384"] as const;

/** One of {@link KEY_ALGORITHMS}. */
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number];

/**
 * Names of RFC 4055 and RFC 5758. What each is made of stands in `pki/algorithms.ts`. RSASSA-PSS is with MGF1 of the same
 * hash, and a salt as long as the hash.
 */
export const SIGNATURE_ALGORITHMS = [
  "sha256WithRSAEncryption",
  "sha384WithRSAEncryption",
  "sha512WithRSAEncryption",
  "RSASSA-PSS-SHA256",
  "RSASSA-PSS-SHA384",
  "RSASSA-PSS-SHA512",
  "ecdsa-with-SHA256",
  "ecdsa-with-SHA384",
] as const;

/** One of {@link SIGNATURE_ALGORITHMS}. */
export type SignatureAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number];

/** Which RSA signatures are preferred where a token makes both: RSASSA-PKCS1-v1_5 or RSASSA-PSS (RFC 8017 §8). */
export const RSA_PADDINGS = ["pkcs1", "pss"] as const;

/** One of {@link RSA_PADDINGS}. */
export type RsaPadding = (typeof RSA_PADDINGS)[number];

/** RFC 8017 §7. OAEP is with MGF1 of the same hash, and an empty label. */
export const DECRYPTION_ALGORITHMS = [
  "rsaes-pkcs1-v1_5",
  "rsaes-oaep-sha1",
  "rsaes-oaep-sha256",
  "rsaes-oaep-sha384",
  "rsaes-oaep-sha512",
] as const;

/** One of {@link DECRYPTION_ALGORITHMS}. */
export type DecryptionAlgorithm = (typeof DECRYPTION_ALGORITHMS)[number];

/**
 * What a key pair is for. `signing`: it signs, and does not decrypt. `encryption`: it decrypts, and signs as well where it is
 * made on the token, for it has to sign its own certification request (RFC 2986).
 */
export const KEY_PAIR_USAGES = ["signing", "encryption"] as const;

/** One of {@link KEY_PAIR_USAGES}. */
export type KeyPairUsage = (typeof KEY_PAIR_USAGES)[number];
