import { randomUUID } from "node:crypto";
import {
  outstandingAmount,
  type PaymentReceipt,
  type Recipient,
  type Remittance,
  receivedAmount,
} from "../core/domain/ledger.js";
import type { Money } from "../core/domain/money.js";
import type { Problem } from "../core/errors.js";
import { issueInvoice, requestInvoice, voidInvoices } from "./invoices.js";
import { DAY_MS, isOpen, later, type Office } from "./office.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";

/** The cashier. Entries are appended and never edited; what an order is worth follows from them. */

export interface TransferBody {
  readonly instructionId: string;
  readonly recipient: Recipient;
  readonly invoiceType: string;
  readonly remittances: readonly Remittance[];
}

/** What every payment instruction names. */
export interface InstructionBody {
  readonly instructionId: string;
  readonly invoiceType: string;
}

/** 银行转账: notes what the applicant says was transferred. @throws Refusal */
export function takeTransfer(
  office: Office,
  application: Application,
  body: TransferBody,
): Application {
  const { ledger } = application;
  assertPayable(office, application);
  const problems = [
    ...body.remittances.flatMap(({ amount }, index) =>
      amount.currency === ledger.total.currency
        ? []
        : [
            {
              pointer: `/remittances/${index}/amount/currency`,
              message: "not the order's currency",
            },
          ],
    ),
    ...instructionProblems(office, application, body),
  ];
  refuseInvalid(problems);
  ledger.instructions.push({
    id: body.instructionId,
    kind: "bank-transfer",
    createdAt: office.clock.now(),
    recipient: body.recipient,
    invoiceType: body.invoiceType,
    remittances: [...body.remittances],
    status: "declared",
  });
  requestInvoice(application, body.invoiceType, body.recipient);
  return application;
}

/** @throws Refusal when nothing is to be paid */
export function assertPayable(office: Office, application: Application): void {
  if (takesPayment(office, application)) return;
  throw new Refusal("ERR_PAYMENT_INVALID", "nothing is to be paid now");
}

/** What is wrong with an instruction of either kind. */
export function instructionProblems(
  { state }: Office,
  { ledger }: Application,
  { instructionId, invoiceType }: InstructionBody,
): readonly Problem[] {
  return [
    ...(state.policy.invoiceTypes.some(({ id }) => id === invoiceType)
      ? []
      : [{ pointer: "/invoiceType", message: "not one of the order's invoice types" }]),
    ...(ledger.instructions.some(({ id }) => id === instructionId)
      ? [{ pointer: "/instructionId", message: "was used before" }]
      : []),
  ];
}

/** @throws Refusal where there is a problem */
export function refuseInvalid(problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  throw new Refusal("ERR_PAYMENT_INVALID", "the payment details are not valid", { problems });
}

/**
 * Money arrived. What is too much, or comes too late, is to go back; so is what comes through the gateway for a payment that
 * is not open there: it expired, was made already, or another took its place.
 */
export function bookReceipt(
  office: Office,
  application: Application,
  amount: Money,
  instructionId?: string,
  at: Date = office.clock.now(),
): PaymentReceipt {
  const { ledger } = application;
  if (amount.currency !== ledger.total.currency) {
    throw new Refusal("ERR_ARGUMENT", "not the order's currency", { status: 422 });
  }
  const instruction = ledger.instructions.find(({ id }) => id === instructionId);
  if (instructionId !== undefined && !instruction) {
    throw new Refusal("ERR_ARGUMENT", "there is no such instruction", { status: 422 });
  }
  const receipt = { id: randomUUID(), instructionId, amount, receivedAt: at };
  ledger.receipts.push(receipt);
  if (instruction?.kind === "bank-transfer") instruction.status = "matched";
  if (instruction?.kind === "online") {
    if (instruction.status === "open") instruction.status = "paid";
    else ledger.refunds.push(dueRefund(amount, at));
  }
  settle(office, application, at);
  return receipt;
}

/** Whether an announcement makes sense now: something is owed, and the RA takes it at this stage. */
export function takesPayment({ state }: Office, application: Application): boolean {
  const { payment } = state.policy;
  if (payment === "none" || !isOpen(application) || application.issuance) return false;
  const stage = payment === "before-review" ? ["received", "returned"] : ["approved"];
  return stage.includes(application.status) && !isPaid(application);
}

export function isPaid({ ledger }: Application): boolean {
  return outstandingAmount(ledger).amount === 0;
}

/**
 * Draws the consequences of what stands in the ledger now: the review can begin, the certificate can be collected, or
 * money is due back.
 */
export function settle(
  office: Office,
  application: Application,
  at: Date = office.clock.now(),
): void {
  const { ledger, status } = application;
  const { policy } = office.state;
  const { payment, confirmationDays } = policy;
  // Once a certificate was issued, the price is earned.
  const earned = isOpen(application) || wasIssued(application);
  const kept = earned ? ledger.total.amount : 0;
  const excess = receivedAmount(ledger).amount - kept;
  if (excess > 0) {
    ledger.refunds.push(dueRefund({ amount: excess, currency: ledger.total.currency }, at));
  }
  if (!earned) voidInvoices(application);
  else if (policy.invoicing === "when-paid" && isPaid(application)) {
    issueInvoice(office, application, at);
  }
  if (!takesPayment(office, application)) closeOnlinePayments(application);
  if (status === "received" && (payment !== "before-review" || isPaid(application))) {
    application.reviewableAt ??= at;
  }
  if (status === "approved" && isPaid(application)) {
    application.issuance ??= { collectUntil: later(at, confirmationDays * DAY_MS) };
  }
}

/** Whether a certificate was handed out, be it for a key that has been replaced since. */
export function wasIssued({ issuance, replaced }: Application): boolean {
  return issuance?.certificateSha256 !== undefined || replaced.length > 0;
}

/** What is still open at the gateway takes no money any more: what comes all the same goes back. */
export function closeOnlinePayments({ ledger }: Application): void {
  for (const instruction of ledger.instructions) {
    if (instruction.kind === "online" && instruction.status === "open") {
      instruction.status = "closed";
    }
  }
}

function dueRefund(amount: Money, at: Date) {
  return { id: randomUUID(), amount, status: "due" as const, dueAt: later(at, 7 * DAY_MS) };
}
