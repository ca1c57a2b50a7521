import { errorCode, RenewalError } from "./errors.js";
import { identifyThisProcess, processState } from "./process-identity.js";
import type { Claim, RenewalRecord } from "./record.js";
import { loadRecord, type OpenRecord, saveRecord } from "./record-store.js";
import type { Runtime } from "./runtime.js";

/**
 * Who may work on a renewal. The claim stands in the record itself, so the record's compare-and-set is the fence: an owner
 * that was frozen and wakes up after a take-over fails at its next save. Everything that changes the token or the RA is
 * preceded by a save, and the take-over ends the old owner's host, so nothing is done in between either.
 */

/**
 * Claims a renewal for this client. A dead owner is taken over: its host process is ended, and waited for, first.
 * @throws ERR_RECORD_CLAIMED while another owner works on it, ERR_RECORD_NOT_FOUND, ERR_RECORD_CORRUPT
 */
export async function claimRecord(
  runtime: Runtime,
  id: string,
  signal?: AbortSignal,
): Promise<OpenRecord> {
  const { record, revision } = await loadRecord(runtime.store, id);
  if (record.claim) await endFormerOwner(runtime, record.claim, id, signal);
  const claim: Claim = {
    owner: await identifyThisProcess(),
    clientId: runtime.clientId,
    takenAt: runtime.clock.now(),
  };
  try {
    return await saveRecord(runtime.store, { ...record, claim, fence: record.fence + 1 }, revision);
  } catch (error) {
    throw asClaimed(error, id);
  }
}

/**
 * Keeps the steps of one client apart. So a claim of this client that stands in a record, and belongs to no step, was left
 * behind by a store that failed at the end of one.
 * @throws ERR_RECORD_CLAIMED while another step of this client works on the renewal
 */
export async function oneAtATime<T>(
  { atWork }: Runtime,
  id: string,
  work: () => Promise<T>,
): Promise<T> {
  if (atWork.has(id)) {
    throw new RenewalError("ERR_RECORD_CLAIMED", { details: { id, pid: process.pid } });
  }
  atWork.add(id);
  try {
    return await work();
  } finally {
    atWork.delete(id);
  }
}

/** The record as it is left when a step is over. */
export function withoutClaim(record: RenewalRecord): RenewalRecord {
  const { claim: _claim, ...rest } = record;
  return rest;
}

/** A conflict under a claim means that somebody else has it now. */
export function asClaimed(error: unknown, id: string): unknown {
  return errorCode(error) === "ERR_STORE_CONFLICT"
    ? new RenewalError("ERR_RECORD_CLAIMED", { cause: error, details: { id } })
    : error;
}

/** @throws ERR_RECORD_CLAIMED while the owner is alive and its claim is fresh */
async function endFormerOwner(
  runtime: Runtime,
  claim: Claim,
  id: string,
  signal?: AbortSignal,
): Promise<void> {
  // A claim of our own is a leftover: see `oneAtATime`.
  const isOurs = claim.clientId === runtime.clientId;
  if (!isOurs && (await isHeld(runtime, claim))) {
    const { pid, machine } = claim.owner;
    throw new RenewalError("ERR_RECORD_CLAIMED", { details: { id, pid, machine } });
  }
  if (claim.host) await runtime.driver.endHost(claim.host, { signal });
}

/** Whether the owner may still be at work. One on another machine cannot be looked at: only time tells that it is gone. */
export async function isHeld(
  { clock, claimLeaseMs }: Runtime,
  { owner, takenAt }: Pick<Claim, "owner" | "takenAt">,
): Promise<boolean> {
  if ((await processState(owner)) === "dead") return false;
  return clock.now().getTime() - takenAt.getTime() < claimLeaseMs;
}
