import { randomUUID } from "node:crypto";
import {
  outstandingAmount,
  type PaymentReceipt,
  type Recipient,
  type Remittance,
  receivedAmount,
} from "../core/domain/ledger.js";
import type { Money } from "../core/domain/money.js";
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

/** 银行转账: notes what the applicant says was transferred. @throws Refusal */
export function takeTransfer(
  office: Office,
  application: Application,
  body: TransferBody,
): Application {
  const { ledger } = application;
  if (!takesPayment(office, application)) {
    throw new Refusal("ERR_PAYMENT_INVALID", "nothing is to be paid now");
  }
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
    ...(office.state.policy.invoiceTypes.some(({ id }) => id === body.invoiceType)
      ? []
      : [{ pointer: "/invoiceType", message: "not one of the order's invoice types" }]),
    ...(ledger.instructions.some(({ id }) => id === body.instructionId)
      ? [{ pointer: "/instructionId", message: "was used before" }]
      : []),
  ];
  if (problems.length > 0) {
    throw new Refusal("ERR_PAYMENT_INVALID", "the payment details are not valid", { problems });
  }
  ledger.instructions.push({
    id: body.instructionId,
    kind: "bank-transfer",
    createdAt: office.clock.now(),
    recipient: body.recipient,
    invoiceType: body.invoiceType,
    remittances: [...body.remittances],
    status: "declared",
  });
  return application;
}

/** Money arrived. What is too much, or comes too late, is to go back. */
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
  if (instruction) instruction.status = "matched";
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
  const { payment, confirmationDays } = office.state.policy;
  // Once a certificate was issued, the price is earned.
  const earned = isOpen(application) || application.issuance?.certificateSha256 !== undefined;
  const kept = earned ? ledger.total.amount : 0;
  const excess = receivedAmount(ledger).amount - kept;
  if (excess > 0) {
    const amount = { amount: excess, currency: ledger.total.currency };
    ledger.refunds.push({ id: randomUUID(), amount, status: "due", dueAt: later(at, 7 * DAY_MS) });
  }
  if (status === "received" && (payment !== "before-review" || isPaid(application))) {
    application.reviewableAt ??= at;
  }
  if (status === "approved" && isPaid(application)) {
    application.issuance ??= { collectUntil: later(at, confirmationDays * DAY_MS) };
  }
}
