import { asClaimed, claimRecord, oneAtATime, withoutClaim } from "./claim.js";
import { throwIfAborted } from "./errors.js";
import type { StepName } from "./lifecycle.js";
import type { Reference, Transport } from "./ports/transport.js";
import type { ProcessIdentity } from "./process-identity.js";
import type { RenewalRecord } from "./record.js";
import { saveRecord } from "./record-store.js";
import type { Runtime } from "./runtime.js";
import { credentialOf } from "./summaries.js";
import { assertTransition } from "./transitions.js";
import type { UnlockContext } from "./unlock.js";

type RecordUpdate = (record: RenewalRecord) => RenewalRecord;

/** What a step works with: the record under its claim, and the ports. */
export interface StepContext extends UnlockContext {
  readonly step: StepName;
  /** As last saved, or set. */
  readonly record: RenewalRecord;
  readonly transport: Transport;
  now(): Date;
  /** Saves before it resolves. @throws ERR_TRANSITION, ERR_RECORD_CLAIMED, ERR_STORE_FAILURE */
  save(update: RecordUpdate): Promise<void>;
  /** Sets what the next save, or the end of the step, will write: for what may be lost without harm. */
  set(update: RecordUpdate): void;
  reference(): Reference;
}

/** Told of every state that was saved. */
type SavedListener = (before: RenewalRecord, after: RenewalRecord) => Promise<void>;

/**
 * Runs a step's body under a claim, and gives the claim back with the last save, whether the body succeeded or not.
 * @returns the record as it is left
 */
export async function runUnderClaim(
  ...run: Parameters<typeof claimAndRun>
): Promise<RenewalRecord> {
  const [runtime, id, , signal] = run;
  throwIfAborted(signal);
  return oneAtATime(runtime, id, () => claimAndRun(...run));
}

async function claimAndRun(
  runtime: Runtime,
  id: string,
  step: StepName,
  signal: AbortSignal | undefined,
  body: (context: StepContext) => Promise<void>,
  onSaved: SavedListener,
): Promise<RenewalRecord> {
  let saved = await claimRecord(runtime, id, signal);
  let current = saved.record;

  async function write(next: RenewalRecord): Promise<void> {
    const before = saved.record;
    const stamped = { ...next, updatedAt: runtime.clock.now() };
    try {
      saved = await saveRecord(runtime.store, stamped, saved.revision);
    } catch (error) {
      throw asClaimed(error, id);
    }
    current = saved.record;
    await onSaved(before, current);
  }

  function set(update: RecordUpdate): void {
    const next = update(current);
    assertTransition(current, next, step);
    current = next;
  }

  async function save(update: RecordUpdate): Promise<void> {
    set(update);
    try {
      await write(current);
    } catch (error) {
      // What could not be stored did not happen: nothing that follows may build on it.
      current = saved.record;
      throw error;
    }
  }

  const contextWith = (transport: Transport): StepContext => ({
    runtime,
    step,
    signal,
    get record() {
      return current;
    },
    get token() {
      return current.token;
    },
    transport,
    now: () => runtime.clock.now(),
    set,
    save,
    activity: (activity) => runtime.emitter.emit("activity", { id, step, activity }),
    onHost: (host) => save((record) => withHost(record, host)),
    reference: () => referenceOf(current),
  });

  try {
    await body(contextWith(runtime.transportFor(credentialOf(current))));
  } catch (error) {
    // What was set is not lost with the step, and the claim must not outlive it, even where what was set cannot be
    // stored; the failure itself matters more than a store that fails on top of it.
    await write(withoutClaim(current))
      .catch(() => write(withoutClaim(saved.record)))
      .catch(() => undefined);
    throw error;
  }
  await write(withoutClaim(current));
  return saved.record;
}

function withHost(record: RenewalRecord, host: ProcessIdentity): RenewalRecord {
  return record.claim ? { ...record, claim: { ...record.claim, host } } : record;
}

function referenceOf(record: RenewalRecord): Reference {
  const { application, offer, secrets, id } = record;
  return {
    renewalId: id,
    followSecret: secrets.followSecret ?? "",
    certificateSha256: offer.offer.certificateSha256,
    offer: { id: offer.offer.id, origin: offer.offer.origin },
    remote: application.remote,
  };
}
