import { sameToken } from "../../core/domain/token-identity.js";
import { RenewalError } from "../../core/errors.js";
import { signatureAlgorithmsFor } from "../../core/pki/algorithms.js";
import { parseCertificate, sha256Hex } from "../../core/pki/certificate.js";
import { bytesEqual } from "../../core/pki/der.js";
import type {
  DestroyOptions,
  KeyPair,
  KeyReference,
  Session,
  Token,
  TokenCertificate,
} from "../../core/ports/driver.js";
import { inTurn } from "./calls.js";
import type { DriverParts, SessionParts, StoredCertificate } from "./parts.js";

/** The port's session over an author's parts. After an abort, or its end, it does nothing more. */
export function openSession(
  parts: DriverParts,
  token: Token,
  opened: SessionParts,
  onEnd: () => void,
): Session {
  let isOpen = true;
  const queue = inTurn((signal) => {
    // What was stopped half-way leaves a session in a state that nobody knows.
    if (signal?.aborted) isOpen = false;
  });
  const call: typeof queue = (options, work) =>
    queue(options, async () => {
      if (!isOpen) throw new RenewalError("ERR_TOKEN_FAILURE", { details: { token: token.label } });
      await assertPresent(parts, token);
      try {
        return await work();
      } catch (error) {
        // What fails because the token is gone is told as that.
        if (!(error instanceof RenewalError)) await assertPresent(parts, token);
        throw error;
      }
    });

  async function keyOf(reference: KeyReference): Promise<KeyPair> {
    const found = (await opened.keyPairs()).find((pair) => isMeant(pair, reference));
    if (found) return found;
    throw new RenewalError("ERR_KEY_NOT_FOUND", { details: { token: token.label } });
  }

  const { decrypt } = opened;
  const session: Session = {
    token,
    generateKeyPair: (options) =>
      call(options, async () => {
        const { algorithm, keyId, label, usage = "signing" } = options;
        if (!token.keyAlgorithms.includes(algorithm)) throw unsupported(algorithm);
        const spki = await opened.generateKeyPair({ algorithm, keyId, label, usage });
        return { keyId, algorithm, spki };
      }),
    findKeyPair: (reference, options) =>
      call(options, async () => (await opened.keyPairs()).find((pair) => isMeant(pair, reference))),
    sign: (options) =>
      call(options, async () => {
        const { key, algorithm, message } = options;
        const pair = await keyOf(key);
        const fits =
          token.signatureAlgorithms.includes(algorithm) &&
          signatureAlgorithmsFor(pair.algorithm).includes(algorithm);
        if (!fits) throw unsupported(algorithm);
        return opened.sign(pair, algorithm, message);
      }),
    ...(decrypt && {
      decrypt: (options) =>
        call(options, async () =>
          decrypt.call(opened, await keyOf(options.key), options.algorithm, options.ciphertext),
        ),
    }),
    importCertificate: (options) =>
      call(options, async () => {
        const { der, keyId, label } = options;
        const present = await parts.certificates(token);
        const isThere = present.some(
          (each) => bytesEqual(each.der, der) && bytesEqual(each.keyId, keyId),
        );
        if (!isThere) await opened.importCertificate({ der, keyId, label });
      }),
    certificates: (options) =>
      call(options, async () => {
        const pairs = await opened.keyPairs();
        const present = await parts.certificates(token);
        const certificates = present.map((each) => ({ ...each, privateKey: seen(each, pairs) }));
        return { token, certificates, unreadableObjects: 0 };
      }),
    destroy: (options) => call(options, () => destroy(parts, token, opened, options)),
    async close() {
      if (!isOpen) return;
      isOpen = false;
      onEnd();
      await opened.logout?.().catch(() => undefined);
    },
    [Symbol.asyncDispose]: () => session.close(),
  };
  return session;
}

/** @throws ERR_TOKEN_REMOVED, ERR_TOKEN_WRONG where another one is there instead */
async function assertPresent(parts: DriverParts, token: Token): Promise<void> {
  const present = await parts.tokens();
  if (present.some((each) => sameToken(each, token))) return;
  const [other] = present;
  const details = { token: token.label, serialNumber: token.serialNumber };
  if (!other) throw new RenewalError("ERR_TOKEN_REMOVED", { details });
  throw new RenewalError("ERR_TOKEN_WRONG", {
    details: { ...details, found: other.label, foundSerialNumber: other.serialNumber },
  });
}

async function destroy(
  parts: DriverParts,
  token: Token,
  opened: SessionParts,
  { kind, keyId, spki, sha256 }: DestroyOptions,
): Promise<void> {
  if (kind === "key-pair") {
    const pairs = await opened.keyPairs();
    for (const pair of pairs.filter((each) => isMeant(each, { keyId, spki }))) {
      await opened.destroyKeyPair(pair);
    }
    return;
  }
  for (const certificate of await parts.certificates(token)) {
    const isNamed = sha256 === undefined || sha256 === sha256Hex(certificate.der);
    if (isNamed && bytesEqual(certificate.keyId, keyId)) {
      await opened.destroyCertificate(certificate);
    }
  }
}

/** By CKA_ID, by public key, or by both where both are given; nothing is meant by neither. */
function isMeant(pair: KeyPair, { keyId, spki }: KeyReference): boolean {
  if (keyId.length === 0 && spki === undefined) return false;
  const fitsId = keyId.length === 0 || bytesEqual(pair.keyId, keyId);
  return fitsId && (spki === undefined || bytesEqual(pair.spki, spki));
}

/** Logged in, a key that is not seen is not there. What is no certificate has none. */
function seen(
  { der }: StoredCertificate,
  pairs: readonly KeyPair[],
): TokenCertificate["privateKey"] {
  try {
    const { spki } = parseCertificate(der);
    return pairs.some((pair) => bytesEqual(pair.spki, spki)) ? "present" : "absent";
  } catch {
    return "unknown";
  }
}

const unsupported = (algorithm: string) =>
  new RenewalError("ERR_ALGORITHM_UNSUPPORTED", { details: { algorithm } });
