import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { estimateReviewEnd, pauseLeft, pollDelay } from "../../../src/core/schedule.js";

const shanghai = (text: string) => new Date(`${text}:00+08:00`);

describe("three working days in Shanghai", () => {
  it.each([
    ["from Monday morning to Thursday", "2026-03-02T10:00", "2026-03-05T10:00"],
    ["over the weekend", "2026-03-05T10:00", "2026-03-10T10:00"],
    ["from Friday evening to Wednesday", "2026-03-06T20:00", "2026-03-11T20:00"],
    ["from Saturday to Wednesday", "2026-03-07T10:00", "2026-03-11T10:00"],
    ["from Sunday to Wednesday", "2026-03-08T10:00", "2026-03-11T10:00"],
    [
      "when it is Monday in Shanghai and Sunday in Greenwich",
      "2026-03-09T06:00",
      "2026-03-12T06:00",
    ],
    [
      "when it is Saturday in Shanghai and Friday in Greenwich",
      "2026-03-07T07:59",
      "2026-03-11T07:59",
    ],
    ["over the end of a year", "2026-12-31T10:00", "2027-01-05T10:00"],
  ])("%s", (_, from, to) => {
    expect(estimateReviewEnd(shanghai(from))).toEqual(shanghai(to));
  });

  it("end on a working day, at the same time of day, with that many working days between", () => {
    const weekday = (time: number) => new Date(time + 8 * 3_600_000).getUTCDay();
    const day = 86_400_000;
    fc.assert(
      fc.property(
        fc.date({ min: new Date("2000-01-01"), max: new Date("2100-01-01"), noInvalidDate: true }),
        fc.integer({ min: 1, max: 30 }),
        (from, workingDays) => {
          const end = estimateReviewEnd(from, workingDays).getTime();
          expect(weekday(end) % 6).not.toBe(0);
          expect((end - from.getTime()) % day).toBe(0);
          let counted = 0;
          for (let at = from.getTime() + day; at <= end; at += day) {
            if (weekday(at) % 6 !== 0) counted += 1;
          }
          expect(counted).toBe(workingDays);
        },
      ),
    );
  });
});

describe("what is left of a pause", () => {
  const now = shanghai("2026-03-02T10:00");
  const in_ = (ms: number) => new Date(now.getTime() + ms);

  it.each([
    ["there was none", undefined, 0],
    ["it is over", in_(-1), 0],
    ["a minute", in_(60_000), 60_000],
    ["a month, after the clock was put back", in_(30 * 86_400_000), 86_400_000],
  ])("%s", (_, notBefore, ms) => {
    expect(pauseLeft(notBefore, now)).toBe(ms);
  });
});

describe("the pause before the RA is asked again", () => {
  const wait = { minimumMs: 5_000, maximumMs: 900_000 };
  const withRandom = (octet: number) => ({ wait, randomBytes: () => Uint8Array.of(octet) });
  const octet = fc.integer({ min: 0, max: 255 });

  it("is never shorter than the minimum and never longer than the maximum", () => {
    fc.assert(
      fc.property(octet, fc.nat(), (random, attempt) => {
        const delayMs = pollDelay(withRandom(random), { attempt });
        expect(delayMs).toBeGreaterThanOrEqual(wait.minimumMs);
        expect(delayMs).toBeLessThanOrEqual(wait.maximumMs);
        expect(Number.isInteger(delayMs)).toBe(true);
      }),
    );
  });

  it("grows by half each time, up to the maximum", () => {
    const delays = [0, 1, 2, 3].map((attempt) => pollDelay(withRandom(0), { attempt }));
    expect(delays).toEqual([5_000, 7_500, 11_250, 16_875]);
    expect(pollDelay(withRandom(0), { attempt: 100 })).toBe(900_000);
  });

  it("is spread by up to a quarter, to the longer side", () => {
    expect(pollDelay(withRandom(255), { attempt: 0 })).toBe(6_250);
    fc.assert(
      fc.property(octet, fc.integer({ min: 0, max: 8 }), (random, attempt) => {
        const least = pollDelay(withRandom(0), { attempt });
        const delayMs = pollDelay(withRandom(random), { attempt });
        expect(delayMs).toBeGreaterThanOrEqual(least);
        expect(delayMs).toBeLessThanOrEqual(Math.ceil(least * 1.25));
      }),
    );
  });

  it("is what the RA asks for, within a day, and never earlier", () => {
    fc.assert(
      fc.property(octet, fc.nat(), fc.nat({ max: 86_400_000 }), (random, attempt, retryAfterMs) => {
        const delayMs = pollDelay(withRandom(random), { attempt, retryAfterMs });
        expect(delayMs).toBeGreaterThanOrEqual(retryAfterMs);
        expect(delayMs).toBeLessThanOrEqual(Math.min(86_400_000, Math.ceil(retryAfterMs * 1.25)));
      }),
    );
    expect(pollDelay(withRandom(0), { attempt: 9, retryAfterMs: 1_000 })).toBe(1_000);
    expect(pollDelay(withRandom(0), { attempt: 0, retryAfterMs: 86_400_001 })).toBe(86_400_000);
    expect(pollDelay(withRandom(0), { attempt: 0, retryAfterMs: -5 })).toBe(0);
  });
});
