import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { TokenEvent, TokenIdentity } from "../../../src/core/ports/driver.js";
import { watchTokens } from "../../../src/drivers/pkcs11/watch.js";

const token = (serialNumber: string): TokenIdentity => ({
  serialNumber,
  label: "Sample",
  model: "",
  manufacturer: "",
});
const [one, two] = [token("1"), token("2")];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Presence that answers with these, one look after the other; an error stands for a look that failed. */
function presence(
  known: readonly TokenIdentity[] | undefined,
  ...looks: readonly (readonly TokenIdentity[] | undefined | Error)[]
) {
  const answers = [...looks];
  return {
    known,
    looks: 0,
    async look() {
      this.looks += 1;
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
}

async function eventsOf(
  of: ReturnType<typeof presence>,
  forMs: number,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const events: string[] = [];
  const listener = ({ type, token: { serialNumber } }: TokenEvent) => {
    events.push(`${type} ${serialNumber}`);
  };
  const stop = watchTokens(of, listener, { signal });
  await vi.advanceTimersByTimeAsync(forMs);
  stop();
  return events;
}

test("tells of what changed since the last listing, and not of what was there", async () => {
  expect(await eventsOf(presence([one], [one], [two]), 1_000)).toEqual(["removed 1", "inserted 2"]);
});

test("tells at the first look what changed between a listing and the watch", async () => {
  expect(await eventsOf(presence([one], []), 0)).toEqual(["removed 1"]);
});

test("takes its first look as the beginning where nothing was listed before", async () => {
  expect(await eventsOf(presence(undefined, [one], [one, two]), 1_000)).toEqual(["inserted 2"]);
});

test("skips a look while something else is under way", async () => {
  expect(await eventsOf(presence([one], undefined, undefined, []), 1_000)).toEqual(["removed 1"]);
});

test("goes on after a look that failed, later", async () => {
  const watched = presence([one], new Error("the module hung"), []);
  expect(await eventsOf(watched, 4_900)).toEqual([]);
  expect(watched.looks).toBe(1);
  expect(await eventsOf(presence([one], new Error("the module hung"), []), 5_100)).toEqual([
    "removed 1",
  ]);
});

test("survives a listener that throws", async () => {
  let calls = 0;
  const listener = () => {
    calls += 1;
    throw new Error("the listener's own");
  };
  const stop = watchTokens(presence([], [one], []), listener, {});
  await vi.advanceTimersByTimeAsync(1_000);
  expect(calls).toBe(2);
  stop();
});

test("is silent once stopped or aborted, and looks no more", async () => {
  const watched = presence([], [one], []);
  const controller = new AbortController();
  controller.abort();
  expect(await eventsOf(watched, 2_000, controller.signal)).toEqual([]);
  expect(watched.looks).toBe(0);

  const later = new AbortController();
  const listener = vi.fn();
  const other = presence([], [], [one]);
  watchTokens(other, listener, { signal: later.signal });
  await vi.advanceTimersByTimeAsync(100);
  later.abort();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(listener).not.toHaveBeenCalled();
  expect(other.looks).toBe(1);
});
