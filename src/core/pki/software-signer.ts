import { createPublicKey, type KeyObject, sign } from "node:crypto";
import type { Signer } from "../ports/transport.js";
import { cryptoKey, hashOf, keyAlgorithmOf, signatureAlgorithmsFor } from "./algorithms.js";

/** A signer over a key in memory: for an RA's own key, and where a token has to be stood in for. */
export function softwareSigner(privateKey: KeyObject): Signer {
  const spki = spkiOf(privateKey);
  const keyAlgorithm = keyAlgorithmOf(spki);
  return {
    spki,
    algorithms: keyAlgorithm === undefined ? [] : signatureAlgorithmsFor(keyAlgorithm),
    sign: async (message, algorithm) =>
      new Uint8Array(sign(hashOf(algorithm), message, cryptoKey(privateKey, algorithm))),
  };
}

/** The public half as SubjectPublicKeyInfo, DER. */
export function spkiOf(privateKey: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(privateKey).export({ type: "spki", format: "der" }));
}
