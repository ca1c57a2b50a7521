import { setTimeout as sleep } from "node:timers/promises";
import { RenewalError, throwIfAborted } from "../../core/errors.js";
import type { CallOptions } from "../../core/ports/driver.js";
import { type ProcessIdentity, processState } from "../../core/process-identity.js";

const LOOK_AGAIN_MS = 20;

/**
 * Ends a host, if the process with its pid is still that host, and waits until it is gone: what it was doing on the token
 * is then done or undone, and nothing follows. A host of another machine cannot hold a token of this one.
 * @throws ERR_MODULE_HUNG when it is not gone by the deadline, as with a process that hangs in the kernel
 */
export async function endHost(
  host: ProcessIdentity,
  { signal, deadlineMs }: CallOptions & { readonly deadlineMs: number },
): Promise<void> {
  throwIfAborted(signal);
  if ((await processState(host)) !== "alive") return;
  try {
    process.kill(host.pid, "SIGKILL");
  } catch (error) {
    // Gone in this very moment; anything else, such as another user's process, is for the caller to know.
    if (!isNoSuchProcess(error))
      throw new RenewalError("ERR_MODULE_HUNG", { cause: error, details: { deadlineMs } });
  }
  const giveUpAt = performance.now() + deadlineMs;
  while ((await processState(host)) === "alive") {
    throwIfAborted(signal);
    if (performance.now() > giveUpAt) {
      throw new RenewalError("ERR_MODULE_HUNG", { details: { deadlineMs, pid: host.pid } });
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

function isNoSuchProcess(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ESRCH";
}
