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
    const result = last.then(async () => {
      throwIfAborted(signal);
      await turn();
      throwIfAborted(signal);
      try {
        return await untilAborted(work(), signal);
      } catch (cause) {
        if (cause instanceof RenewalError) throw cause;
        throw new RenewalError("ERR_TOKEN_FAILURE", { cause });
      }
    });
    last = result.catch(() => onFailure(signal));
    return result;
  };
}
