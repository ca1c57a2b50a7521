import { setImmediate as turn } from "node:timers/promises";
import { untilAborted } from "../../core/abort.js";
import { RenewalError, throwIfAborted } from "../../core/errors.js";
import type { CallOptions } from "../../core/ports/driver.js";

/** Makes one call, after those before it. */
export type Calls = <T>(options: CallOptions | undefined, work: () => Promise<T>) => Promise<T>;

/**
 * One call after the other, each stopped by its signal. What an author throws that is not in the catalogue is the token's
 * failure.
 */
export function inTurn(onFailure: (signal: AbortSignal | undefined) => void = () => {}): Calls {
  let last: Promise<unknown> = Promise.resolve();
  return (options, work) => {
    const { signal } = options ?? {};
    const before = last;
    // The next one waits for the work itself, and not only for whoever asked for it.
    let done: Promise<unknown> = before;
    const result = (async () => {
      await untilAborted(before, signal);
      await turn();
      throwIfAborted(signal);
      const working = work();
      done = working.catch(() => undefined);
      try {
        return await untilAborted(working, signal);
      } catch (cause) {
        if (cause instanceof RenewalError) throw cause;
        throw new RenewalError("ERR_TOKEN_FAILURE", { cause });
      }
    })();
    last = result.catch(() => onFailure(signal)).then(() => done);
    return result;
  };
}
