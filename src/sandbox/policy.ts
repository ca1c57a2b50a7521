import { z } from "zod";
import { KEY_ALGORITHMS, type KeyAlgorithm } from "../core/domain/key-algorithm.js";
import { amountSchema, type Money } from "../core/domain/money.js";
import {
  type Guard,
  type KeyMode,
  keyAlgorithmSchema,
  keyModeSchema,
  type OfferTerms,
  type PreviousCertificate,
} from "../core/domain/offer.js";
import type { Beneficiary } from "../core/domain/order.js";
import {
  identifier,
  type JsonObject,
  jsonObject,
  longText,
  shortText,
} from "../core/domain/scalars.js";
import {
  DEMONSTRATION_AGREEMENT,
  DEMONSTRATION_BENEFICIARY,
  DEMONSTRATION_FORM_NOTES,
  DEMONSTRATION_FORM_SCHEMA,
  DEMONSTRATION_GUARDS,
  DEMONSTRATION_SUPPORT,
} from "./demonstration.js";

/** How this RA does business. Each rule differs from CA to CA, so each is data. */
export interface SandboxPolicy {
  /** The RA's name, for people. */
  readonly issuer: string;
  /** Applications are taken from this many days before expiry … */
  readonly windowDaysBefore: number;
  /** … to this many after it. 0: an expired certificate goes to the counter. */
  readonly graceDaysAfter: number;
  readonly notAfterRule: OfferTerms["notAfterRule"];
  /** What a term costs, without the courier. */
  readonly prices: readonly {
    readonly years: number;
    readonly name: string;
    readonly price: Money;
  }[];
  readonly keyModes: readonly KeyMode[];
  readonly keyAlgorithms: readonly KeyAlgorithm[];
  readonly previous: PreviousCertificate;
  readonly payment: OfferTerms["payment"];
  readonly beneficiaries: readonly Beneficiary[];
  readonly invoiceTypes: readonly { readonly id: string; readonly name: string }[];
  readonly agreement: { readonly version: string; readonly title: string; readonly text: string };
  readonly form: {
    readonly schema: JsonObject;
    readonly values: JsonObject;
    readonly notes: readonly { readonly pointer: string; readonly text: string }[];
  };
  readonly guards: readonly Guard[];
  readonly support: {
    readonly hotline?: string | undefined;
    readonly counter?: string | undefined;
  };
  /** How long an offer can be accepted, in minutes. */
  readonly offerMinutes: number;
  /** An order that is not paid by then lapses. */
  readonly paymentDays: number;
  /** What is not collected and confirmed by then is revoked. */
  readonly confirmationDays: number;
  /** An announced transfer is found at the bank after this time; `null`: when the administrator books it. */
  readonly bookingDelayMs: number | null;
  /** The review approves after this time; `null`: when the administrator decides. */
  readonly reviewDelayMs: number | null;
  /** What `Retry-After` says while something is under way. */
  readonly retryAfterSeconds: number;
}

const yuan = (amount: number): Money => ({ amount: amount * 100, currency: "CNY" });

/** As the guide's RA, except that bank and reviewer take a moment instead of days. */
export const DEMONSTRATION_POLICY: SandboxPolicy = {
  issuer: "certrenew sandbox RA",
  windowDaysBefore: 90,
  graceDaysAfter: 0,
  notAfterRule: { basis: "previous-not-after", toleranceSeconds: 0 },
  prices: [
    { years: 1, name: "数字证书服务费(1 年)", price: yuan(100) },
    { years: 2, name: "数字证书服务费(2 年)", price: yuan(200) },
  ],
  keyModes: ["re-key", "renew"],
  keyAlgorithms: KEY_ALGORITHMS,
  previous: "keep",
  payment: "before-review",
  beneficiaries: [DEMONSTRATION_BENEFICIARY],
  invoiceTypes: [{ id: "quota", name: "普通定额发票" }],
  agreement: DEMONSTRATION_AGREEMENT,
  form: { schema: DEMONSTRATION_FORM_SCHEMA, values: {}, notes: DEMONSTRATION_FORM_NOTES },
  guards: DEMONSTRATION_GUARDS,
  support: DEMONSTRATION_SUPPORT,
  offerMinutes: 24 * 60,
  paymentDays: 30,
  confirmationDays: 30,
  bookingDelayMs: 300,
  reviewDelayMs: 500,
  retryAfterSeconds: 1,
};

const days = z.number().min(0).max(3650);
const delay = z.int().min(0).nullable();

export const policySchema = z.strictObject({
  issuer: shortText,
  windowDaysBefore: days,
  graceDaysAfter: days,
  notAfterRule: z.strictObject({
    basis: z.enum(["previous-not-after", "issuance"]),
    toleranceSeconds: z.int().min(0),
  }),
  prices: z
    .array(z.strictObject({ years: z.int().min(1).max(30), name: shortText, price: amountSchema }))
    .min(1),
  keyModes: z.array(keyModeSchema).min(1),
  keyAlgorithms: z.array(keyAlgorithmSchema),
  previous: z.enum(["keep", "revoke-at-issuance", "revoke-after-confirmation"]),
  payment: z.enum(["before-review", "after-review", "none"]),
  beneficiaries: z.array(z.strictObject({ name: shortText, account: shortText, bank: shortText })),
  invoiceTypes: z.array(z.strictObject({ id: identifier, name: shortText })),
  agreement: z.strictObject({ version: shortText, title: shortText, text: longText }),
  form: z.strictObject({
    schema: jsonObject,
    values: jsonObject,
    notes: z.array(z.strictObject({ pointer: shortText, text: shortText })),
  }),
  guards: z.array(z.strictObject({ id: identifier, en: shortText, zh: shortText })),
  support: z.strictObject({ hotline: shortText.optional(), counter: shortText.optional() }),
  offerMinutes: z.number().positive(),
  paymentDays: days,
  confirmationDays: days,
  bookingDelayMs: delay,
  reviewDelayMs: delay,
  retryAfterSeconds: z.int().min(0),
}) satisfies z.ZodType<SandboxPolicy, unknown>;

/** A policy with some rules changed. @throws ZodError when a rule is not valid */
export function changePolicy(
  policy: SandboxPolicy,
  changes: Partial<SandboxPolicy>,
): z.output<typeof policySchema> {
  return policySchema.parse({ ...policy, ...changes });
}
