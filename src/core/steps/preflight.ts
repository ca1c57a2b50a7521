import type { KeyAlgorithm } from "../domain/key-algorithm.js";
import { RenewalError } from "../errors.js";
import type { Token } from "../ports/driver.js";
import type { Choice, RequestedKey } from "../record.js";

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
export function preflight(
  token: Token,
  { keyMode, keyAlgorithm }: Pick<Choice, "keyMode" | "keyAlgorithm">,
  encryption?: RequestedKey,
): void {
  if (token.pinState === "locked") {
    throw new RenewalError("ERR_PIN_LOCKED", { details: { token: token.label } });
  }
  const algorithms = [keyAlgorithm, ...(encryption ? [encryption.algorithm] : [])];
  const pairs = algorithms.map((algorithm) => neededFor(algorithm, keyMode === "re-key"));
  for (const area of ["private", "public"] as const) {
    const free = token.freeMemory?.[area];
    const neededBytes = pairs.reduce((sum, pair) => sum + pair[area], 0);
    if (free !== undefined && free < neededBytes) {
      throw new RenewalError("ERR_TOKEN_FULL", {
        details: { token: token.label, area, freeBytes: free, neededBytes },
      });
    }
  }
}

/** For a certificate, and for its key pair where that is a new one. */
function neededFor(algorithm: KeyAlgorithm, isNew: boolean) {
  const octets = KEY_BITS[algorithm] / 8;
  // RFC 8017's private key has the modulus, the exponent, and five numbers of half their size.
  return {
    private: isNew ? octets * 5 + OBJECT_BYTES : 0,
    public: CERTIFICATE_BYTES + (isNew ? octets + OBJECT_BYTES : 0),
  };
}
