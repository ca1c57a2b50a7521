import { type DerElement, encode, TAG } from "./der.js";
import { DerError } from "./der-error.js";

const UTC_TIME = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/**
 * Time as RFC 5280 §4.1.2.5 and RFC 5652 §11.3 profile it: UTCTime or GeneralizedTime, to the second, in UTC.
 * @throws DerError for any other form, and for a day that is in no calendar
 */
export function readTime(element: DerElement): Date {
  const text = Buffer.from(element.contents).toString("latin1");
  const pattern = element.tag === TAG.utcTime ? UTC_TIME : GENERALIZED_TIME;
  const match =
    element.tag === TAG.utcTime || element.tag === TAG.generalizedTime ? pattern.exec(text) : null;
  if (match === null) throw new DerError("a malformed time");
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number);
  // RFC 5280 §4.1.2.5.1: two digits are the years 1950 to 2049.
  const fullYear = element.tag === TAG.utcTime ? year + (year < 50 ? 2000 : 1900) : year;
  const date = new Date(Date.UTC(fullYear, month - 1, day, hour, minute, second));
  if (digitsOf(date).slice(-text.length) !== text) throw new DerError("a time that does not exist");
  return date;
}

/** To the second; UTCTime through 2049 and GeneralizedTime from 2050 on, as both RFCs want it. */
export function encodeTime(date: Date): Uint8Array {
  const year = date.getUTCFullYear();
  if (!(year >= 1950 && year <= 9999)) throw new DerError("a time that cannot be written");
  const digits = digitsOf(date);
  return year < 2050
    ? encode(TAG.utcTime, Buffer.from(digits.slice(2)))
    : encode(TAG.generalizedTime, Buffer.from(digits));
}

/** YYYYMMDDHHMMSSZ */
function digitsOf(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
}
