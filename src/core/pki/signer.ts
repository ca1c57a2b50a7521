import type { SignatureAlgorithm } from "../domain/key-algorithm.js";
import type { Signer } from "../ports/transport.js";
import { keyAlgorithmOf, signatureAlgorithmsFor, verifySignature } from "./algorithms.js";
import { DerError } from "./der-error.js";

/**
 * The algorithm that a signer signs with: the one wished for, or the first of its own that fits its key.
 * @throws DerError when its key cannot make such a signature
 */
export function chooseAlgorithm(
  signer: Signer,
  wished: SignatureAlgorithm | undefined,
): SignatureAlgorithm {
  const key = keyAlgorithmOf(signer.spki);
  const possible = key === undefined ? [] : signatureAlgorithmsFor(key);
  const candidates = wished === undefined ? signer.algorithms : [wished];
  const algorithm = candidates.find((candidate) => possible.includes(candidate));
  if (algorithm === undefined) {
    const names = candidates.join(", ") || "nothing";
    throw new DerError(`a key of type ${key ?? "unknown"} cannot sign with ${names}`);
  }
  return algorithm;
}

/**
 * Signs, and checks the signature before anybody else does: a token may sign with another key than the one it was asked
 * for.
 * @throws DerError when the signature is not the signer's; whatever `signer.sign` throws
 */
export async function signWith(
  signer: Signer,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
): Promise<Uint8Array> {
  const signature = await signer.sign(message, algorithm);
  if (!verifySignature(signer.spki, algorithm, message, signature)) {
    throw new DerError("the signer returned a signature that its public key does not verify");
  }
  return signature;
}
