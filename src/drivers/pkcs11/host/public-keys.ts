import { createPublicKey, randomBytes } from "node:crypto";
import pkcs11 from "pkcs11js";
import { KEY_ALGORITHMS, type KeyAlgorithm } from "../../../core/domain/key-algorithm.js";
import {
  ecParameters,
  ecSpki,
  keyAlgorithmOf,
  keyParameters,
  rsaSpki,
  signatureAlgorithmsFor,
  verifySignature,
} from "../../../core/pki/algorithms.js";
import { parseCertificate } from "../../../core/pki/certificate.js";
import { bytesEqual, encodeUnsigned } from "../../../core/pki/der.js";
import { fromNative } from "../errors.js";
import { readCertificates } from "./certificates.js";
import { signingMechanism } from "./mechanisms.js";
import { findObjects, tryReadAttributes } from "./objects.js";
import { asksForEachUse, isEcKey, signWith } from "./signing.js";
import type { TokenSession } from "./token-session.js";

/** CKA_PUBLIC_KEY_INFO (PKCS#11 v2.40 §4.9), which the binding does not name. */
const CKA_PUBLIC_KEY_INFO = 0x129;

/** SubjectPublicKeyInfo of a key object, from its own attributes; `undefined` where they do not tell it. */
export function ownSpki(session: TokenSession, key: pkcs11.Handle): Uint8Array | undefined {
  const [info, modulus, exponent, parameters, point] = tryReadAttributes(session, key, [
    CKA_PUBLIC_KEY_INFO,
    pkcs11.CKA_MODULUS,
    pkcs11.CKA_PUBLIC_EXPONENT,
    pkcs11.CKA_EC_PARAMS,
    pkcs11.CKA_EC_POINT,
  ]);
  return parsed(() => {
    if (modulus?.length && exponent?.length) return rsaSpki(modulus, exponent);
    const curve = parameters && curveOf(parameters);
    if (curve && point?.length) return ecSpki(curve, point);
    return info?.length && keyAlgorithmOf(info) ? new Uint8Array(info) : undefined;
  });
}

/** The public key of a private key, `undefined` where nothing on the token tells it. */
export function publicKeyOf(session: TokenSession, key: pkcs11.Handle): Uint8Array | undefined {
  return ownSpki(session, key) ?? provenBy(session, key, neighbours(session, key));
}

/** Whether `spki` is the public key of this private key. */
export function isPublicKeyOf(
  session: TokenSession,
  key: pkcs11.Handle,
  spki: Uint8Array,
): boolean {
  const own = ownSpki(session, key);
  if (own !== undefined) return bytesEqual(own, spki);
  // Where the holder would have to type for a proof, what stands beside the key is believed.
  const candidates = holderMustType(session, key)
    ? neighbours(session, key).filter((each) => bytesEqual(each, spki))
    : [spki];
  return provenBy(session, key, candidates) !== undefined;
}

/**
 * The same where nothing may be believed: `undefined` when it is neither read from the private key nor proven by its
 * signature, for which the holder may have to type the PIN.
 */
export function isCertainly(
  session: TokenSession,
  key: pkcs11.Handle,
  spki: Uint8Array,
): boolean | undefined {
  const own = ownSpki(session, key);
  if (own !== undefined) return bytesEqual(own, spki);
  const algorithm = parsed(() => keyAlgorithmOf(spki));
  if (algorithm === undefined || kindOf(session, key) !== kindOfSpki(spki)) return false;
  const [modulus] = tryReadAttributes(session, key, [pkcs11.CKA_MODULUS]);
  if (modulus?.length) return isModulusOf(modulus, spki);
  return signsNonce(session, key, algorithm)?.(spki);
}

/** As far as can be told without a signature. */
export function mayBePublicKeyOf(
  session: TokenSession,
  key: pkcs11.Handle,
  spki: Uint8Array,
): boolean {
  const own = ownSpki(session, key);
  return own === undefined ? kindOf(session, key) === kindOfSpki(spki) : bytesEqual(own, spki);
}

/**
 * RSA private keys hold their public key. EC private keys mostly do not, and what stands under the same CKA_ID may be
 * left from an interrupted generation: so the private key signs a random value, and the public key that verifies it is
 * the one.
 */
function provenBy(
  session: TokenSession,
  key: pkcs11.Handle,
  candidates: readonly Uint8Array[],
): Uint8Array | undefined {
  const kind = kindOf(session, key);
  const fitting = unique(candidates).filter(
    (spki) => kind !== undefined && kindOfSpki(spki) === kind,
  );
  const algorithm = fitting[0] && parsed(() => keyAlgorithmOf(fitting[0] ?? new Uint8Array()));
  if (algorithm === undefined) return undefined;
  const only = fitting.length === 1 ? fitting[0] : undefined;
  if (holderMustType(session, key)) return only;
  const verifies = signsNonce(session, key, algorithm);
  return verifies ? fitting.find(verifies) : only;
}

/**
 * Has the key sign a random value.
 * @returns tells of a public key whether it verifies the signature; `undefined` for a key that may only decrypt
 */
function signsNonce(
  session: TokenSession,
  key: pkcs11.Handle,
  algorithm: KeyAlgorithm,
): ((spki: Uint8Array) => boolean) | undefined {
  const signature = signatureAlgorithmsFor(algorithm).find((each) =>
    signingMechanism(each, session.mechanisms),
  );
  if (signature === undefined) return undefined;
  try {
    const nonce = randomBytes(32);
    const proof = signWith(session, key, signature, nonce);
    return (spki) => verifySignature(spki, signature, nonce, proof);
  } catch (error) {
    if (fromNative(error).code === "ERR_ALGORITHM_UNSUPPORTED") return undefined;
    throw error;
  }
}

function isModulusOf(modulus: Uint8Array, spki: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), type: "spki", format: "der" });
  const { n = "" } = key.export({ format: "jwk" });
  return bytesEqual(encodeUnsigned(modulus), encodeUnsigned(Buffer.from(n, "base64url")));
}

/** Public keys of the public key and certificate objects that stand under the same CKA_ID. */
function neighbours(session: TokenSession, key: pkcs11.Handle): Uint8Array[] {
  const [keyId] = tryReadAttributes(session, key, [pkcs11.CKA_ID]);
  const id = keyId?.length ? keyId : undefined;
  const having = new Map<number, number | Uint8Array>([[pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY]]);
  if (id !== undefined) having.set(pkcs11.CKA_ID, id);
  return [
    ...findObjects(session, having).flatMap((object) => ownSpki(session, object) ?? []),
    ...readCertificates(session, id).certificates.flatMap(
      ({ der }) => parsed(() => parseCertificate(der).spki) ?? [],
    ),
  ];
}

function holderMustType(session: TokenSession, key: pkcs11.Handle): boolean {
  return session.holderTypesPin && asksForEachUse(session, key);
}

/** What a signature algorithm has to fit: RSA, or one curve. */
type Kind = "rsa" | KeyAlgorithm;

function kindOf(session: TokenSession, key: pkcs11.Handle): Kind | undefined {
  if (!isEcKey(session, key)) return "rsa";
  const [parameters] = tryReadAttributes(session, key, [pkcs11.CKA_EC_PARAMS]);
  return parameters && curveOf(parameters);
}

function kindOfSpki(spki: Uint8Array): Kind | undefined {
  const algorithm = parsed(() => keyAlgorithmOf(spki));
  return algorithm && (keyParameters(algorithm).type === "rsa" ? "rsa" : algorithm);
}

function curveOf(parameters: Uint8Array): KeyAlgorithm | undefined {
  return KEY_ALGORITHMS.find((algorithm) => {
    const oid = ecParameters(algorithm);
    return oid !== undefined && bytesEqual(oid, parameters);
  });
}

function unique(spkis: readonly Uint8Array[]): Uint8Array[] {
  return spkis.filter((spki, index) => spkis.findIndex((each) => bytesEqual(each, spki)) === index);
}

/** What does not parse tells nothing. */
function parsed<T>(parse: () => T | undefined): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
