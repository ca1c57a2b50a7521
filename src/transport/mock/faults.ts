import type { Clock } from "../../core/clock.js";
import { type ErrorCode, errorCode, RenewalError, throwIfAborted } from "../../core/errors.js";
import type { ExchangePurpose } from "../../core/ports/transport.js";
import { type FaultPlan, type FaultTrigger, faultPlan } from "../../testing/fault-plan.js";

/** A call that a {@link TransportFault} can befall. */
export type MockTransportMethod =
  | "offer"
  | "upload"
  | "lookUp"
  | "send"
  | "recover"
  | "progress"
  | "collect";

/** Something that goes wrong on the way to the RA, or there, once, at the call it is armed for. */
export type TransportFault = FaultTrigger & {
  /** Default: any. */
  readonly method?: MockTransportMethod | undefined;
  /** Only exchanges of this purpose. */
  readonly purpose?: ExchangePurpose | undefined;
} & (
    | { readonly type: "unreachable" }
    /** An answer that nobody can read. Of `send`, the outcome is then not known: ERR_RA_UNREACHABLE. */
    | { readonly type: "malformed" }
    | { readonly type: "busy"; readonly retryAfterMs?: number | undefined }
    | { readonly type: "refused"; readonly reason?: string | undefined }
    | { readonly type: "slow"; readonly ms: number }
  );

/** One call that a transport was given. */
export interface TransportCall {
  readonly method: MockTransportMethod;
  readonly purpose?: ExchangePurpose | undefined;
  readonly outcome: "under way" | "ok" | ErrorCode;
}

type CallId = Pick<TransportCall, "method" | "purpose">;

export interface Line {
  readonly log: readonly TransportCall[];
  readonly plan: FaultPlan<TransportFault, CallId>;
  /** Carries one call to the RA, or not. */
  carry<T>(call: CallId, signal: AbortSignal | undefined, effect: () => T | Promise<T>): Promise<T>;
}

/** The way to the RA: logged, with faults, abortable. */
export function lineTo(faults: readonly TransportFault[], clock: Clock): Line {
  const log: TransportCall[] = [];
  const plan = faultPlan<TransportFault, CallId>(
    faults,
    (fault, { method, purpose }) =>
      (fault.method ?? method) === method && (fault.purpose ?? purpose) === purpose,
  );

  async function carry<T>(
    call: CallId,
    signal: AbortSignal | undefined,
    effect: () => T | Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    const { before, after } = plan.strike(call);
    for (const fault of before) await suffer(fault, call, clock, signal);
    // One turn later, like every answer from elsewhere.
    await Promise.resolve();
    throwIfAborted(signal);
    const result = await effect();
    for (const fault of after) await suffer(fault, call, clock, signal);
    return result;
  }

  return {
    log,
    plan,
    async carry(call, signal, effect) {
      const index = log.push({ ...call, outcome: "under way" }) - 1;
      try {
        const result = await carry(call, signal, effect);
        log[index] = { ...call, outcome: "ok" };
        return result;
      } catch (error) {
        log[index] = { ...call, outcome: errorCode(error) ?? "ERR_RA_RESPONSE" };
        throw error;
      }
    },
  };
}

async function suffer(
  fault: TransportFault,
  call: CallId,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<void> {
  switch (fault.type) {
    case "slow":
      return clock.sleep(fault.ms, signal);
    case "unreachable":
      throw new RenewalError("ERR_RA_UNREACHABLE");
    case "malformed":
      throw new RenewalError(call.method === "send" ? "ERR_RA_UNREACHABLE" : "ERR_RA_RESPONSE", {
        details: { reason: "an answer that cannot be read" },
      });
    case "busy": {
      const { retryAfterMs } = fault;
      throw new RenewalError("ERR_RA_BUSY", {
        ...(retryAfterMs !== undefined && { details: { retryAfterMs } }),
      });
    }
    case "refused":
      throw refused(fault.reason ?? "refused on demand");
  }
}

export function refused(reason: string, cause?: unknown): RenewalError {
  return new RenewalError("ERR_RA_REFUSED", { cause, details: { reason } });
}
