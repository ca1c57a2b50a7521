import { RenewalError } from "./errors.js";

/**
 * The promise, or ERR_ABORTED as soon as the signal aborts; where `applies` then says no, the signal is somebody else's
 * to obey.
 */
export async function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  applies: () => boolean = () => true,
): Promise<T> {
  if (signal === undefined) return promise;
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      if (applies()) reject(new RenewalError("ERR_ABORTED", { cause: signal.reason }));
    };
  });
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
