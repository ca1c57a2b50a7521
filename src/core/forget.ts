import { eraseDocuments } from "./attachments.js";
import { releaseCertificate } from "./certificate-claim.js";
import { asClaimed, assertNotHeld } from "./claim.js";
import type { ForgetOptions } from "./client.js";
import { errorCode, RenewalError, throwIfAborted } from "./errors.js";
import type { RenewalRecord } from "./record.js";
import { loadRecord, storeKeys, unreadableRevision } from "./record-store.js";
import type { Runtime } from "./runtime.js";
import { deriveState } from "./transitions.js";

/** Erases a renewal and frees its certificate. */
export async function forget(
  runtime: Runtime,
  id: string,
  { evenIfOpen = false, signal }: ForgetOptions,
): Promise<void> {
  throwIfAborted(signal);
  const revision = await erasableRevision(runtime, id, evenIfOpen);
  // In this order: a certificate that were free while its record stands could be applied for a second time.
  if (revision !== undefined) {
    try {
      await runtime.store.remove(storeKeys.renewal(id), revision);
    } catch (error) {
      throw asClaimed(error, id);
    }
  }
  await eraseDocuments(runtime, { id });
  await releaseCertificate(runtime, id);
}

/** `undefined` when nothing is stored. */
async function erasableRevision(
  runtime: Runtime,
  id: string,
  evenIfOpen: boolean,
): Promise<number | undefined> {
  try {
    const { record, revision } = await loadRecord(runtime.store, id);
    if (!evenIfOpen) assertOver(record);
    await assertNotHeld(runtime, record);
    return revision;
  } catch (error) {
    if (errorCode(error) === "ERR_RECORD_NOT_FOUND") return undefined;
    const revision = unreadableRevision(error);
    if (!evenIfOpen || revision === undefined) throw error;
    return revision;
  }
}

function assertOver(record: RenewalRecord): void {
  const state = deriveState(record);
  if (state === "completed" || state === "closed") return;
  throw new RenewalError("ERR_ARGUMENT", {
    details: { id: record.id, state },
    problems: [{ pointer: "/evenIfOpen", message: `the renewal is ${state}, not over` }],
  });
}
