import { sameToken } from "../../core/domain/token-identity.js";
import { RenewalError } from "../../core/errors.js";
import type {
  CallOptions,
  Session,
  Token,
  TokenContents,
  TokenIdentity,
} from "../../core/ports/driver.js";
import {
  assertBytes,
  assertCertificate,
  assertDecryptionAlgorithm,
  assertKeyReference,
  assertNonEmpty,
  assertSignatureAlgorithm,
  assertSpki,
  assertUsage,
} from "./arguments.js";
import { mayBeRemoval } from "./errors.js";
import type { HostProcess } from "./host-process.js";
import { nameOf } from "./identity.js";
import type { CallName, Params, Result } from "./rpc.js";

export interface SessionParts {
  readonly host: HostProcess;
  readonly token: Token;
  /** Tokens that were present when the session began. */
  readonly neighbours: readonly TokenIdentity[];
  /** Looks which tokens are present now, in another host, which has no caches of this session. */
  presentTokens(): Promise<readonly TokenIdentity[]>;
  onClose(): void;
}

/** A session whose user is logged in, as the port wants it. */
export function createSession(parts: SessionParts): Session {
  const { host, token } = parts;
  const holderTypesPin = token.protectedAuthenticationPath;

  const call = async <K extends CallName>(
    name: K,
    params: Params<K>,
    { signal }: CallOptions,
  ): Promise<Result<K>> => {
    try {
      return await host.call(name, params, { signal, onAbort: "end", holderTypesPin });
    } catch (error) {
      throw await judgeFailure(error, parts);
    }
  };

  const close = async () => {
    await host.close();
    parts.onClose();
  };

  return {
    token,
    async generateKeyPair({ algorithm, keyId, label, usage, signal }) {
      assertNonEmpty("keyId", keyId);
      assertUsage(usage);
      return call("generate", { algorithm, keyId, label: String(label), usage }, { signal });
    },
    async findKeyPair({ keyId, spki }, { signal } = {}) {
      assertKeyReference({ keyId, spki });
      return call("find", { keyId, spki }, { signal });
    },
    async sign({ key: { keyId, spki }, algorithm, message, signal }) {
      assertKeyReference({ keyId, spki });
      assertSignatureAlgorithm(algorithm);
      assertBytes("message", message);
      return call("sign", { key: { keyId, spki }, algorithm, message }, { signal });
    },
    async decrypt({ key: { keyId, spki }, algorithm, ciphertext, signal }) {
      assertKeyReference({ keyId, spki });
      assertDecryptionAlgorithm(algorithm);
      assertBytes("ciphertext", ciphertext);
      return call("decrypt", { key: { keyId, spki }, algorithm, ciphertext }, { signal });
    },
    async importKeyPair({ envelopedKey, unwrappingKey, spki, keyId, label, usage, signal }) {
      const { encryptedKey, keyEncryption, wrappedPrivateKey } = envelopedKey;
      assertBytes("envelopedKey/encryptedKey", encryptedKey);
      assertDecryptionAlgorithm(keyEncryption);
      assertBytes("envelopedKey/wrappedPrivateKey", wrappedPrivateKey);
      assertKeyReference(unwrappingKey);
      assertSpki("spki", spki);
      assertNonEmpty("keyId", keyId);
      assertUsage(usage);
      const params = {
        envelopedKey: { encryptedKey, keyEncryption, wrappedPrivateKey },
        unwrappingKey: { keyId: unwrappingKey.keyId, spki: unwrappingKey.spki },
        spki,
        keyId,
        label: String(label),
        usage,
      };
      return call("unwrap", params, { signal });
    },
    async importCertificate({ der, keyId, label, signal }) {
      assertCertificate("der", der);
      assertBytes("keyId", keyId);
      await call("import", { der, keyId, label: String(label) }, { signal });
    },
    async certificates({ signal } = {}) {
      const contents = await call("read", undefined, { signal });
      // A module that lost its token may still list what it can no longer read.
      if (isNothingReadable(contents)) await assertStillPresent(parts);
      return contents;
    },
    async destroy({ kind, keyId, sha256, spki, signal }) {
      if (kind === "key-pair") assertKeyReference({ keyId, spki });
      else if (sha256 === undefined) assertNonEmpty("keyId", keyId);
      assertBytes("keyId", keyId);
      await call("destroy", { kind, keyId, sha256, spki }, { signal });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What a native failure in a session means: modules give many results for one thing, a token that was pulled out. */
export async function judgeFailure(
  error: unknown,
  parts: Omit<SessionParts, "host" | "onClose">,
): Promise<unknown> {
  if (!(error instanceof RenewalError)) return error;
  const details = { token: nameOf(parts.token), ...error.details };
  if (mayBeRemoval(error)) {
    const removal = await removalOf(parts);
    if (removal !== undefined) {
      return new RenewalError(removal.code, {
        cause: error.cause ?? error,
        details: { ...details, ...removal.details },
      });
    }
  }
  return new RenewalError(error.code, { cause: error.cause ?? error, details });
}

async function assertStillPresent(parts: SessionParts): Promise<void> {
  const removal = await removalOf(parts);
  if (removal !== undefined) throw removal;
}

/** ERR_TOKEN_REMOVED or ERR_TOKEN_WRONG when the token is not there; `undefined` when it is, or nobody can tell. */
async function removalOf(
  parts: Parameters<typeof judgeFailure>[1],
): Promise<RenewalError | undefined> {
  const { token, neighbours } = parts;
  const present = await parts.presentTokens().catch(() => undefined);
  if (present === undefined || present.some((each) => sameToken(each, token))) return undefined;
  const newcomer = present.find((each) => !neighbours.some((other) => sameToken(each, other)));
  const details = { token: nameOf(token) };
  return newcomer === undefined
    ? new RenewalError("ERR_TOKEN_REMOVED", { details })
    : new RenewalError("ERR_TOKEN_WRONG", { details: { ...details, found: nameOf(newcomer) } });
}

function isNothingReadable({ certificates, unreadableObjects }: TokenContents): boolean {
  return certificates.length === 0 && unreadableObjects > 0;
}
