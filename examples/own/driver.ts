import { generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { type Driver, type KeyPair, RenewalError, type Token } from "certrenew";
import { defineDriver, type StoredCertificate } from "certrenew/drivers/define";

/** What an own driver reaches: a card, an HSM, a signing service; here a vault in memory with P-256 keys. */
export interface Vault {
  readonly token: Omit<Token, "pinState">;
  readonly pin: string;
  keys: (KeyPair & { readonly key: KeyObject })[];
  certificates: StoredCertificate[];
  wrongPins: number;
}

/** An own driver: what only its author knows. Order, aborts, and what must be safe to repeat are `defineDriver`'s. */
export function vaultDriver(vault: Vault): Driver {
  return defineDriver({
    name: "vault",
    tokens: async () => [{ ...vault.token, pinState: vault.wrongPins > 0 ? "low" : "ok" }],
    certificates: async () => vault.certificates,
    async login(_, pin) {
      vault.wrongPins = pin === vault.pin ? 0 : vault.wrongPins + 1;
      if (vault.wrongPins > 0) throw new RenewalError("ERR_PIN_INCORRECT");
      return {
        keyPairs: async () => vault.keys,
        async generateKeyPair({ algorithm, keyId }) {
          const { publicKey, privateKey } = await generate("ec", { namedCurve: "P-256" });
          const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
          vault.keys.push({ keyId, algorithm, spki, key: privateKey });
          return spki;
        },
        async sign({ spki }, _algorithm, message) {
          const pair = vault.keys.find((each) => Buffer.compare(each.spki, spki) === 0);
          if (!pair) throw new RenewalError("ERR_KEY_NOT_FOUND");
          return new Uint8Array(sign("sha256", message, pair.key));
        },
        importCertificate: async (certificate) => void vault.certificates.push(certificate),
        async destroyCertificate(certificate) {
          vault.certificates = vault.certificates.filter((each) => each !== certificate);
        },
        async destroyKeyPair(pair) {
          vault.keys = vault.keys.filter((each) => each !== pair);
        },
      };
    },
  });
}

const generate = promisify(generateKeyPair);
