import {
  DECRYPTION_ALGORITHMS,
  type DecryptionAlgorithm,
  KEY_PAIR_USAGES,
  type KeyPairUsage,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
} from "../../core/domain/key-algorithm.js";
import { type Problem, RenewalError } from "../../core/errors.js";
import { keyAlgorithmOf } from "../../core/pki/algorithms.js";
import { parseCertificate } from "../../core/pki/certificate.js";
import type { KeyReference } from "../../core/ports/driver.js";

/** Checks on what callers give, before anything reaches a token. They throw ERR_ARGUMENT. */

export function assertBytes(name: string, value: unknown): void {
  if (!(value instanceof Uint8Array))
    throw wrong({ pointer: `/${name}`, message: "no Uint8Array" });
}

/** An empty CKA_ID would mean every object. */
export function assertNonEmpty(name: string, value: unknown): void {
  assertBytes(name, value);
  if (value instanceof Uint8Array && value.length === 0) {
    throw wrong({ pointer: `/${name}`, message: "is empty" });
  }
}

export function assertKeyReference({ keyId, spki }: KeyReference): void {
  assertBytes("keyId", keyId);
  if (spki !== undefined) assertBytes("spki", spki);
  else assertNonEmpty("keyId", keyId);
}

/** @throws ERR_ALGORITHM_UNSUPPORTED */
export function assertSignatureAlgorithm(algorithm: SignatureAlgorithm): void {
  if (!SIGNATURE_ALGORITHMS.includes(algorithm)) throw unsupported(algorithm);
}

/** @throws ERR_ALGORITHM_UNSUPPORTED */
export function assertDecryptionAlgorithm(algorithm: DecryptionAlgorithm): void {
  if (!DECRYPTION_ALGORITHMS.includes(algorithm)) throw unsupported(algorithm);
}

export function assertUsage(usage: KeyPairUsage | undefined): void {
  if (usage === undefined || KEY_PAIR_USAGES.includes(usage)) return;
  throw wrong({ pointer: "/usage", message: `one of ${KEY_PAIR_USAGES.join(", ")}` });
}

export function assertCertificate(name: string, der: Uint8Array): void {
  assertBytes(name, der);
  try {
    parseCertificate(der);
  } catch (cause) {
    throw wrong({ pointer: `/${name}`, message: "is no certificate in DER" }, cause);
  }
}

export function assertSpki(name: string, spki: Uint8Array): void {
  assertBytes(name, spki);
  try {
    keyAlgorithmOf(spki);
  } catch (cause) {
    throw wrong({ pointer: `/${name}`, message: "is no SubjectPublicKeyInfo in DER" }, cause);
  }
}

function wrong(problem: Problem, cause?: unknown): RenewalError {
  return new RenewalError("ERR_ARGUMENT", { problems: [problem], cause });
}

function unsupported(algorithm: unknown): RenewalError {
  return new RenewalError("ERR_ALGORITHM_UNSUPPORTED", {
    details: { algorithm: String(algorithm) },
  });
}
