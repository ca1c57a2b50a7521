import type { Runtime } from "./runtime.js";

/** Shanghai has been at UTC+8 all year since 1991. */
const SHANGHAI_OFFSET_MS = 8 * 60 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** The guide: 通常需要1~3个工作日完成审核. Taken at its longest. */
const REVIEW_WORKING_DAYS = 3;

/**
 * Our own estimate of when a review that begins at `from` is over: working days from Monday to Friday in Shanghai, public
 * holidays not known. Marked as estimated wherever it is shown; the RA's word wins.
 */
export function estimateReviewEnd(from: Date, workingDays: number = REVIEW_WORKING_DAYS): Date {
  let day = from.getTime();
  for (let left = workingDays; left > 0; ) {
    day += DAY_MS;
    if (isWorkingDay(day)) left -= 1;
  }
  return new Date(day);
}

function isWorkingDay(time: number): boolean {
  const weekday = new Date(time + SHANGHAI_OFFSET_MS).getUTCDay();
  return weekday >= 1 && weekday <= 5;
}

export interface PollDelay {
  /** How often it was asked without news, beginning with 0. */
  readonly attempt: number;
  /** What the RA asked for. */
  readonly retryAfterMs?: number | undefined;
}

/** An RA that asks for more is asked after a day all the same: a mistake of its must not put a renewal to sleep. */
const LONGEST_ASKED_MS = DAY_MS;

/** What is left of the pause that the RA asked for, in milliseconds; a clock that was put back does not make it longer. */
export function pauseLeft(notBefore: Date | undefined, now: Date): number {
  const left = (notBefore?.getTime() ?? 0) - now.getTime();
  return Math.max(0, Math.min(left, LONGEST_ASKED_MS));
}

/**
 * How long to wait before the RA is asked again. Its own wish wins; else the interval grows from the minimum by half each
 * time, up to the maximum. Jitter of up to a quarter, always on the longer side, spreads many clients after an outage.
 */
export function pollDelay(
  { wait, randomBytes }: Pick<Runtime, "wait" | "randomBytes">,
  { attempt, retryAfterMs }: PollDelay,
): number {
  const grown = wait.minimumMs * 1.5 ** Math.min(attempt, 40);
  const isAsked = retryAfterMs !== undefined;
  const base = isAsked ? retryAfterMs : grown;
  const longest = isAsked ? LONGEST_ASKED_MS : wait.maximumMs;
  const [random = 0] = randomBytes(1);
  const jittered = Math.min(base, longest) * (1 + random / 255 / 4);
  return Math.round(Math.max(0, Math.min(jittered, longest)));
}
