import {
  type DerElement,
  DerReader,
  encode,
  encodeNull,
  encodeOid,
  encodeSequence,
  readOid,
  TAG,
} from "./der.js";
import { DerError } from "./der-error.js";

export type Hash = "sha256" | "sha384" | "sha512";

/** RFC 5754 §2. `length` in octets. */
const HASHES: Readonly<Record<Hash, { readonly oid: string; readonly length: number }>> = {
  sha256: { oid: "2.16.840.1.101.3.4.2.1", length: 32 },
  sha384: { oid: "2.16.840.1.101.3.4.2.2", length: 48 },
  sha512: { oid: "2.16.840.1.101.3.4.2.3", length: 64 },
};

/** In octets. */
export function hashLength(hash: Hash): number {
  return HASHES[hash].length;
}

/**
 * DER of a digest's AlgorithmIdentifier: without parameters (RFC 5754 §2), or with the NULL that RSA's structures have
 * (RFC 8017 §A.2.4, RFC 4055 §2.1).
 */
export function hashIdentifier(hash: Hash, parameters: "absent" | "null" = "absent"): Uint8Array {
  return encodeSequence(
    encodeOid(HASHES[hash].oid),
    ...(parameters === "null" ? [encodeNull()] : []),
  );
}

/** The hash that an AlgorithmIdentifier names, with NULL or without, `undefined` for one that is not in the table. */
export function hashNamedBy(identifier: DerElement): Hash | undefined {
  const fields = new DerReader(identifier);
  const oid = readOid(fields.next());
  fields.optional(TAG.null);
  fields.end();
  return (Object.keys(HASHES) as Hash[]).find((name) => HASHES[name].oid === oid);
}

/** DER of a DigestInfo (RFC 8017 §9.2), what a token signs that knows only CKM_RSA_PKCS. */
export function digestInfo(hash: Hash, digest: Uint8Array): Uint8Array {
  const { length } = HASHES[hash];
  if (digest.length !== length)
    throw new DerError(`a ${hash} digest has ${length} octets, not ${digest.length}`);
  return encodeSequence(hashIdentifier(hash, "null"), encode(TAG.octetString, digest));
}
