import { eraseDocuments } from "./attachments.js";
import { runUnderClaim, type StepContext } from "./context.js";
import { errorCode, RenewalError, UNKNOWN_IMPACT } from "./errors.js";
import { impactOf } from "./impact.js";
import type { Renewal, State, StepName } from "./lifecycle.js";
import type { RenewalRecord } from "./record.js";
import { loadRecord } from "./record-store.js";
import { withoutSpentSecrets } from "./replies.js";
import type { Runtime } from "./runtime.js";
import type { StepOptions } from "./step-options.js";
import { deriveState, stageOf } from "./transitions.js";

/** Which handle a step is called on. A step that succeeded spends it. */
export interface HandleState {
  readonly id: string;
  readonly state: State;
  spent: boolean;
}

export type StepBody = (context: StepContext) => Promise<void>;

/**
 * Runs one step of a handle: refuses a handle of an earlier state, works under a claim, tells of what was saved, and turns
 * every failure into one that says whether key and money are safe and has the handle to go on with.
 *
 * The transition table has decided which states the step can end in, so the caller may narrow what it returns.
 */
export async function runStep<R extends Renewal>(
  runtime: Runtime,
  handle: HandleState,
  step: StepName,
  options: StepOptions | undefined,
  body: StepBody,
): Promise<R> {
  try {
    if (handle.spent) throw spentError(handle, step);
    const record = await runUnderClaim(
      runtime,
      handle.id,
      step,
      options?.signal,
      async (context) => {
        if (deriveState(context.record) !== handle.state) throw spentError(handle, step);
        try {
          await body(context);
        } finally {
          // A step may end the renewal by failing.
          context.set((record) => withoutSpentSecrets(record, context.now()));
          await withoutDocuments(context);
        }
      },
      (before, after) => announce(runtime, before, after),
    );
    handle.spent = true;
    return (await runtime.handleOf(record)) as R;
  } catch (error) {
    throw await inContext(runtime, handle.id, error);
  }
}

/** Documents that wait in the store for an application are of no use once it is over. */
async function withoutDocuments({ runtime, record }: StepContext): Promise<void> {
  if (deriveState(record) !== "closed") return;
  await eraseDocuments(runtime, record).catch(() => undefined);
}

/** The events of a saved change. */
async function announce(
  runtime: Runtime,
  before: RenewalRecord,
  after: RenewalRecord,
): Promise<void> {
  const from = deriveState(before);
  const state = deriveState(after);
  if (from === state) return;
  const renewal = await runtime.handleOf(after, "event");
  runtime.emitter.emit("state", { renewal, state, previous: from });
  const stage = stageOf(state);
  const previous = stageOf(from);
  if (stage && stage !== previous) runtime.emitter.emit("stage", { renewal, stage, previous });
}

export function spentError({ id, state }: HandleState, step: StepName): RenewalError {
  return new RenewalError("ERR_HANDLE_SPENT", { details: { id, state, step } });
}

/** The same failure, with what the record says of key and money, and the handle to go on with. */
export async function inContext(
  runtime: Runtime,
  id: string,
  failure: unknown,
): Promise<RenewalError> {
  const error =
    failure instanceof RenewalError
      ? failure
      : new RenewalError("ERR_UNEXPECTED", { cause: failure, details: { id } });
  const { code, details, problems, cause } = error;
  let told: RenewalError;
  try {
    const { record } = await loadRecord(runtime.store, id);
    const impact = impactOf(code, record);
    const renewal = await runtime.handleOf(record);
    told = new RenewalError(code, { cause, details, problems, impact, renewal });
  } catch (unreadable) {
    // Nothing was stored yet, so there is nothing to tell beyond the failure itself.
    if (errorCode(unreadable) === "ERR_RECORD_NOT_FOUND") return error;
    told = new RenewalError(code, { cause, details, problems, impact: UNKNOWN_IMPACT });
  }
  if (error.stack) told.stack = error.stack;
  return told;
}
