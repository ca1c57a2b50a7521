import { type Clock, RenewalError } from "certrenew";

/** A clock that stands still until it is moved; sleeping moves it. */
export interface TestClock extends Clock {
  /** How long was slept, each time, in milliseconds. */
  readonly slept: readonly number[];
  advance(ms: number): void;
}

export function testClock(start = new Date("2026-11-20T02:00:00Z")): TestClock {
  let now = start.getTime();
  const slept: number[] = [];
  return {
    slept,
    now: () => new Date(now),
    advance(ms) {
      now += ms;
    },
    async sleep(ms, signal) {
      if (signal?.aborted) throw new RenewalError("ERR_ABORTED", { cause: signal.reason });
      slept.push(ms);
      now += ms;
    },
  };
}
