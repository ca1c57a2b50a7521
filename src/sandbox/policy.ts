import { z } from "zod";
import { KEY_ALGORITHMS, type KeyAlgorithm } from "../core/domain/key-algorithm.js";
import { amountSchema, type Money } from "../core/domain/money.js";
import {
  type Guard,
  type KeyMode,
  keyAlgorithmSchema,
  keyModeSchema,
  mediaTypeSchema,
  type OfferTerms,
  type PreviousCertificate,
  type WantedAttachment,
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
  DEMONSTRATION_PAYMENT_METHODS,
  DEMONSTRATION_SUPPORT,
} from "./demonstration.js";

/** The CA's own issuing CA, another one under the same root, or one under a root of its own. */
export type IssuerName = (typeof ISSUER_NAMES)[number];

export const ISSUER_NAMES = ["issuing", "issuing-2", "issuing-other-root"] as const;

/** What one document may have at the most; the wire takes no more. */
export const MOST_DOCUMENT_BYTES = 20 * 1024 * 1024;

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
  /** When certification requests are handed in. */
  readonly requestAt: OfferTerms["requestAt"];
  /** A reissue that the old key did not sign: looked at by a person, or not possible. */
  readonly reissueWithoutKey: "review" | "refuse";
  /** Whether the encryption certificate beside a signing one is renewed with it. */
  readonly encryption: {
    readonly renewal: "together" | "kept";
    readonly note?: string | undefined;
  };
  /** When a new certificate begins: now, or when the old one ends. */
  readonly validFrom: "issuance" | "previous-not-after";
  /** Which CA issues; see {@link IssuerName}. */
  readonly issuedBy: IssuerName;
  readonly payment: OfferTerms["payment"];
  /** 在线支付. None: bank transfers only. */
  readonly paymentMethods: readonly { readonly id: string; readonly name: string }[];
  /** How long a payment is open at the gateway. */
  readonly onlinePaymentMinutes: number;
  readonly beneficiaries: readonly Beneficiary[];
  readonly invoiceTypes: readonly { readonly id: string; readonly name: string }[];
  /** Invoices are issued once the fee has come, or when the administrator says so. */
  readonly invoicing: "when-paid" | "by-hand";
  /** Whether an invoice that was issued goes to its recipient by courier. */
  readonly shipsInvoices: boolean;
  readonly agreement: { readonly version: string; readonly title: string; readonly text: string };
  readonly form: {
    readonly schema: JsonObject;
    readonly values: JsonObject;
    readonly notes: readonly { readonly pointer: string; readonly text: string }[];
  };
  /** Documents that belong to an application. */
  readonly attachments: readonly WantedAttachment[];
  /** What may be uploaded before an application names it: how many of a renewal, for how long, of which size. */
  readonly uploads: { readonly most: number; readonly minutes: number; readonly maxBytes: number };
  readonly guards: readonly Guard[];
  readonly support: {
    readonly hotline?: string | undefined;
    readonly counter?: string | undefined;
  };
  /** How long an offer can be accepted, in minutes. */
  readonly offerMinutes: number;
  /** An order that is not paid by then lapses. */
  readonly paymentDays: number;
  /** An application that was returned lapses when it is not amended by then. */
  readonly amendableDays: number;
  /** What is not collected and confirmed by then is revoked. */
  readonly confirmationDays: number;
  /** An announced transfer is found at the bank after this time; `null`: when the administrator books it. */
  readonly bookingDelayMs: number | null;
  /** A payment that was opened at the gateway is made after this time; `null`: at its page, or by the administrator. */
  readonly onlineDelayMs: number | null;
  /** The review approves after this time; `null`: when the administrator decides. */
  readonly reviewDelayMs: number | null;
  /** What `Retry-After` says while something is under way; `null`: nothing. */
  readonly retryAfterSeconds: number | null;
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
  requestAt: "application",
  reissueWithoutKey: "review",
  encryption: { renewal: "together" },
  validFrom: "issuance",
  issuedBy: "issuing",
  payment: "before-review",
  paymentMethods: DEMONSTRATION_PAYMENT_METHODS,
  onlinePaymentMinutes: 30,
  beneficiaries: [DEMONSTRATION_BENEFICIARY],
  invoiceTypes: [{ id: "quota", name: "普通定额发票" }],
  invoicing: "when-paid",
  shipsInvoices: true,
  agreement: DEMONSTRATION_AGREEMENT,
  form: { schema: DEMONSTRATION_FORM_SCHEMA, values: {}, notes: DEMONSTRATION_FORM_NOTES },
  attachments: [],
  uploads: { most: 20, minutes: 24 * 60, maxBytes: 10 * 1024 * 1024 },
  guards: DEMONSTRATION_GUARDS,
  support: DEMONSTRATION_SUPPORT,
  offerMinutes: 24 * 60,
  paymentDays: 30,
  amendableDays: 15,
  confirmationDays: 30,
  bookingDelayMs: 300,
  onlineDelayMs: null,
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
  requestAt: z.enum(["application", "installation"]),
  reissueWithoutKey: z.enum(["review", "refuse"]),
  encryption: z.strictObject({
    renewal: z.enum(["together", "kept"]),
    note: shortText.optional(),
  }),
  validFrom: z.enum(["issuance", "previous-not-after"]),
  issuedBy: z.enum(ISSUER_NAMES),
  payment: z.enum(["before-review", "after-review", "none"]),
  paymentMethods: z.array(z.strictObject({ id: identifier, name: shortText })),
  onlinePaymentMinutes: z.number().positive(),
  beneficiaries: z.array(z.strictObject({ name: shortText, account: shortText, bank: shortText })),
  invoiceTypes: z.array(z.strictObject({ id: identifier, name: shortText })),
  invoicing: z.enum(["when-paid", "by-hand"]),
  shipsInvoices: z.boolean(),
  agreement: z.strictObject({ version: shortText, title: shortText, text: longText }),
  form: z.strictObject({
    schema: jsonObject,
    values: jsonObject,
    notes: z.array(z.strictObject({ pointer: shortText, text: shortText })),
  }),
  attachments: z.array(
    z.strictObject({
      purpose: identifier,
      title: shortText,
      required: z.boolean(),
      mediaTypes: z.array(mediaTypeSchema).min(1),
      maxBytes: z.int().min(1).max(MOST_DOCUMENT_BYTES),
    }),
  ),
  uploads: z.strictObject({
    most: z.int().min(1).max(20),
    minutes: z.number().positive(),
    maxBytes: z.int().min(1).max(MOST_DOCUMENT_BYTES),
  }),
  guards: z.array(z.strictObject({ id: identifier, en: shortText, zh: shortText })),
  support: z.strictObject({ hotline: shortText.optional(), counter: shortText.optional() }),
  offerMinutes: z.number().positive(),
  paymentDays: days,
  amendableDays: days,
  confirmationDays: days,
  bookingDelayMs: delay,
  onlineDelayMs: delay,
  reviewDelayMs: delay,
  retryAfterSeconds: z.int().min(0).nullable(),
}) satisfies z.ZodType<SandboxPolicy, unknown>;

/** A policy with some rules changed. @throws ZodError when a rule is not valid */
export function changePolicy(
  policy: SandboxPolicy,
  changes: Partial<SandboxPolicy>,
): z.output<typeof policySchema> {
  return policySchema.parse({ ...policy, ...changes });
}
