import { errorCode, throwIfAborted } from "../errors.js";
import type { RenewalRecord } from "../record.js";
import { loadRecord } from "../record-store.js";
import type { Runtime } from "../runtime.js";
import type { StepOptions } from "../step-options.js";
import { credentialOf } from "../summaries.js";
import { VERSION } from "../version.js";
import { describeRenewal } from "./describe-renewal.js";
import type { SupportBundle } from "./support-bundle.js";

/** What `client.supportBundle` may be given. */
export interface SupportBundleOptions extends StepOptions {
  /** What went wrong: its code alone goes into the bundle. */
  readonly error?: unknown;
}

/** @throws ERR_RECORD_NOT_FOUND, ERR_RECORD_CORRUPT, ERR_RECORD_VERSION, ERR_STORE_FAILURE, ERR_ABORTED */
export async function makeSupportBundle(
  runtime: Runtime,
  id: string,
  { signal, error }: SupportBundleOptions,
): Promise<SupportBundle> {
  throwIfAborted(signal);
  const { record } = await loadRecord(runtime.store, id);
  throwIfAborted(signal);
  const { platform, arch, version: node } = process;
  return {
    format: "certrenew/support",
    version: 1,
    madeAt: runtime.clock.now(),
    environment: {
      certrenew: VERSION,
      node,
      platform,
      arch,
      driver: runtime.driver.name,
      transport: transportOf(runtime, record),
    },
    error: errorCode(error),
    ...describeRenewal(record),
  };
}

/** A function of the platform's chooses it, and may have none for this certificate: that too is for the desk to see. */
function transportOf(
  runtime: Runtime,
  record: RenewalRecord,
): SupportBundle["environment"]["transport"] {
  try {
    const { name, traits } = runtime.transportFor(credentialOf(record));
    const { polling, collectStartsClock, duplicateSafety } = traits;
    return { name, traits: { polling, collectStartsClock, duplicateSafety } };
  } catch {
    return undefined;
  }
}
