import { z } from "zod";
import { ledgerSchema, type PaymentLedger } from "./ledger.js";
import { type Order, orderSchema } from "./order.js";
import { dateTime, shortText } from "./scalars.js";

/** Something that the RA wants changed, by JSON Pointer (RFC 6901) into the form where it is about a field. */
export interface ReviewReason {
  readonly pointer?: string | undefined;
  readonly text: string;
}

/** What the RA says of the application itself. */
export interface ApplicationProgress {
  readonly status: "received" | "returned" | "approved" | "refused" | "cancelled" | "lapsed";
  /** Which revision the RA speaks of; the first application is 1, each `amend` adds one. */
  readonly revision: number;
  readonly reasons: readonly ReviewReason[];
  /** Where it was returned: until when it may be amended. */
  readonly amendableUntil?: Date | undefined;
}

/** What the RA says of the certificate. `ready` means: may be collected now. */
export interface IssuanceProgress {
  readonly status: "none" | "ready" | "confirmed" | "revoked";
  /** After this the RA withdraws what was not collected or confirmed. */
  readonly collectUntil?: Date | undefined;
}

/** The three facts that an RA reports; the renewal's state is derived from them. */
export interface Progress {
  readonly application: ApplicationProgress;
  readonly payment?: PaymentLedger | undefined;
  readonly issuance: IssuanceProgress;
  readonly order?: Order | undefined;
  /** When the RA expects to be done with the stage now. */
  readonly dueAt?: Date | undefined;
}

export const progressSchema = z.object({
  application: z.object({
    status: z.enum(["received", "returned", "approved", "refused", "cancelled", "lapsed"]),
    revision: z.int().min(1).max(1000),
    reasons: z.array(z.object({ pointer: shortText.optional(), text: shortText })).max(100),
    amendableUntil: dateTime.optional(),
  }),
  payment: ledgerSchema.optional(),
  issuance: z.object({
    status: z.enum(["none", "ready", "confirmed", "revoked"]),
    collectUntil: dateTime.optional(),
  }),
  order: orderSchema.optional(),
  dueAt: dateTime.optional(),
}) satisfies z.ZodType<Progress, unknown>;
