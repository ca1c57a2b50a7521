import { constants, createPublicKey, type KeyObject, verify } from "node:crypto";
import {
  KEY_ALGORITHMS,
  type KeyAlgorithm,
  type RsaPadding,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
} from "../domain/key-algorithm.js";
import {
  type DerElement,
  DerReader,
  encodeBits,
  encodeNull,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
  readDer,
  readInteger,
  readOctetAlignedBits,
  readOid,
  TAG,
} from "./der.js";
import { DerError } from "./der-error.js";
import { type Hash, hashLength } from "./hashes.js";
import { pssHashOf, pssParameters } from "./rsa-pss.js";

/** What a key pair is made of. */
export type KeyParameters =
  | { readonly type: "rsa"; readonly modulusLength: number }
  | {
      readonly type: "ec";
      /** OID of the named curve (RFC 5480 §2.1.1.1), dotted. */
      readonly curve: string;
      /** Octets of one coordinate, and of each half of a raw ECDSA signature. */
      readonly coordinateLength: number;
      /** ECDSA with the hash that has the curve's strength (RFC 5480 §4). */
      readonly signature: SignatureAlgorithm;
    };

const KEYS: Readonly<Record<KeyAlgorithm, KeyParameters>> = {
  "rsa-2048": { type: "rsa", modulusLength: 2048 },
  "rsa-3072": { type: "rsa", modulusLength: 3072 },
  "rsa-4096": { type: "rsa", modulusLength: 4096 },
  "ec-p256": {
    type: "ec",
    curve: "1.2.840.10045.3.1.7",
    coordinateLength: 32,
    signature: "ecdsa-with-SHA256",
  },
  "ec-p384": {
    type: "ec",
    curve: "1.3.132.0.34",
    coordinateLength: 48,
    signature: "ecdsa-with-SHA384",
  },
};

type SignatureParameters =
  | {
      readonly type: "rsa";
      readonly padding: RsaPadding;
      readonly oid: string;
      readonly hash: Hash;
    }
  | {
      readonly type: "ec";
      readonly padding?: undefined;
      readonly oid: string;
      readonly hash: Hash;
    };

/** RFC 4055 §3.1: one identifier for every hash, which its parameters name. */
const RSASSA_PSS = "1.2.840.113549.1.1.10";

const pkcs1 = (oid: string, hash: Hash) => ({ type: "rsa", padding: "pkcs1", oid, hash }) as const;
const pss = (hash: Hash) => ({ type: "rsa", padding: "pss", oid: RSASSA_PSS, hash }) as const;
const ecdsa = (oid: string, hash: Hash) => ({ type: "ec", oid, hash }) as const;

/** RFC 4055 §5 (parameters are NULL), §3.1 (RSASSA-PSS-params), and RFC 5758 §3.2 (parameters are absent). */
const SIGNATURES: Readonly<Record<SignatureAlgorithm, SignatureParameters>> = {
  sha256WithRSAEncryption: pkcs1("1.2.840.113549.1.1.11", "sha256"),
  sha384WithRSAEncryption: pkcs1("1.2.840.113549.1.1.12", "sha384"),
  sha512WithRSAEncryption: pkcs1("1.2.840.113549.1.1.13", "sha512"),
  "RSASSA-PSS-SHA256": pss("sha256"),
  "RSASSA-PSS-SHA384": pss("sha384"),
  "RSASSA-PSS-SHA512": pss("sha512"),
  "ecdsa-with-SHA256": ecdsa("1.2.840.10045.4.3.2", "sha256"),
  "ecdsa-with-SHA384": ecdsa("1.2.840.10045.4.3.3", "sha384"),
};

const RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
const EC_PUBLIC_KEY = "1.2.840.10045.2.1";

/** What a key pair of this algorithm is made of. */
export function keyParameters(key: KeyAlgorithm): KeyParameters {
  return KEYS[key];
}

/** DER of the named curve's OID, as CKA_EC_PARAMS holds it; `undefined` for RSA. */
export function ecParameters(key: KeyAlgorithm): Uint8Array | undefined {
  const parameters = KEYS[key];
  return parameters.type === "ec" ? encodeOid(parameters.curve) : undefined;
}

/** The signatures that a key can make, the preferred one first: PKCS#1 v1.5, which everybody reads, before PSS. */
export function signatureAlgorithmsFor(key: KeyAlgorithm): readonly SignatureAlgorithm[] {
  const parameters = KEYS[key];
  if (parameters.type === "ec") return [parameters.signature];
  return SIGNATURE_ALGORITHMS.filter((name) => SIGNATURES[name].type === "rsa");
}

/** The same algorithms, RSA signatures of the other padding after those of this one. */
export function inOrderOf(
  preferred: RsaPadding,
  algorithms: readonly SignatureAlgorithm[],
): readonly SignatureAlgorithm[] {
  const isOther = (name: SignatureAlgorithm) => (rsaPaddingOf(name) ?? preferred) !== preferred;
  return [...algorithms.filter((name) => !isOther(name)), ...algorithms.filter(isOther)];
}

export function hashOf(signature: SignatureAlgorithm): Hash {
  return SIGNATURES[signature].hash;
}

/** `undefined` for ECDSA. */
export function rsaPaddingOf(signature: SignatureAlgorithm): RsaPadding | undefined {
  return SIGNATURES[signature].padding;
}

/** The key as `sign` and `verify` of node:crypto take it for this algorithm. */
export function cryptoKey(
  key: KeyObject,
  algorithm: SignatureAlgorithm,
): { readonly key: KeyObject; readonly padding?: number; readonly saltLength?: number } {
  if (rsaPaddingOf(algorithm) !== "pss") return { key };
  const saltLength = hashLength(hashOf(algorithm));
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
}

/**
 * The algorithm of a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, DER), `undefined` for one that is not in the table; a key for
 * RSASSA-PSS alone is in none.
 * @throws DerError when it is not a SubjectPublicKeyInfo
 */
export function keyAlgorithmOf(spki: Uint8Array): KeyAlgorithm | undefined {
  const key = readSpki(spki);
  return KEY_ALGORITHMS.find((name) => {
    const row = KEYS[name];
    if (row.type === "ec") return row.curve === key.curve;
    return row.modulusLength === key.modulusLength && key.pssOnly === false;
  });
}

/**
 * Whether the signature over the message is the key's; ECDSA is in DER (RFC 3279 §2.2.3). `false` also for a key of another
 * type, RSA below 2048 bits, a curve that is not in the table, and bytes that are no key at all. A key that is for RSASSA-PSS
 * alone (RFC 4055 §3.1) verifies nothing else, and keeps to its own parameters.
 */
export function verifySignature(
  spki: Uint8Array,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const key = publicKey(spki, SIGNATURES[algorithm]);
    if (key === undefined) return false;
    return verify(hashOf(algorithm), message, cryptoKey(key, algorithm), signature);
  } catch {
    return false;
  }
}

/** DER of an AlgorithmIdentifier (RFC 5280 §4.1.1.2) of a signature. */
export function signatureIdentifier(algorithm: SignatureAlgorithm): Uint8Array {
  const { oid, padding, hash } = SIGNATURES[algorithm];
  const encoded = { pkcs1: [encodeNull()], pss: [pssParameters(hash)] };
  return encodeSequence(encodeOid(oid), ...(padding === undefined ? [] : encoded[padding]));
}

/**
 * The algorithm of a signature's AlgorithmIdentifier, `undefined` for one that is not in the table. CMS may name the key's
 * algorithm alone, rsaEncryption (RFC 5754 §3.2): then `hash` completes it.
 */
export function signatureAlgorithmOf(
  identifier: DerElement,
  hash?: Hash,
): SignatureAlgorithm | undefined {
  const fields = new DerReader(identifier);
  const oid = readOid(fields.next());
  const parameters = fields.done ? undefined : fields.next();
  fields.end();
  if (oid === RSASSA_PSS) {
    const named = parameters && pssHashOf(parameters);
    return SIGNATURE_ALGORITHMS.find(
      (name) => SIGNATURES[name].oid === oid && hashOf(name) === named,
    );
  }
  const found = SIGNATURE_ALGORITHMS.find((name) => {
    const row = SIGNATURES[name];
    const isCompleted = oid === RSA_ENCRYPTION && row.padding === "pkcs1" && row.hash === hash;
    return row.oid === oid || isCompleted;
  });
  const tag = found !== undefined && SIGNATURES[found].type === "rsa" ? TAG.null : undefined;
  // RSA's NULL is left out by some; ECDSA's parameters shall be absent.
  return parameters === undefined || parameters.tag === tag ? found : undefined;
}

/** SubjectPublicKeyInfo of an RSA key (RFC 3279 §2.3.1) from CKA_MODULUS and CKA_PUBLIC_EXPONENT: unsigned, big-endian. */
export function rsaSpki(modulus: Uint8Array, publicExponent: Uint8Array): Uint8Array {
  const key = encodeSequence(encodeUnsigned(modulus), encodeUnsigned(publicExponent));
  return encodeSequence(encodeSequence(encodeOid(RSA_ENCRYPTION), encodeNull()), encodeBits(key));
}

/**
 * SubjectPublicKeyInfo of an EC key (RFC 5480 §2) from CKA_EC_POINT: an uncompressed point in an OCTET STRING, as
 * PKCS#11 wants it, or bare, as some tokens give it.
 * @throws DerError when the point is of another curve, or compressed
 */
export function ecSpki(algorithm: KeyAlgorithm, point: Uint8Array): Uint8Array {
  const parameters = KEYS[algorithm];
  if (parameters.type !== "ec") throw new DerError(`${algorithm} has no point`);
  const length = 1 + 2 * parameters.coordinateLength;
  const bare = point.length === length ? point : readDer(point, TAG.octetString).contents;
  if (bare.length !== length || bare[0] !== 0x04) {
    throw new DerError(`not an uncompressed point of ${algorithm}`);
  }
  const identifier = encodeSequence(encodeOid(EC_PUBLIC_KEY), encodeOid(parameters.curve));
  return encodeSequence(identifier, encodeBits(bare));
}

/** Ecdsa-Sig-Value (RFC 3279 §2.2.3) from `r || s`, as PKCS#11 returns it: halves of equal length. */
export function ecdsaSigValue(raw: Uint8Array): Uint8Array {
  if (raw.length === 0 || raw.length % 2 !== 0) throw new DerError("not r and s of equal length");
  const half = raw.length / 2;
  return encodeSequence(encodeUnsigned(raw.subarray(0, half)), encodeUnsigned(raw.subarray(half)));
}

interface PublicKeyFacts {
  readonly modulusLength?: number;
  readonly curve?: string;
  /** Of an RSA key whose algorithm is RSASSA-PSS itself. */
  readonly pssOnly?: boolean;
}

/** None of them for a key of another type, or an EC key without a named curve. */
function readSpki(spki: Uint8Array): PublicKeyFacts {
  const fields = new DerReader(readDer(spki));
  const identifier = new DerReader(fields.next());
  const bits = readOctetAlignedBits(fields.next());
  fields.end();
  const oid = readOid(identifier.next());
  if (oid === EC_PUBLIC_KEY) {
    const curve = identifier.optional(TAG.oid);
    return curve === undefined ? {} : { curve: readOid(curve) };
  }
  if (oid !== RSA_ENCRYPTION && oid !== RSASSA_PSS) return {};
  const modulus = readInteger(new DerReader(readDer(bits)).next());
  return { modulusLength: bitLength(modulus), pssOnly: oid === RSASSA_PSS };
}

function bitLength(unsigned: Uint8Array): number {
  const start = unsigned[0] === 0 ? 1 : 0;
  return (unsigned.length - start) * 8 - (Math.clz32(unsigned[start] ?? 0) - 24);
}

function publicKey(spki: Uint8Array, row: SignatureParameters): KeyObject | undefined {
  const { modulusLength = 0, curve, pssOnly = false } = readSpki(spki);
  const accepted =
    row.type === "rsa"
      ? modulusLength >= 2048 && modulusLength <= 16_384 && (!pssOnly || row.padding === "pss")
      : Object.values(KEYS).some((key) => key.type === "ec" && key.curve === curve);
  if (!accepted) return undefined;
  return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
}
