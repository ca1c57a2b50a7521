import type { KeyAlgorithm } from "../domain/key-algorithm.js";
import { RenewalError } from "../errors.js";
import type { Token } from "../ports/driver.js";
import type { Choice } from "../record.js";

/** Modulus or field size, in bits. */
const KEY_BITS: Record<KeyAlgorithm, number> = {
  "rsa-2048": 2048,
  "rsa-3072": 3072,
  "rsa-4096": 4096,
  "ec-p256": 256,
  "ec-p384": 384,
};

/** A certificate with its attributes, and the attributes of one key: what tokens that were measured need, rounded up. */
const CERTIFICATE_BYTES = 3072;
const OBJECT_BYTES = 512;

/**
 * Whether the token can take what the renewal will write, looked at before money is spent. A token that does not tell its
 * free memory passes.
 * @throws ERR_TOKEN_FULL, ERR_PIN_LOCKED
 */
export function preflight(token: Token, { keyMode, keyAlgorithm }: Choice): void {
  if (token.pinState === "locked") {
    throw new RenewalError("ERR_PIN_LOCKED", { details: { token: token.label } });
  }
  const octets = KEY_BITS[keyAlgorithm] / 8;
  const isNew = keyMode === "re-key";
  // RFC 8017's private key has the modulus, the exponent, and five numbers of half their size.
  const needed = {
    private: isNew ? octets * 5 + OBJECT_BYTES : 0,
    public: CERTIFICATE_BYTES + (isNew ? octets + OBJECT_BYTES : 0),
  };
  for (const area of ["private", "public"] as const) {
    const free = token.freeMemory?.[area];
    if (free !== undefined && free < needed[area]) {
      throw new RenewalError("ERR_TOKEN_FULL", {
        details: { token: token.label, area, freeBytes: free, neededBytes: needed[area] },
      });
    }
  }
}
