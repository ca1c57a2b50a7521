import { z } from "zod";
import { isLoopback } from "./loopback.js";
import { amountSchema, type Money, subtractMoney, sumMoney } from "./money.js";
import { calendarDate, dateTime, identifier, shortText } from "./scalars.js";

/** Who receives the invoice and the parcel: 收件人信息. */
export interface Recipient {
  readonly name: string;
  readonly mobile: string;
  readonly address: string;
}

/** One transfer that the payer made at the bank: 银行转账信息. */
export interface Remittance {
  /** 付款账号 */
  readonly payerAccount: string;
  /** 付款账户名 */
  readonly payerName: string;
  /** 转账金额 */
  readonly amount: Money;
  /** 付款日期, the bank's calendar date, `YYYY-MM-DD`. */
  readonly paidOn: string;
  /** 备注说明 */
  readonly remarks?: string | undefined;
}

interface InstructionBase {
  readonly id: string;
  readonly createdAt: Date;
  readonly recipient: Recipient;
  /** An `id` of {@link Order.invoiceTypes}. */
  readonly invoiceType: string;
}

/** What the applicant told the RA about a transfer. A further save appends another instruction; none is ever edited. */
export interface BankTransferInstruction extends InstructionBase {
  readonly kind: "bank-transfer";
  readonly remittances: readonly Remittance[];
  /** `declared` until the RA has looked for the money; then it found it (`matched`, see receipts) or did not. */
  readonly status: "declared" | "matched" | "rejected";
}

/** A payment that was opened at the gateway: 在线支付. At most one is `open` at a time. */
export interface OnlinePaymentInstruction extends InstructionBase {
  readonly kind: "online";
  /** An `id` of {@link Order.paymentMethods}. */
  readonly method: string;
  readonly amount: Money;
  /** Where the holder pays, in a browser: https, or http on this computer. `certrenew` never fetches it. */
  readonly paymentUrl: string;
  /** What a QR code for the payer's telephone holds. */
  readonly qrPayload?: string | undefined;
  readonly expiresAt: Date;
  /** `closed`: another one took its place, or the application ended. Money that still comes in goes back. */
  readonly status: "open" | "paid" | "expired" | "closed";
}

/** What the applicant told the RA about a payment: made at the bank, or opened online. */
export type PaymentInstruction = BankTransferInstruction | OnlinePaymentInstruction;

/** Money that arrived. */
export interface PaymentReceipt {
  readonly id: string;
  readonly instructionId?: string | undefined;
  readonly amount: Money;
  readonly receivedAt: Date;
}

/** Money that goes, or went, back. */
export interface Refund {
  readonly id: string;
  readonly amount: Money;
  readonly status: "due" | "sent";
  readonly dueAt?: Date | undefined;
  readonly sentAt?: Date | undefined;
}

/** The payment side of one application. What is unpaid, partial, paid or to be refunded is derived, never stored. */
export interface PaymentLedger {
  readonly total: Money;
  /** Whether the RA takes payment now (some take it only after the review, some never). */
  readonly open: boolean;
  readonly instructions: readonly PaymentInstruction[];
  readonly receipts: readonly PaymentReceipt[];
  readonly refunds: readonly Refund[];
}

/** What follows from a {@link PaymentLedger}; `partial`: something arrived, and not all of it. */
export type PaymentStatus =
  | "not-required"
  | "unpaid"
  | "partial"
  | "paid"
  | "refund-due"
  | "refunded";

export const recipientSchema = z.object({
  name: shortText.min(1),
  mobile: shortText.min(1),
  address: shortText.min(1),
});

export const remittanceSchema = z.object({
  payerAccount: z.string().min(1).max(64),
  payerName: shortText.min(1),
  amount: amountSchema.refine((money) => money.amount > 0, "must be more than zero"),
  paidOn: calendarDate,
  remarks: shortText.optional(),
});

const instructionBase = {
  id: identifier,
  createdAt: dateTime,
  recipient: recipientSchema,
  invoiceType: identifier,
};

const transferInstructionSchema = z.object({
  ...instructionBase,
  kind: z.literal("bank-transfer"),
  remittances: z.array(remittanceSchema).min(1).max(50),
  status: z.enum(["declared", "matched", "rejected"]),
});

const onlineInstructionSchema = z.object({
  ...instructionBase,
  kind: z.literal("online"),
  method: identifier,
  amount: amountSchema,
  paymentUrl: shortText.refine(isPaymentUrl, "is not an https address"),
  qrPayload: shortText.optional(),
  expiresAt: dateTime,
  status: z.enum(["open", "paid", "expired", "closed"]),
});

export const ledgerSchema = z
  .object({
    total: amountSchema,
    open: z.boolean(),
    instructions: z
      .array(z.discriminatedUnion("kind", [transferInstructionSchema, onlineInstructionSchema]))
      .max(200),
    receipts: z
      .array(
        z.object({
          id: identifier,
          instructionId: identifier.optional(),
          amount: amountSchema,
          receivedAt: dateTime,
        }),
      )
      .max(200),
    refunds: z
      .array(
        z.object({
          id: identifier,
          amount: amountSchema,
          status: z.enum(["due", "sent"]),
          dueAt: dateTime.optional(),
          sentAt: dateTime.optional(),
        }),
      )
      .max(200),
  })
  .refine(isOfOneCurrency, "is not of one currency") satisfies z.ZodType<PaymentLedger, unknown>;

/** Money that arrived, less what went back or is promised back; never negative. */
export function receivedAmount(ledger: PaymentLedger): Money {
  const { currency } = ledger.total;
  const received = sumMoney(
    currency,
    ledger.receipts.map((receipt) => receipt.amount),
  );
  const returned = sumMoney(
    currency,
    ledger.refunds.map((refund) => refund.amount),
  );
  return notNegative(subtractMoney(received, returned));
}

/** What is still to be paid, as the RA's receipts tell; never negative. */
export function outstandingAmount(ledger: PaymentLedger): Money {
  return notNegative(subtractMoney(ledger.total, receivedAmount(ledger)));
}

/** What neither receipts nor transfers still being looked for cover: what the applicant has yet to act on. */
export function uncoveredAmount(ledger: PaymentLedger): Money {
  const announced = ledger.instructions
    .filter((instruction) => instruction.kind === "bank-transfer")
    .filter((instruction) => instruction.status === "declared")
    .flatMap((instruction) => instruction.remittances.map((remittance) => remittance.amount));
  return notNegative(
    subtractMoney(outstandingAmount(ledger), sumMoney(ledger.total.currency, announced)),
  );
}

/**
 * The payment that is open at the gateway: the latest, as long as it is not over more than is to be paid. Its `expiresAt` may
 * have passed since the RA told of it.
 */
export function openOnlinePayment(ledger: PaymentLedger): OnlinePaymentInstruction | undefined {
  const { amount: outstanding } = outstandingAmount(ledger);
  return ledger.instructions
    .filter((instruction) => instruction.kind === "online")
    .filter(({ status, amount }) => status === "open" && amount.amount <= outstanding)
    .at(-1);
}

export function paymentStatus(ledger: PaymentLedger): PaymentStatus {
  if (ledger.refunds.some((refund) => refund.status === "due")) return "refund-due";
  const received = receivedAmount(ledger).amount;
  if (ledger.refunds.length > 0 && received === 0) return "refunded";
  if (ledger.total.amount === 0) return "not-required";
  if (received === 0) return "unpaid";
  return received < ledger.total.amount ? "partial" : "paid";
}

/** Amounts of one ledger are added up, so they are of one currency. */
function isOfOneCurrency({ total, instructions, receipts, refunds }: PaymentLedger): boolean {
  const told = instructions.flatMap((instruction): readonly { readonly amount: Money }[] =>
    instruction.kind === "online" ? [instruction] : instruction.remittances,
  );
  return [...told, ...receipts, ...refunds].every(
    ({ amount }) => amount.currency === total.currency,
  );
}

function notNegative({ amount, currency }: Money): Money {
  return { amount: Math.max(0, amount), currency };
}

/** What a program may hand to a browser without a second thought. */
function isPaymentUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== "" || password !== "") return false;
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}
