import { isIPv4, isIPv6 } from "node:net";

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const LOCAL_PART = /^[^\s@"(),:;<>[\\\]]{1,64}$/u;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The formats of JSON Schema draft 7 (validation §7.3) that are checked, each in time linear in the text. */
export const FORMATS: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ["date", isDate],
  ["time", (text) => TIME.test(text)],
  ["date-time", isDateTime],
  ["email", isEmail],
  ["hostname", isHostname],
  ["ipv4", isIPv4],
  ["ipv6", isIPv6],
  ["uri", (text) => /^[a-z][a-z0-9+.-]*:\S*$/i.test(text) && URL.canParse(text)],
  ["uuid", (text) => UUID.test(text)],
]);

/** RFC 3339 full-date, of a day that is in the calendar. */
function isDate(text: string): boolean {
  const [, year, month, day] = DATE.exec(text) ?? [];
  if (year === undefined) return false;
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  return /^.{10}[Tt]/.test(text) && isDate(text.slice(0, 10)) && TIME.test(text.slice(11));
}

/** A local part without quotes, as everybody's is, and a host name. */
function isEmail(text: string): boolean {
  const at = text.lastIndexOf("@");
  return LOCAL_PART.test(text.slice(0, Math.max(at, 0))) && isHostname(text.slice(at + 1));
}

/** RFC 1123 §2.1 */
function isHostname(text: string): boolean {
  return text.length <= 253 && text.split(".").every((label) => LABEL.test(label));
}
