import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign,
} from "node:crypto";
import { promisify } from "node:util";
import type { KeyAlgorithm, SignatureAlgorithm } from "../../core/domain/key-algorithm.js";
import { hashOf, keyParameters } from "../../core/pki/algorithms.js";

/** A key pair in memory. */
export interface SoftwareKey {
  readonly algorithm: KeyAlgorithm;
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), DER. */
  readonly spki: Uint8Array;
}

const generate = promisify(generateKeyPair);

export async function generateSoftwareKey(algorithm: KeyAlgorithm): Promise<SoftwareKey> {
  const parameters = keyParameters(algorithm);
  const { privateKey } =
    parameters.type === "rsa"
      ? await generate("rsa", { modulusLength: parameters.modulusLength })
      : await generate("ec", { namedCurve: `P-${parameters.coordinateLength * 8}` });
  return { algorithm, privateKey, spki: spkiOf(privateKey) };
}

/** PKCS#1 v1.5 with RSA, Ecdsa-Sig-Value with EC; off the event loop. */
export function signWith(
  key: SoftwareKey,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    sign(hashOf(algorithm), message, key.privateKey, (error, signature) => {
      if (error) reject(error);
      else resolve(new Uint8Array(signature));
    });
  });
}

/** The private key as PKCS#8 (RFC 5958), DER. */
export function exportPrivateKey(key: SoftwareKey): Uint8Array {
  return new Uint8Array(key.privateKey.export({ type: "pkcs8", format: "der" }));
}

export function importSoftwareKey(algorithm: KeyAlgorithm, pkcs8: Uint8Array): SoftwareKey {
  const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
  return { algorithm, privateKey, spki: spkiOf(privateKey) };
}

const spkiOf = (privateKey: KeyObject): Uint8Array =>
  new Uint8Array(createPublicKey(privateKey).export({ type: "spki", format: "der" }));
