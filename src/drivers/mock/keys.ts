import {
  constants,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  privateDecrypt,
  sign,
} from "node:crypto";
import { promisify } from "node:util";
import type {
  DecryptionAlgorithm,
  KeyAlgorithm,
  SignatureAlgorithm,
} from "../../core/domain/key-algorithm.js";
import { RenewalError } from "../../core/errors.js";
import { cryptoKey, hashOf, keyAlgorithmOf, keyParameters } from "../../core/pki/algorithms.js";
import type { EnvelopedKey } from "../../core/ports/driver.js";

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

/** ECDSA as Ecdsa-Sig-Value; off the event loop. */
export function signWith(
  key: SoftwareKey,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    sign(hashOf(algorithm), message, cryptoKey(key.privateKey, algorithm), (error, signature) => {
      if (error) reject(error);
      else resolve(new Uint8Array(signature));
    });
  });
}

/** @throws ERR_DECRYPTION_FAILED, whatever is wrong */
export function decryptWith(
  { privateKey }: SoftwareKey,
  algorithm: DecryptionAlgorithm,
  ciphertext: Uint8Array,
): Uint8Array {
  return opened(() => {
    if (algorithm === "rsaes-pkcs1-v1_5") {
      // Node decrypts PKCS#1 v1.5 with some versions of OpenSSL only.
      const padding = constants.RSA_NO_PADDING;
      return withoutPadding(privateDecrypt({ key: privateKey, padding }, ciphertext));
    }
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const oaepHash = algorithm.replace("rsaes-oaep-", "");
    return new Uint8Array(privateDecrypt({ key: privateKey, padding, oaepHash }, ciphertext));
  });
}

/** @throws ERR_DECRYPTION_FAILED, whatever is wrong */
export function openEnvelope(
  unwrappingKey: SoftwareKey,
  { encryptedKey, keyEncryption, wrappedPrivateKey }: EnvelopedKey,
): SoftwareKey {
  const aesKey = decryptWith(unwrappingKey, keyEncryption, encryptedKey);
  return opened(() => {
    const name = `id-aes${aesKey.length * 8}-wrap-pad`;
    const decipher = createDecipheriv(name, aesKey, AES_KEY_WRAP_PAD_IV);
    const pkcs8 = Buffer.concat([decipher.update(wrappedPrivateKey), decipher.final()]);
    const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
    const spki = spkiOf(privateKey);
    const algorithm = keyAlgorithmOf(spki);
    if (algorithm === undefined) throw new TypeError("a key that is in no table");
    return { algorithm, privateKey, spki };
  });
}

/** RFC 5649 §3. */
const AES_KEY_WRAP_PAD_IV = Buffer.from("A65959A6", "hex");

function opened<T>(action: () => T): T {
  try {
    return action();
  } catch {
    throw new RenewalError("ERR_DECRYPTION_FAILED");
  }
}

/** EM = 00 02, eight random octets or more without a zero, 00, message (RFC 8017 §7.2.2). */
function withoutPadding(encoded: Uint8Array): Uint8Array {
  const end = encoded.indexOf(0, 2);
  if (encoded[0] !== 0 || encoded[1] !== 2 || end < 10) throw new TypeError("not padded");
  return new Uint8Array(encoded.subarray(end + 1));
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
