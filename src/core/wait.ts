import { errorCode, RenewalError } from "./errors.js";
import type { InProgress } from "./lifecycle.js";
import { type HandleState, inContext, runStep } from "./machine.js";
import { loadRecord } from "./record-store.js";
import type { Runtime } from "./runtime.js";
import { pollDelay } from "./schedule.js";
import type { UnlockingStepOptions, WaitOptions } from "./step-options.js";
import { refresh } from "./steps/refresh.js";

/** Failures that a wait outlives: an RA that is down for a night is no reason to give up. */
const PASSING: ReadonlySet<string> = new Set([
  "ERR_RA_UNREACHABLE",
  "ERR_RA_BUSY",
  "ERR_RECORD_CLAIMED",
]);

/**
 * Asks the RA until the state is another. Each look is a step of its own: between two looks nothing is claimed, and a
 * process that ends in between has lost nothing.
 */
export async function waitForChange(
  runtime: Runtime,
  handle: HandleState,
  options: WaitOptions & UnlockingStepOptions = {},
): Promise<InProgress> {
  const { signal, timeoutMs = Number.POSITIVE_INFINITY } = options;
  const { clock } = runtime;
  const deadline = clock.now().getTime() + timeoutMs;
  let failure: RenewalError | undefined;

  // The first look is due at once, unless the RA asked for a pause that is still running.
  let delayMs = (await askedPauseMs()) ?? 0;
  for (let attempt = 0; ; attempt += 1) {
    await pause();
    try {
      const renewal = await look();
      if (renewal.state !== handle.state) return renewal;
      failure = undefined;
    } catch (error) {
      if (!PASSING.has(errorCode(error) ?? "")) throw error;
      failure = error as RenewalError;
    }
    const retryAfterMs = failure ? retryAfterOf(failure) : await askedPauseMs();
    delayMs = pollDelay(runtime, { attempt, retryAfterMs });
  }

  async function look(): Promise<InProgress> {
    // A look that finds nothing new does not spend the handle; one that does, does.
    const once = { ...handle };
    const renewal = await runStep<InProgress>(runtime, once, "wait", { signal }, (context) =>
      refresh(context, options),
    );
    if (renewal.state !== handle.state) handle.spent = true;
    return renewal;
  }

  async function pause(): Promise<void> {
    if (delayMs === 0) return;
    try {
      const left = deadline - clock.now().getTime();
      if (delayMs > left) {
        // Asking earlier than the RA wants to be asked would help nobody.
        await clock.sleep(Math.max(0, left), signal);
        throw new RenewalError("ERR_TIMEOUT", { cause: failure, details: { id: handle.id } });
      }
      const { record } = await loadRecord(runtime.store, handle.id);
      const renewal = await runtime.handleOf(record);
      runtime.emitter.emit("waiting", { renewal, delayMs, error: failure });
      await clock.sleep(delayMs, signal);
    } catch (error) {
      throw await inContext(runtime, handle.id, error);
    }
  }

  async function askedPauseMs(): Promise<number | undefined> {
    const { record } = await loadRecord(runtime.store, handle.id);
    const left = (record.pollNotBefore?.getTime() ?? 0) - clock.now().getTime();
    return left > 0 ? left : undefined;
  }
}

function retryAfterOf({ details }: RenewalError): number | undefined {
  const ms = details["retryAfterMs"];
  return typeof ms === "number" ? ms : undefined;
}
