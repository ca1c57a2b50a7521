/** However long an RA asks to be left alone: a day. */
const MAX_RETRY_AFTER_MS = 86_400_000;

// RFC 9110 §5.6.7, the form that may be generated. Date.parse alone would take almost anything.
const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** `Retry-After` (RFC 9110 §10.2.3), seconds or a date, in milliseconds from `now`; capped, and never negative. */
export function parseRetryAfter(header: string | null, now: Date): number | undefined {
  const value = header?.trim() ?? "";
  const delay = /^\d{1,15}$/.test(value)
    ? Number(value) * 1000
    : IMF_FIXDATE.test(value)
      ? Date.parse(value) - now.getTime()
      : Number.NaN;
  return Number.isNaN(delay) ? undefined : Math.min(Math.max(delay, 0), MAX_RETRY_AFTER_MS);
}
