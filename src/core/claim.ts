import { randomUUID } from "node:crypto";
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
  await endFormerOwner(runtime, record, signal);
  const mark = runtime.atWork.get(id);
  if (!mark) throw new TypeError("a renewal is claimed by oneAtATime only");
  const claim = await claimNow(runtime, mark);
  try {
    return await saveRecord(runtime.store, { ...record, claim, fence: record.fence + 1 }, revision);
  } catch (error) {
    throw asClaimed(error, id);
  }
}

/**
 * Keeps the steps of one client apart.
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
  return whileMarked(async (mark) => {
    atWork.set(id, mark);
    try {
      return await work();
    } finally {
      atWork.delete(id);
    }
  });
}

/** Every copy of this module, in whatever thread, has marks of its own. */
const MARKS = randomUUID();
const live = new Set<string>();
let marks = 0;

/**
 * Gives work a mark for its claims. So a claim with a mark of ours whose work is over is known to be a leftover, of
 * a store that failed at the end, whichever client of the process took it.
 */
export async function whileMarked<T>(work: (mark: string) => Promise<T>): Promise<T> {
  marks += 1;
  const mark = `${MARKS}-${marks}`;
  live.add(mark);
  try {
    return await work(mark);
  } finally {
    live.delete(mark);
  }
}

/** A claim of this process, under a mark that {@link whileMarked} gave. */
export async function claimNow({ clock }: Pick<Runtime, "clock">, mark: string): Promise<Claim> {
  return { owner: await identifyThisProcess(), clientId: mark, takenAt: clock.now() };
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

/** @throws ERR_RECORD_CLAIMED while another works on the renewal */
export async function assertNotHeld(
  runtime: Runtime,
  { id, claim }: Pick<RenewalRecord, "id" | "claim">,
): Promise<void> {
  if (!claim || !(await isHeld(runtime, claim))) return;
  const { pid, machine } = claim.owner;
  throw new RenewalError("ERR_RECORD_CLAIMED", { details: { id, pid, machine } });
}

/** @throws ERR_RECORD_CLAIMED while the owner is alive and its claim is fresh */
async function endFormerOwner(
  runtime: Runtime,
  record: RenewalRecord,
  signal?: AbortSignal,
): Promise<void> {
  await assertNotHeld(runtime, record);
  const host = record.claim?.host;
  if (host) await runtime.driver.endHost(host, { signal });
}

/** Whether the owner may still be at work. One on another machine cannot be looked at: only time tells that it is gone. */
export async function isHeld(
  { clock, claimLeaseMs }: Runtime,
  { owner, clientId, takenAt }: Claim,
): Promise<boolean> {
  if (clientId.startsWith(MARKS) && !live.has(clientId)) return false;
  if ((await processState(owner)) === "dead") return false;
  return clock.now().getTime() - takenAt.getTime() < claimLeaseMs;
}
