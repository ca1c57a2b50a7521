import type { KeyAlgorithm, SignatureAlgorithm } from "../../core/domain/key-algorithm.js";
import { type ErrorCode, errorCode, RenewalError, throwIfAborted } from "../../core/errors.js";
import { signatureAlgorithmsFor } from "../../core/pki/algorithms.js";
import type { CallOptions, KeyPair, Session } from "../../core/ports/driver.js";
import type { Calls } from "./calls.js";
import type { MockMethod } from "./faults.js";
import { generateSoftwareKey, signWith } from "./keys.js";
import { type Insertion, type Reader, tokenInfo } from "./reader.js";
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

  const session: MockSession = {
    token: tokenInfo(insertion),
    assertUsable,

    generateKeyPair: (options) =>
      call("generateKeyPair", options, async () => {
        const { algorithm, label } = options;
        if (!token.settings.keyAlgorithms.includes(algorithm)) throw unsupported(algorithm);
        const keyId = Uint8Array.from(options.keyId);
        const key = await generateSoftwareKey(algorithm);
        return () => token.addKey({ ...key, keyId, label });
      }),

    findKeyPair: (reference, options = {}) =>
      call("findKeyPair", options, () => () => {
        const key = token.findKey(reference);
        return key && keyPairOf(key);
      }),

    sign: (options) =>
      call("sign", options, async () => {
        const { algorithm, message } = options;
        const key = token.findKey(options.key);
        if (!key) throw new RenewalError("ERR_KEY_NOT_FOUND");
        const fits = signatureAlgorithmsFor(key.algorithm).includes(algorithm);
        if (!fits || !token.settings.signatureAlgorithms.includes(algorithm)) {
          throw unsupported(algorithm);
        }
        const signature = await signWith(key, algorithm, message);
        return () => signature;
      }),

    importCertificate: (options) =>
      call("importCertificate", options, () => () => token.importCertificate(options)),

    certificates: (options = {}) =>
      call("session.certificates", options, () => () => ({
        token: tokenInfo(insertion),
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

function unsupported(algorithm: KeyAlgorithm | SignatureAlgorithm): RenewalError {
  return new RenewalError("ERR_ALGORITHM_UNSUPPORTED", { details: { algorithm } });
}
