import { createHash, generateKeyPair, type KeyObject, sign, X509Certificate } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import {
  type CallOptions,
  type Driver,
  identifyThisProcess,
  type KeyReference,
  RenewalError,
  type Session,
  type Token,
  type TokenCertificate,
  type TokenIdentity,
} from "certrenew";

/** What an own driver reaches: a card, an HSM, a signing service; here a vault in memory with P-256 keys. */
export interface Vault {
  readonly identity: TokenIdentity;
  readonly pin: string;
  keys: { readonly keyId: Uint8Array; readonly spki: Uint8Array; readonly key: KeyObject }[];
  certificates: { readonly der: Uint8Array; readonly keyId: Uint8Array; readonly label: string }[];
  wrongPins: number;
}

/** An own driver. Its sessions run in this process, which they end with: there is no other host to end. */
export function vaultDriver(vault: Vault): Driver {
  const sessions = new Set<Session>();
  const contents = (isOpen: boolean) => ({
    token: tokenOf(vault),
    certificates: vault.certificates.map((each) => ({
      ...each,
      privateKey: seen(each.der, isOpen),
    })),
    unreadableObjects: 0,
  });
  const seen = (der: Uint8Array, isOpen: boolean): TokenCertificate["privateKey"] => {
    if (!isOpen) return "unknown";
    const { publicKey } = new X509Certificate(der);
    return find(vault, { keyId: NONE, spki: spkiOf(publicKey) }) ? "present" : "absent";
  };

  return {
    name: "vault",
    tokens: (options) => abortable(options, async () => [tokenOf(vault)]),
    certificates: (options) => abortable(options, async () => [contents(false)]),
    watch: () => () => {},
    async unlock(wanted, { pin, signal, onHost } = {}) {
      await abortable({ signal }, turn);
      const { label, serialNumber } = vault.identity;
      if (wanted.serialNumber !== serialNumber || wanted.label !== label) {
        throw new RenewalError("ERR_TOKEN_WRONG", {
          details: { token: wanted.label, found: label },
        });
      }
      await onHost?.(await identifyThisProcess());
      if (pin !== vault.pin) {
        vault.wrongPins += 1;
        throw new RenewalError("ERR_PIN_INCORRECT");
      }
      vault.wrongPins = 0;
      const session = openSession(vault, () => contents(true));
      sessions.add(session);
      return session;
    },
    endHost: async () => {},
    close: async () => void (await Promise.all([...sessions].map((session) => session.close()))),
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}

/** One call after the other; none after one that was aborted, or after the end. */
function openSession(
  vault: Vault,
  contents: () => Awaited<ReturnType<Session["certificates"]>>,
): Session {
  let isOpen = true;
  let last: Promise<unknown> = Promise.resolve();
  const call = <T>(options: CallOptions | undefined, work: () => Promise<T>): Promise<T> => {
    const result = last.then(() => {
      if (!isOpen) throw new RenewalError("ERR_TOKEN_FAILURE");
      return abortable(options, work);
    });
    last = result.catch(() => {
      isOpen &&= !options?.signal?.aborted;
    });
    return result;
  };
  return {
    token: tokenOf(vault),
    generateKeyPair: (options) =>
      call(options, async () => {
        const { algorithm, keyId } = options;
        if (algorithm !== "ec-p256") throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED");
        const { publicKey, privateKey } = await generate("ec", { namedCurve: "P-256" });
        const spki = spkiOf(publicKey);
        vault.keys.push({ keyId, spki, key: privateKey });
        return { keyId, algorithm, spki };
      }),
    findKeyPair: (reference, options) =>
      call(options, async () => {
        const found = find(vault, reference);
        return found && { keyId: found.keyId, algorithm: "ec-p256", spki: found.spki };
      }),
    sign: (options) =>
      call(options, async () => {
        const found = find(vault, options.key);
        if (!found) throw new RenewalError("ERR_KEY_NOT_FOUND");
        const isOurs = options.algorithm === "ecdsa-with-SHA256";
        if (!isOurs) throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED");
        return new Uint8Array(sign("sha256", options.message, found.key));
      }),
    importCertificate: (options) =>
      call(options, async () => {
        const { der, keyId, label } = options;
        const isThere = vault.certificates.some(
          (each) => same(each.der, der) && same(each.keyId, keyId),
        );
        if (!isThere) vault.certificates.push({ der, keyId, label });
      }),
    certificates: (options) => call(options, async () => contents()),
    destroy: (options) =>
      call(options, async () => {
        const { kind, keyId, spki, sha256 } = options;
        if (kind === "key-pair") {
          vault.keys = vault.keys.filter((each) => !isMeant(each, { keyId, spki }));
        } else {
          vault.certificates = vault.certificates.filter(
            ({ der, ...each }) =>
              !same(each.keyId, keyId) || (sha256 ?? hashOf(der)) !== hashOf(der),
          );
        }
      }),
    close: async () => {
      isOpen = false;
    },
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}

function tokenOf({ identity, wrongPins }: Vault): Token {
  return {
    ...identity,
    slot: "memory",
    pinState: wrongPins > 0 ? "low" : "ok",
    loginRequired: true,
    protectedAuthenticationPath: false,
    keyAlgorithms: ["ec-p256"],
    signatureAlgorithms: ["ecdsa-with-SHA256"],
  };
}

/** Does the work unless the signal aborts; what aborts while it is done is an abort as well. */
async function abortable<T>(options: CallOptions | undefined, work: () => Promise<T>): Promise<T> {
  const check = () => {
    if (options?.signal?.aborted) throw new RenewalError("ERR_ABORTED");
  };
  check();
  await turn();
  check();
  const result = await work();
  check();
  return result;
}

const NONE = new Uint8Array();
const generate = promisify(generateKeyPair);
const same = (one: Uint8Array, other: Uint8Array) => Buffer.from(one).equals(other);
const hashOf = (der: Uint8Array) => createHash("sha256").update(der).digest("hex");
const spkiOf = (key: KeyObject) => new Uint8Array(key.export({ type: "spki", format: "der" }));
const find = (vault: Vault, key: KeyReference) => vault.keys.find((each) => isMeant(each, key));

/** By CKA_ID, by public key, or by both where both are given. */
function isMeant(
  pair: { keyId: Uint8Array; spki: Uint8Array },
  { keyId, spki }: KeyReference,
): boolean {
  const fits = (keyId.length === 0 || same(pair.keyId, keyId)) && (!spki || same(pair.spki, spki));
  return fits && (keyId.length > 0 || spki !== undefined);
}
