import { constants, publicEncrypt, randomBytes } from "node:crypto";
import type { StepContext } from "../context.js";
import type { DecryptionAlgorithm } from "../domain/key-algorithm.js";
import { errorCode, RenewalError } from "../errors.js";
import type { InstalledPair } from "../installed-pairs.js";
import { keyAlgorithmOf } from "../pki/algorithms.js";
import { opensFiles, parseCertificate } from "../pki/certificate.js";
import { bytesEqual } from "../pki/der.js";
import type { Session } from "../ports/driver.js";

/** What envelopes are made with (RFC 8017 §7), the most usual first; not every token has each. */
const PADDINGS: readonly (readonly [
  DecryptionAlgorithm,
  { padding: number; oaepHash?: string },
])[] = [
  ["rsaes-pkcs1-v1_5", { padding: constants.RSA_PKCS1_PADDING }],
  ["rsaes-oaep-sha256", { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" }],
  ["rsaes-oaep-sha1", { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" }],
];

/**
 * What is encrypted to the new certificate, its key opens.
 * @returns `false` where that cannot be tried: the key is of another kind, or the token does not decrypt
 * @throws ERR_PROOF_FAILED
 */
export async function proveDecryption(
  context: StepContext,
  session: Session,
  pair: InstalledPair,
): Promise<boolean> {
  const { spki, certificate } = pair;
  // An unrestricted certificate may be one whose key only signs, as the one before.
  const { keyUsage } = parseCertificate(certificate);
  const isForFiles = keyUsage.length > 0 && opensFiles(parseCertificate(certificate));
  // A key that was kept opens what it opened before, and some were only ever allowed to sign.
  if (!isForFiles || isKept(context, pair) || !keyAlgorithmOf(spki)?.startsWith("rsa")) {
    return false;
  }
  for (const [algorithm, padding] of PADDINGS) {
    const secret = randomBytes(32);
    const key = { key: Buffer.from(spki), format: "der", type: "spki" } as const;
    const ciphertext = new Uint8Array(publicEncrypt({ ...key, ...padding }, secret));
    const opened = await open(context, session, pair, algorithm, ciphertext);
    if (opened && bytesEqual(opened, secret)) return true;
    if (!opened) continue;
    const reason = "the new key does not open what is encrypted to the new certificate";
    throw new RenewalError("ERR_PROOF_FAILED", { details: { reason } });
  }
  return false;
}

/** `undefined` where the token does not have the algorithm. */
async function open(
  { signal }: StepContext,
  session: Session,
  { keyId, spki }: InstalledPair,
  algorithm: DecryptionAlgorithm,
  ciphertext: Uint8Array,
): Promise<Uint8Array | undefined> {
  try {
    return await session.decrypt?.({ key: { keyId, spki }, algorithm, ciphertext, signal });
  } catch (error) {
    if (errorCode(error) === "ERR_ALGORITHM_UNSUPPORTED") return undefined;
    throw error;
  }
}

function isKept({ record }: StepContext, { use, spki }: InstalledPair): boolean {
  const held = use === "signing" ? record.previous : record.encryption;
  return held !== undefined && bytesEqual(parseCertificate(held.der).spki, spki);
}
