import { setTimeout as delay } from "node:timers/promises";
import { type Clock, RenewalError } from "certrenew";

export const DAY_MS = 24 * 60 * 60 * 1000;

export interface MovableClock extends Clock {
  forward(ms: number): void;
}

/** The present, so many milliseconds ago, until it is put forward. It sleeps in real time. */
export function clockFrom(ago: number): MovableClock {
  let offset = -ago;
  return {
    now: () => new Date(Date.now() + offset),
    async sleep(ms, signal) {
      try {
        await delay(ms, undefined, signal ? { signal } : {});
      } catch (cause) {
        throw new RenewalError("ERR_ABORTED", { cause });
      }
    },
    forward(ms) {
      offset += ms;
    },
  };
}
