import pkcs11 from "pkcs11js";
import type { KeyAlgorithm, KeyPairUsage } from "../../../core/domain/key-algorithm.js";
import { ecParameters, keyParameters } from "../../../core/pki/algorithms.js";
import type { AttributeValue } from "./objects.js";

export type Entry = readonly [number, AttributeValue];

/** What is told of a key pair that is to be written. */
export interface KeyPairDescription {
  readonly algorithm: KeyAlgorithm;
  readonly keyId: Uint8Array;
  readonly label: string;
  readonly usage: KeyPairUsage;
  /** `imported`: made by somebody else, so that its signatures prove nothing. */
  readonly origin: "generated" | "imported";
}

/** CKO_PUBLIC_KEY, without what its key is made of (PKCS#11 v2.40 §4.8). */
export function publicKeyEntries(key: KeyPairDescription): readonly Entry[] {
  const decrypts = key.usage === "encryption";
  return [
    [pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY],
    ...nameEntries(key),
    [pkcs11.CKA_PRIVATE, false],
    [pkcs11.CKA_VERIFY, signs(key)],
    ...forRsa(key, [pkcs11.CKA_ENCRYPT, decrypts], [pkcs11.CKA_WRAP, decrypts]),
  ];
}

/** CKO_PRIVATE_KEY: sensitive and not extractable (PKCS#11 v2.40 §4.9). */
export function privateKeyEntries(key: KeyPairDescription): readonly Entry[] {
  const decrypts = key.usage === "encryption";
  return [
    [pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY],
    ...nameEntries(key),
    [pkcs11.CKA_PRIVATE, true],
    [pkcs11.CKA_SENSITIVE, true],
    [pkcs11.CKA_EXTRACTABLE, false],
    [pkcs11.CKA_SIGN, signs(key)],
    ...forRsa(key, [pkcs11.CKA_DECRYPT, decrypts], [pkcs11.CKA_UNWRAP, decrypts]),
    ...(isRsa(key.algorithm) ? [] : ([[pkcs11.CKA_DERIVE, decrypts]] as const)),
  ];
}

/** What C_GenerateKeyPair is told of the kind of key. */
export function kindEntries(algorithm: KeyAlgorithm): readonly Entry[] {
  const parameters = keyParameters(algorithm);
  if (parameters.type === "rsa") {
    return [
      [pkcs11.CKA_MODULUS_BITS, parameters.modulusLength],
      [pkcs11.CKA_PUBLIC_EXPONENT, Uint8Array.of(1, 0, 1)],
    ];
  }
  const curve = ecParameters(algorithm);
  return curve === undefined ? [] : [[pkcs11.CKA_EC_PARAMS, curve]];
}

export function isRsa(algorithm: KeyAlgorithm): boolean {
  return keyParameters(algorithm).type === "rsa";
}

/** A key for encryption signs its own certification request. */
function signs({ usage, origin }: KeyPairDescription): boolean {
  return usage === "signing" || origin === "generated";
}

function nameEntries({ keyId, label }: KeyPairDescription): readonly Entry[] {
  return [
    [pkcs11.CKA_TOKEN, true],
    [pkcs11.CKA_ID, keyId],
    [pkcs11.CKA_LABEL, label],
  ];
}

/** Some modules refuse these for EC keys. */
function forRsa({ algorithm }: KeyPairDescription, ...entries: readonly Entry[]): readonly Entry[] {
  return isRsa(algorithm) ? entries : [];
}
