import type { DecryptionReason } from "./decryption-texts.js";
import { sameToken } from "./domain/token-identity.js";
import { errorCode } from "./errors.js";
import type { Session, TokenIdentity } from "./ports/driver.js";
import type { AddressedCertificate } from "./recipients.js";
import type { Runtime } from "./runtime.js";
import type { UnlockingStepOptions } from "./step-options.js";
import { tokenAccess } from "./unlock.js";

/** What was found out of the key of a certificate. */
interface KeyFinding {
  readonly reason: DecryptionReason;
  readonly by: AddressedCertificate;
}

/** What counts most comes first: one key that opens it is enough. */
const PRECEDENCE: readonly DecryptionReason[] = [
  "opened",
  "key-present",
  "not-tried",
  "pin-needed",
  "token-away",
  "not-opened",
  "key-gone",
];

/** What is seen of the keys without a PIN. */
export function lookForKeys(candidates: readonly AddressedCertificate[]): KeyFinding | undefined {
  return best(candidates.map((by) => ({ reason: seen(by), by })));
}

/**
 * Unlocks one token after the other, and looks for the keys, until one of them opens it.
 * @throws what unlocking throws
 */
export async function tryKeys(
  runtime: Runtime,
  candidates: readonly AddressedCertificate[],
  options: UnlockingStepOptions,
): Promise<KeyFinding | undefined> {
  const { signal } = options;
  const findings: KeyFinding[] = [];
  for (const token of tokensOf(candidates)) {
    const onToken = candidates.filter((by) => sameToken(by.token, token));
    const toTry = onToken.filter((by) => by.isPluggedIn && by.privateKey !== "absent");
    findings.push(
      ...onToken.filter((by) => !toTry.includes(by)).map((by) => ({ reason: seen(by), by })),
    );
    if (toTry.length === 0) continue;
    // No record belongs to the question, so there is nowhere to keep the host; one whose parent dies ends by itself.
    const context = { runtime, token, signal, activity: () => {}, onHost: async () => {} };
    await tokenAccess(context, "decrypt", options).use(async (session) => {
      for (const by of toTry) {
        findings.push({ reason: await tryKey(session, by, signal), by });
        if (findings.at(-1)?.reason === "opened") return;
      }
    });
    const found = best(findings);
    if (found?.reason === "opened" || found?.reason === "key-present") return found;
  }
  return best(findings);
}

function seen({ privateKey, isPluggedIn }: AddressedCertificate): DecryptionReason {
  if (!isPluggedIn) return "token-away";
  if (privateKey === "unknown") return "pin-needed";
  return privateKey === "present" ? "key-present" : "key-gone";
}

async function tryKey(
  session: Session,
  { held: { keyId }, certificate: { spki }, recipient }: AddressedCertificate,
  signal: AbortSignal | undefined,
): Promise<DecryptionReason> {
  const key = { keyId, spki };
  if (!(await session.findKeyPair(key, { signal }))) return "key-gone";
  if (!session.decrypt || recipient.kind !== "key-transport") return "key-present";
  const { keyEncryption: algorithm, encryptedKey: ciphertext } = recipient;
  if (!algorithm) return "not-tried";
  try {
    (await session.decrypt({ key, algorithm, ciphertext, signal })).fill(0);
    return "opened";
  } catch (error) {
    switch (errorCode(error)) {
      case "ERR_DECRYPTION_FAILED":
        return "not-opened";
      case "ERR_ALGORITHM_UNSUPPORTED":
        return "not-tried";
      default:
        throw error;
    }
  }
}

function tokensOf(candidates: readonly AddressedCertificate[]): TokenIdentity[] {
  const tokens = candidates.map(({ token }) => token);
  return tokens.filter((token, at) => tokens.findIndex((each) => sameToken(each, token)) === at);
}

function best(findings: readonly KeyFinding[]): KeyFinding | undefined {
  const rank = ({ reason }: KeyFinding) => PRECEDENCE.indexOf(reason);
  return [...findings].sort((left, right) => rank(left) - rank(right))[0];
}
