import { errorCode, RenewalError } from "./errors.js";
import { givenOrNone } from "./given.js";
import type { AwaitingReview } from "./lifecycle.js";
import { type HandleState, inContext, runStep, spentError } from "./machine.js";
import { loadRecord } from "./record-store.js";
import type { Runtime } from "./runtime.js";
import { pauseLeft, pollDelay } from "./schedule.js";
import type { UnlockingStepOptions, WaitOptions } from "./step-options.js";
import { refresh } from "./steps/refresh.js";

/** Failures that a wait outlives: an RA that is down for a night is no reason to give up. */
const PASSING: ReadonlySet<string> = new Set([
  "ERR_RA_UNREACHABLE",
  "ERR_RA_BUSY",
  "ERR_RECORD_CLAIMED",
]);

/** Wherever an application can stand that was once accepted. */
type Waited = Awaited<ReturnType<AwaitingReview["wait"]>>;

/**
 * Asks the RA until the state is another, whoever notices that first. Each look is a step of its own: between two looks
 * nothing is claimed, and a process that ends in between has lost nothing.
 */
export async function waitForChange(
  runtime: Runtime,
  handle: HandleState,
  options?: WaitOptions & UnlockingStepOptions,
): Promise<Waited> {
  try {
    if (handle.spent) throw spentError(handle, "wait");
    return await lookUntilChanged(runtime, handle, givenOrNone(options));
  } catch (error) {
    throw await inContext(runtime, handle.id, error);
  }
}

async function lookUntilChanged(
  runtime: Runtime,
  handle: HandleState,
  options: WaitOptions & UnlockingStepOptions,
): Promise<Waited> {
  const { signal, timeoutMs = Number.POSITIVE_INFINITY } = options;
  const { clock } = runtime;
  const deadline = clock.now().getTime() + timeoutMs;
  let failure: RenewalError | undefined;

  // The first look is due at once, unless the RA asked for a pause that is still running.
  let delayMs = await askedPauseMs();
  for (let attempt = 0; ; attempt += 1) {
    await pause();
    try {
      const renewal = await look();
      if (renewal.state !== handle.state) return renewal;
      failure = undefined;
    } catch (error) {
      const changed = noticedByOthers(error);
      if (changed) return changed;
      if (!PASSING.has(errorCode(error) ?? "")) throw error;
      failure = error as RenewalError;
    }
    const retryAfterMs = failure ? retryAfterOf(failure) : (await askedPauseMs()) || undefined;
    delayMs = pollDelay(runtime, { attempt, retryAfterMs });
  }

  async function look(): Promise<Waited> {
    // A look that finds nothing new does not spend the handle; one that does, does.
    const once = { ...handle };
    const renewal = await runStep<Waited>(runtime, once, "wait", { signal }, (context) =>
      refresh(context, options),
    );
    if (renewal.state !== handle.state) handle.spent = true;
    return renewal;
  }

  /** The handle of the state now, where another step or another program noticed what was waited for. */
  function noticedByOthers(error: unknown): Waited | undefined {
    if (!(error instanceof RenewalError) || error.code !== "ERR_HANDLE_SPENT") return undefined;
    if (!error.renewal || error.renewal.state === handle.state) return undefined;
    handle.spent = true;
    return error.renewal as Waited;
  }

  async function pause(): Promise<void> {
    if (delayMs === 0) return;
    const left = deadline - clock.now().getTime();
    if (delayMs > left) {
      // Asking earlier than the RA wants to be asked would help nobody.
      await clock.sleep(Math.max(0, left), signal);
      throw new RenewalError("ERR_TIMEOUT", { cause: failure, details: { id: handle.id } });
    }
    const { record } = await loadRecord(runtime.store, handle.id);
    const renewal = await runtime.handleOf(record, "event");
    runtime.emitter.emit("waiting", { renewal, delayMs, error: failure });
    await clock.sleep(delayMs, signal);
  }

  async function askedPauseMs(): Promise<number> {
    const { record } = await loadRecord(runtime.store, handle.id);
    return pauseLeft(record.pollNotBefore, clock.now());
  }
}

function retryAfterOf({ details }: RenewalError): number | undefined {
  const ms = details["retryAfterMs"];
  return typeof ms === "number" ? ms : undefined;
}
