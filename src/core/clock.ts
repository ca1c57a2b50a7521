import { setTimeout as delay } from "node:timers/promises";
import { RenewalError, throwIfAborted } from "./errors.js";

/** Time, injectable: tests and simulations bring their own. */
export interface Clock {
  now(): Date;
  /** Resolves after `ms` milliseconds. @throws ERR_ABORTED when the signal aborts first */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout counts in a signed 32-bit integer of milliseconds; more fires at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  async sleep(ms, signal) {
    throwIfAborted(signal);
    try {
      await delay(Math.min(ms, LONGEST_TIMEOUT_MS), undefined, signal ? { signal } : {});
    } catch (cause) {
      throw new RenewalError("ERR_ABORTED", { cause });
    }
  },
};
