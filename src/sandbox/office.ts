import type { Clock } from "../core/clock.js";
import type { Offer } from "../core/domain/offer.js";
import type { Authority } from "./authority.js";
import type { Files } from "./files.js";
import { Refusal } from "./refusal.js";
import type { Application, State } from "./state.js";

/** What the RA's clerks work with. */
export interface Office {
  readonly clock: Pick<Clock, "now">;
  readonly authority: Authority;
  /** `http://127.0.0.1:port`: what signed messages must be addressed to. */
  readonly origin: string;
  /** Changed in place; saved by whoever let a clerk work, before anybody is answered. */
  readonly state: State;
  /** Where documents lie. */
  readonly files: Files;
  /** The last word on an offer, for what no policy expresses. */
  readonly reviseOffer?: ((offer: Offer) => Offer) | undefined;
}

export const DAY_MS = 86_400_000;

export const later = (date: Date, ms: number): Date => new Date(date.getTime() + ms);

/** The same day and time some years on; a 29 February becomes the 28th. */
export function addYears(date: Date, years: number): Date {
  const result = new Date(date);
  result.setUTCFullYear(date.getUTCFullYear() + years);
  if (result.getUTCMonth() !== date.getUTCMonth()) result.setUTCDate(0);
  return result;
}

export function findApplication({ state }: Office, renewalId: string): Application {
  const application = state.applications[renewalId];
  if (!application)
    throw new Refusal("ERR_RA_REFUSED", "there is no such renewal", { status: 404 });
  return application;
}

/** Whether something can still become of it. */
export function isOpen({ status, issuance }: Application): boolean {
  return (
    (status === "received" || status === "returned" || status === "approved") &&
    issuance?.confirmedAt === undefined
  );
}

/** The RA's numbers begin with the day in Shanghai, as on the guide's pages: 业务单号 and 订单编号. */
export function nextNumbers({ state, clock }: Office): {
  businessNumber: string;
  orderNumber: string;
} {
  const shanghai = later(clock.now(), 8 * 3_600_000);
  const day = shanghai.toISOString().slice(0, 10).replaceAll("-", "");
  const last = state.sequence.day === day ? state.sequence.last + 1 : 1;
  state.sequence = { day, last };
  return {
    businessNumber: `01${day}${String(last).padStart(7, "0")}`,
    orderNumber: `${day.slice(2)}${String(last).padStart(4, "0")}`,
  };
}
