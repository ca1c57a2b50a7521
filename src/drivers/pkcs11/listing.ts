import { untilAborted } from "../../core/abort.js";
import { RenewalError } from "../../core/errors.js";
import type { Token, TokenContents, TokenIdentity } from "../../core/ports/driver.js";
import { HostProcess, type HostSettings } from "./host-process.js";
import type { Result } from "./rpc.js";
import type { Presence } from "./watch.js";

/** Looking without a PIN: one host for all of it, started when it is needed and anew after it died. */
export interface Listing extends Presence {
  tokens(signal: AbortSignal | undefined): Promise<readonly Token[]>;
  contents(signal: AbortSignal | undefined): Promise<readonly TokenContents[]>;
  close(): Promise<void>;
}

export function createListing(settings: HostSettings): Listing {
  let current: Promise<HostProcess> | undefined;
  let known: readonly TokenIdentity[] | undefined;

  let isClosed = false;

  const hostNow = async (): Promise<HostProcess> => {
    if (isClosed) throw driverClosed();
    current ??= HostProcess.start(settings);
    const asked = current;
    const host = await asked.catch((error: unknown) => {
      if (current === asked) current = undefined;
      throw error;
    });
    if (host.isAlive) return host;
    if (current === asked) current = undefined;
    return hostNow();
  };
  const call = async <K extends "tokens" | "contents" | "poll">(name: K): Promise<Result<K>> => {
    const host = await hostNow();
    return host.call(name, undefined, { onAbort: "forget" });
  };

  return {
    get known() {
      return known;
    },
    // A listing that nobody waits for any more does no harm, so it goes on and leaves the host usable.
    async tokens(signal) {
      const tokens = await untilAborted(call("tokens"), signal);
      known = tokens;
      return tokens;
    },
    async contents(signal) {
      const contents = await untilAborted(call("contents"), signal);
      known = contents.map(({ token }) => token);
      return contents;
    },
    async look() {
      const host = await hostNow();
      if (!host.isIdle) return undefined;
      known = await call("poll");
      return known;
    },
    async close() {
      isClosed = true;
      const host = await current?.catch(() => undefined);
      current = undefined;
      await host?.close();
    },
  };
}

export function driverClosed(): RenewalError {
  return new RenewalError("ERR_ARGUMENT", { details: { reason: "the driver is closed" } });
}
