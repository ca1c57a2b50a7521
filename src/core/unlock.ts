import { z } from "zod";
import { untilAborted } from "./abort.js";
import { dateTime } from "./domain/scalars.js";
import { identityOf, sameToken } from "./domain/token-identity.js";
import { errorCode, RenewalError, throwIfAborted } from "./errors.js";
import type { Activity } from "./events.js";
import type { Session, Token, TokenIdentity } from "./ports/driver.js";
import type { Store } from "./ports/store.js";
import type { ProcessIdentity } from "./process-identity.js";
import { storeKeys } from "./record-store.js";
import type { PinReason, Runtime } from "./runtime.js";
import type { UnlockingStepOptions } from "./step-options.js";

/** For what a token is unlocked: a step of a renewal (its `StepContext` is one), or a question that has no record. */
export interface UnlockContext {
  readonly runtime: Runtime;
  readonly token: TokenIdentity;
  readonly signal: AbortSignal | undefined;
  activity(activity: Activity): void;
  /** Awaited before the PIN crosses: what has a record saves the host there, so that a later process can end it. */
  onHost(host: ProcessIdentity): Promise<void>;
}

/** Opens sessions for one step: the holder is asked for the PIN once, and it is dropped with the step. */
export interface TokenAccess {
  /**
   * Opens a session in a host of its own, uses it, and ends it.
   * @throws ERR_TOKEN_NOT_PRESENT, ERR_TOKEN_WRONG, ERR_PIN_REQUIRED, ERR_PIN_INCORRECT, ERR_PIN_RETRY, ERR_PIN_FINAL_TRY,
   *   ERR_PIN_LOCKED, ERR_MODULE_*
   */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>;
}

export function tokenAccess(
  context: UnlockContext,
  reason: PinReason,
  options: UnlockingStepOptions,
): TokenAccess {
  let pin: string | undefined;
  let proven = false;

  async function forgetPin(error: unknown, attempts: Attempts): Promise<void> {
    pin = undefined;
    proven = false;
    // The refusal itself matters more than a store that fails on top of it: then the attempt stays as it was.
    if (isRefusal(error)) await attempts.end("failed").catch(() => undefined);
  }

  async function open(): Promise<{ readonly session: Session; readonly attempts: Attempts }> {
    const { runtime, signal } = context;
    const token = await findToken(runtime, context.token, signal);
    const attempts = await openAttempts(runtime, token);
    // A PIN that was just accepted may be presented even where one wrong PIN would lock the token.
    attempts.assertAllowed(token, proven ? "final" : options.retryPin);
    if (!proven && needsPin(token)) {
      context.activity("asking-pin");
      pin = await askPin(runtime, token, reason, signal);
    }
    context.activity("unlocking");
    const onHost = async (host: ProcessIdentity) => {
      // Both before the PIN crosses: a process that comes after us must find the host, and know of the attempt.
      await context.onHost(host);
      await attempts.begin();
    };
    try {
      const session = await runtime.driver.unlock(context.token, { pin, signal, onHost });
      proven = true;
      try {
        await attempts.end("accepted");
      } catch (error) {
        await session.close();
        throw error;
      }
      return { session, attempts };
    } catch (error) {
      await forgetPin(error, attempts);
      throw error;
    }
  }

  return {
    async use(work) {
      const { session, attempts } = await open();
      try {
        return await work(session);
      } catch (error) {
        // A key with CKA_ALWAYS_AUTHENTICATE has the PIN presented for each signature.
        if (isRefusal(error)) await forgetPin(error, attempts);
        throw error;
      } finally {
        await session.close();
      }
    },
  };
}

/** After any other failure the PIN may have been presented, and nobody knows how it went. */
function isRefusal(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ERR_PIN_INCORRECT" || code === "ERR_PIN_LOCKED";
}

/**
 * The token, wherever it is plugged in.
 * @throws ERR_TOKEN_NOT_PRESENT, ERR_TOKEN_WRONG when only others are there
 */
export async function findToken(
  runtime: Runtime,
  identity: TokenIdentity,
  signal?: AbortSignal,
): Promise<Token> {
  const tokens = await runtime.driver.tokens({ signal });
  const found = tokens.find((token) => sameToken(token, identity));
  if (found) return found;
  const [other] = tokens;
  const details = { token: identity.label, serialNumber: identity.serialNumber };
  if (!other) throw new RenewalError("ERR_TOKEN_NOT_PRESENT", { details });
  throw new RenewalError("ERR_TOKEN_WRONG", {
    details: { ...details, found: other.label, foundSerialNumber: other.serialNumber },
  });
}

function needsPin(token: Token): boolean {
  return token.loginRequired && !token.protectedAuthenticationPath;
}

async function askPin(
  runtime: Runtime,
  token: Token,
  reason: PinReason,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { label, pinState } = token;
  let pin: unknown;
  try {
    const asked = runtime.pin?.({ token: identityOf(token), reason, pinState, signal });
    // A prompt that does not heed the signal must not hold the step, and what it gives later is dropped.
    pin = await untilAborted(Promise.resolve(asked), signal);
  } catch (cause) {
    throwIfAborted(signal);
    throw new RenewalError("ERR_PIN_REQUIRED", { cause, details: { token: label } });
  }
  if (typeof pin === "string" && pin !== "") return pin;
  const isGiven = pin !== undefined && pin !== null && pin !== "";
  const reasonGiven = isGiven && { reason: `the pin callback gave a ${typeof pin}, not a string` };
  throw new RenewalError("ERR_PIN_REQUIRED", { details: { token: label, ...reasonGiven } });
}

type AttemptResult = "unknown" | "accepted" | "failed";

const attemptsSchema = z.object({
  format: z.literal("certrenew/token"),
  version: z.literal(1),
  lastAttempt: z.object({ at: dateTime, result: z.enum(["unknown", "accepted", "failed"]) }),
});

interface Attempts {
  assertAllowed(token: Token, retryPin: UnlockingStepOptions["retryPin"]): void;
  /** Before a PIN is presented: until its end is recorded, its result is not known. */
  begin(): Promise<void>;
  /** Nothing where no attempt has begun. */
  end(result: Exclude<AttemptResult, "unknown">): Promise<void>;
}

/**
 * The last PIN attempt on a token, as a document of its own: it is the token's, whichever renewal made it, and its
 * compare-and-set keeps two processes from presenting PINs at the same time.
 */
async function openAttempts({ store, clock }: Runtime, token: Token): Promise<Attempts> {
  const key = storeKeys.token(token);
  const last = await loadLast(store, key);
  const before = last.result;
  let { revision } = last;
  let begun = false;

  async function save(result: AttemptResult): Promise<void> {
    const at = clock.now().toISOString();
    const document = { format: "certrenew/token", version: 1, lastAttempt: { at, result } };
    revision = await store.save(key, document, revision);
  }

  return {
    assertAllowed(present, retryPin) {
      const details = { token: present.label, lastResult: before ?? "none" };
      if (present.pinState === "locked") throw new RenewalError("ERR_PIN_LOCKED", { details });
      if (present.pinState === "final" && retryPin !== "final") {
        throw new RenewalError("ERR_PIN_FINAL_TRY", { details });
      }
      if ((before === "failed" || before === "unknown") && !retryPin) {
        throw new RenewalError("ERR_PIN_RETRY", { details });
      }
    },
    async begin() {
      await save("unknown");
      begun = true;
    },
    async end(result) {
      if (begun) await save(result);
    },
  };
}

/** A document that cannot be read counts as an attempt of unknown result: the careful reading. The next one replaces it. */
async function loadLast(
  store: Store,
  key: string,
): Promise<{ readonly result: AttemptResult | undefined; readonly revision: number }> {
  try {
    const stored = await store.load(key);
    if (!stored) return { result: undefined, revision: 0 };
    const { data } = attemptsSchema.safeDecode(stored.document as z.input<typeof attemptsSchema>);
    return { result: data?.lastAttempt.result ?? "unknown", revision: stored.revision };
  } catch (error) {
    const revision = error instanceof RenewalError && error.details["revision"];
    if (errorCode(error) !== "ERR_RECORD_CORRUPT" || typeof revision !== "number") throw error;
    return { result: "unknown", revision };
  }
}
