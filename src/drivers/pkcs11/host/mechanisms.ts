import * as graphene from "graphene-pk11";
import pkcs11 from "pkcs11js";
import {
  KEY_ALGORITHMS,
  type KeyAlgorithm,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
} from "../../../core/domain/key-algorithm.js";
import { hashOf, keyParameters, rsaPaddingOf } from "../../../core/pki/algorithms.js";
import { hashLength } from "../../../core/pki/hashes.js";

/** What a token's slot can do: CK_MECHANISM_TYPE → CK_MECHANISM_INFO. */
export type Mechanisms = ReadonlyMap<number, pkcs11.MechanismInfo>;

export function mechanismsOf(slot: graphene.Slot): Mechanisms {
  const collection = slot.getMechanisms();
  const mechanisms = new Map<number, pkcs11.MechanismInfo>();
  for (let index = 0; index < collection.length; index += 1) {
    // A vendor's mechanism without information hides none of the others.
    const mechanism = collection.tryGetItem(index);
    if (mechanism === null) continue;
    const { minKeySize, maxKeySize, flags } = mechanism;
    mechanisms.set(mechanism.type, { minKeySize, maxKeySize, flags });
  }
  return mechanisms;
}

/** The mechanism that makes such a key pair. */
export function generationMechanism(algorithm: KeyAlgorithm): number {
  return keyParameters(algorithm).type === "rsa"
    ? pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN
    : pkcs11.CKM_EC_KEY_PAIR_GEN;
}

export function keyAlgorithmsOf(mechanisms: Mechanisms): KeyAlgorithm[] {
  return KEY_ALGORITHMS.filter((algorithm) => {
    const info = mechanisms.get(generationMechanism(algorithm));
    return info !== undefined && takesKeySize(info, keySize(algorithm));
  });
}

/** How a signature is asked of the token. */
export interface SigningMechanism {
  readonly mechanism: number;
  /** CK_RSA_PKCS_PSS_PARAMS (PKCS#11 v2.40 mechanisms §2.1.9). */
  readonly parameter?: pkcs11.RsaPSS | undefined;
  /**
   * What the token is given: the message, which it hashes itself; a DigestInfo (RFC 8017 §9.2) to pad and sign; or the
   * bare hash.
   */
  readonly input: "message" | "digest-info" | "hash";
}

/** Mechanisms that hash and sign with RSA, and what PSS is told of its hash. */
const RSA_HASHES = {
  sha256: {
    pkcs1: pkcs11.CKM_SHA256_RSA_PKCS,
    pss: pkcs11.CKM_SHA256_RSA_PKCS_PSS,
    hashAlg: pkcs11.CKM_SHA256,
    mgf: pkcs11.CKG_MGF1_SHA256,
  },
  sha384: {
    pkcs1: pkcs11.CKM_SHA384_RSA_PKCS,
    pss: pkcs11.CKM_SHA384_RSA_PKCS_PSS,
    hashAlg: pkcs11.CKM_SHA384,
    mgf: pkcs11.CKG_MGF1_SHA384,
  },
  sha512: {
    pkcs1: pkcs11.CKM_SHA512_RSA_PKCS,
    pss: pkcs11.CKM_SHA512_RSA_PKCS_PSS,
    hashAlg: pkcs11.CKM_SHA512,
    mgf: pkcs11.CKG_MGF1_SHA512,
  },
} as const;

/** The first that the token has; `undefined` where it has none. */
export function signingMechanism(
  algorithm: SignatureAlgorithm,
  mechanisms: Mechanisms,
): SigningMechanism | undefined {
  const candidates = signingMechanisms(algorithm);
  return candidates.find(({ mechanism }) => {
    const info = mechanisms.get(mechanism);
    return info !== undefined && (info.flags & graphene.MechanismFlag.SIGN) !== 0;
  });
}

function signingMechanisms(algorithm: SignatureAlgorithm): readonly SigningMechanism[] {
  const padding = rsaPaddingOf(algorithm);
  // CKM_ECDSA_SHA256 is rarer, and gives the same.
  if (padding === undefined) return [{ mechanism: pkcs11.CKM_ECDSA, input: "hash" }];
  const hash = hashOf(algorithm);
  const { hashAlg, mgf, [padding]: hashing } = RSA_HASHES[hash];
  if (padding === "pkcs1") {
    return [
      { mechanism: hashing, input: "message" },
      { mechanism: pkcs11.CKM_RSA_PKCS, input: "digest-info" },
    ];
  }
  const type = pkcs11.CK_PARAMS_RSA_PSS;
  const parameter = { type, hashAlg, mgf, saltLen: hashLength(hash) };
  return [
    { mechanism: hashing, parameter, input: "message" },
    { mechanism: pkcs11.CKM_RSA_PKCS_PSS, parameter, input: "hash" },
  ];
}

export function signatureAlgorithmsOf(mechanisms: Mechanisms): SignatureAlgorithm[] {
  return SIGNATURE_ALGORITHMS.filter((algorithm) => {
    const signing = signingMechanism(algorithm, mechanisms);
    const info = signing && mechanisms.get(signing.mechanism);
    if (info === undefined) return false;
    const curve = KEY_ALGORITHMS.find((key) => {
      const parameters = keyParameters(key);
      return parameters.type === "ec" && parameters.signature === algorithm;
    });
    return curve === undefined || takesKeySize(info, keySize(curve));
  });
}

/** In bits, as PKCS#11 counts RSA and EC keys. */
function keySize(algorithm: KeyAlgorithm): number {
  const parameters = keyParameters(algorithm);
  return parameters.type === "rsa" ? parameters.modulusLength : parameters.coordinateLength * 8;
}

/** Modules that do not tell the sizes leave zero. */
function takesKeySize({ minKeySize, maxKeySize }: pkcs11.MechanismInfo, bits: number): boolean {
  return minKeySize <= bits && (maxKeySize === 0 || bits <= maxKeySize);
}
