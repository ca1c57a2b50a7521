import { type ErrorCode, errorCode, RenewalError, throwIfAborted } from "../../core/errors.js";
import { keyParameters, signatureAlgorithmsFor } from "../../core/pki/algorithms.js";
import { bytesEqual } from "../../core/pki/der.js";
import type { CallOptions, KeyPair, KeyReference, Session } from "../../core/ports/driver.js";
import type { Calls } from "./calls.js";
import type { MockMethod } from "./faults.js";
import { decryptWith, generateSoftwareKey, openEnvelope, signWith } from "./keys.js";
import type { Insertion, Reader } from "./reader.js";
import type { TokenKey } from "./token.js";

export interface MockSession extends Session {
  /** Ends it from outside, as the end of its host would. */
  end(code: ErrorCode, reason: string): void;
  /** Throws what ended it, or that its token is gone. */
  assertUsable(): void;
}

/** A logged-in session on one insertion of a token: calls one after the other, and none after a fatal one. */
export function mockSession(
  insertion: Insertion,
  reader: Reader,
  calls: Calls,
  onClose: (session: MockSession) => void,
): MockSession {
  const tokenInfo = () => reader.tokenInfo(insertion);
  const { token } = insertion;
  let ended: { readonly code: ErrorCode; readonly reason: string } | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function assertUsable(): void {
    if (ended) throw new RenewalError(ended.code, { details: { reason: ended.reason } });
    reader.assertPresent(insertion);
  }

  function call<T>(
    method: MockMethod,
    { signal }: CallOptions,
    prepare: () => Promise<() => T> | (() => T),
  ): Promise<T> {
    const run = async () => {
      throwIfAborted(signal);
      try {
        return await calls({
          method,
          insertion,
          signal,
          assertUsable,
          prepare: async () => prepare(),
        });
      } catch (error) {
        const code = errorCode(error);
        if (code === "ERR_ABORTED") session.end("ERR_TOKEN_FAILURE", "a call in it was aborted");
        else if (code && FATAL.has(code)) session.end(code, "an earlier call failed");
        throw error;
      }
    };
    const result = last.then(run, run);
    last = result.catch(() => undefined);
    return result;
  }

  function findKey(reference: KeyReference): TokenKey {
    const key = token.findKey(reference);
    if (!key) throw new RenewalError("ERR_KEY_NOT_FOUND");
    return key;
  }

  function findDecryptionKey(reference: KeyReference, algorithm: string): TokenKey {
    const key = findKey(reference);
    const isRsa = keyParameters(key.algorithm).type === "rsa";
    if (!isRsa || key.usage === "signing") throw unsupported(algorithm);
    return key;
  }

  const session: MockSession = {
    token: tokenInfo(),
    assertUsable,

    generateKeyPair: (options) =>
      call("generateKeyPair", options, async () => {
        const { algorithm, label, usage = "signing" } = options;
        if (!token.settings.keyAlgorithms.includes(algorithm)) {
          throw unsupported(algorithm);
        }
        const keyId = Uint8Array.from(options.keyId);
        const key = await generateSoftwareKey(algorithm);
        return () => token.addKey({ ...key, keyId, label, usage });
      }),

    findKeyPair: (reference, options = {}) =>
      call("findKeyPair", options, () => () => {
        const key = token.findKey(reference);
        return key && keyPairOf(key);
      }),

    sign: (options) =>
      call("sign", options, async () => {
        const { algorithm, message } = options;
        const key = findKey(options.key);
        const fits = signatureAlgorithmsFor(key.algorithm).includes(algorithm);
        const isOffered = token.settings.signatureAlgorithms.includes(algorithm);
        if (!fits || !isOffered || !signs(key)) {
          throw unsupported(algorithm);
        }
        const signature = await signWith(key, algorithm, message);
        return () => signature;
      }),

    decrypt: (options) =>
      call("decrypt", options, () => {
        const { algorithm, ciphertext } = options;
        const key = findDecryptionKey(options.key, algorithm);
        return () => decryptWith(key, algorithm, ciphertext);
      }),

    importKeyPair: (options) =>
      call("importKeyPair", options, () => {
        const { envelopedKey, unwrappingKey, spki, keyId, label, usage = "encryption" } = options;
        const present = token.findKey({ keyId, spki });
        if (present) return () => keyPairOf(present);
        const opening = findDecryptionKey(unwrappingKey, envelopedKey.keyEncryption);
        const key = openEnvelope(opening, envelopedKey);
        if (!bytesEqual(key.spki, spki)) throw new RenewalError("ERR_DECRYPTION_FAILED");
        const origin = "imported";
        return () => token.addKey({ ...key, keyId: Uint8Array.from(keyId), label, usage, origin });
      }),

    importCertificate: (options) =>
      call("importCertificate", options, () => () => token.importCertificate(options)),

    certificates: (options = {}) =>
      call("session.certificates", options, () => () => ({
        token: tokenInfo(),
        certificates: token.list(true),
        unreadableObjects: 0,
      })),

    destroy: (options) => call("destroy", options, () => () => token.destroy(options)),

    end(code, reason) {
      ended ??= { code, reason };
      onClose(session);
    },
    async close() {
      session.end("ERR_TOKEN_FAILURE", "the session is closed");
    },
    [Symbol.asyncDispose]: () => session.close(),
  };
  return session;
}

/** After these a session is of no further use (see {@link Session}). */
const FATAL = new Set<ErrorCode>([
  "ERR_TOKEN_REMOVED",
  "ERR_TOKEN_WRONG",
  "ERR_TOKEN_FAILURE",
  "ERR_MODULE_HUNG",
  "ERR_MODULE_CRASHED",
]);

const keyPairOf = ({ keyId, algorithm, spki }: TokenKey): KeyPair => ({
  keyId: Uint8Array.from(keyId),
  algorithm,
  spki: Uint8Array.from(spki),
});

/** A key for encryption signs its own certification request, where it was made here. */
const signs = ({ usage, origin }: TokenKey): boolean =>
  usage !== "encryption" || origin !== "imported";

function unsupported(algorithm: string): RenewalError {
  return new RenewalError("ERR_ALGORITHM_UNSUPPORTED", { details: { algorithm } });
}
