import { z } from "zod";
import type { StepContext } from "./context.js";
import { dateTime } from "./domain/scalars.js";
import { type ErrorCode, errorCode, RenewalError } from "./errors.js";
import type { Session, Token, TokenIdentity } from "./ports/driver.js";
import type { ProcessIdentity } from "./process-identity.js";
import { storeKeys } from "./record-store.js";
import type { PinReason, Runtime } from "./runtime.js";
import type { UnlockingStepOptions } from "./step-options.js";

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
  context: StepContext,
  reason: PinReason,
  options: UnlockingStepOptions,
): TokenAccess {
  let pin: string | undefined;
  let proven = false;

  async function open(): Promise<Session> {
    const { runtime, record, signal } = context;
    const token = await findToken(runtime, record.token, signal);
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
      await context.save((current) =>
        current.claim ? { ...current, claim: { ...current.claim, host } } : current,
      );
      await attempts.begin();
    };
    try {
      const session = await runtime.driver.unlock(record.token, { pin, signal, onHost });
      proven = true;
      try {
        await attempts.end("accepted");
      } catch (error) {
        await session.close();
        throw error;
      }
      return session;
    } catch (error) {
      pin = undefined;
      proven = false;
      const result = RESULTS[errorCode(error) ?? "ERR_UNEXPECTED"];
      // The refusal itself matters more than a store that fails on top of it: then the attempt stays "unknown".
      if (result) await attempts.end(result).catch(() => undefined);
      throw error;
    }
  }

  return {
    async use(work) {
      const session = await open();
      try {
        return await work(session);
      } finally {
        await session.close();
      }
    },
  };
}

/** What a failed unlock says of the PIN. Where nothing stands here, the attempt's result stays unknown. */
const RESULTS: Partial<Record<ErrorCode, AttemptResult>> = {
  ERR_PIN_INCORRECT: "failed",
  ERR_PIN_LOCKED: "failed",
  // The driver's contract: these come before the PIN is presented.
  ERR_TOKEN_NOT_PRESENT: "not-presented",
  ERR_TOKEN_WRONG: "not-presented",
  ERR_MODULE_MISSING: "not-presented",
  ERR_NATIVE_UNAVAILABLE: "not-presented",
};

/**
 * The token of the record, wherever it is plugged in.
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

export function sameToken(left: TokenIdentity, right: TokenIdentity): boolean {
  return (
    left.serialNumber === right.serialNumber &&
    left.label === right.label &&
    left.model === right.model &&
    left.manufacturer === right.manufacturer
  );
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
  const { serialNumber, label, model, manufacturer, pinState } = token;
  const identity = { serialNumber, label, model, manufacturer };
  let pin: string | undefined;
  try {
    pin = await runtime.pin?.({ token: identity, reason, pinState, signal });
  } catch (cause) {
    throw new RenewalError("ERR_PIN_REQUIRED", { cause, details: { token: label } });
  }
  if (!pin) throw new RenewalError("ERR_PIN_REQUIRED", { details: { token: label } });
  return pin;
}

type AttemptResult = "unknown" | "accepted" | "failed" | "not-presented";

const attemptsSchema = z.object({
  format: z.literal("certrenew/token"),
  version: z.literal(1),
  lastAttempt: z.object({ at: dateTime, result: z.enum(["unknown", "accepted", "failed"]) }),
});

interface Attempts {
  assertAllowed(token: Token, retryPin: UnlockingStepOptions["retryPin"]): void;
  begin(): Promise<void>;
  end(result: AttemptResult): Promise<void>;
}

/**
 * The last PIN attempt on a token, as a document of its own: it is the token's, whichever renewal made it, and its
 * compare-and-set keeps two processes from presenting PINs at the same time.
 */
async function openAttempts({ store, clock }: Runtime, token: Token): Promise<Attempts> {
  const key = storeKeys.token(token);
  const stored = await store.load(key);
  const parsed =
    stored && attemptsSchema.safeDecode(stored.document as z.input<typeof attemptsSchema>);
  // A document that cannot be read counts as an attempt of unknown result: the careful reading.
  const before = parsed ? (parsed.data?.lastAttempt.result ?? "unknown") : undefined;
  let revision = stored?.revision ?? 0;
  let begun = false;

  async function save(result: "unknown" | "accepted" | "failed"): Promise<void> {
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
      if (!begun) return;
      // Nothing was presented, so what was known before is what is known now.
      const known = result === "not-presented" ? before : result;
      if (known) await save(known);
      else await store.remove(key, revision);
    },
  };
}
