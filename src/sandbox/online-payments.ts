import { randomBytes, randomUUID } from "node:crypto";
import {
  type OnlinePaymentInstruction,
  type Recipient,
  uncoveredAmount,
} from "../core/domain/ledger.js";
import { requestInvoice } from "./invoices.js";
import { later, type Office } from "./office.js";
import {
  assertPayable,
  bookReceipt,
  closeOnlinePayments,
  type InstructionBody,
  instructionProblems,
  refuseInvalid,
} from "./payments.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";

/** 在线支付: what is opened at the gateway, and what the gateway tells of it. */

export interface OnlinePaymentBody extends InstructionBody {
  readonly recipient: Recipient;
  readonly method: string;
}

/** Opens a payment of what is still owed, and closes the one that was open. @throws Refusal */
export function openOnlinePayment(
  office: Office,
  application: Application,
  body: OnlinePaymentBody,
): Application {
  const { policy } = office.state;
  const { ledger } = application;
  assertPayable(office, application);
  const known = policy.paymentMethods.some(({ id }) => id === body.method);
  refuseInvalid([
    ...(known ? [] : [{ pointer: "/method", message: "not one of the order's payment methods" }]),
    ...instructionProblems(office, application, body),
  ]);
  const amount = uncoveredAmount(ledger);
  if (amount.amount === 0) {
    throw new Refusal(
      "ERR_PAYMENT_INVALID",
      "announced transfers are being looked for at the bank",
    );
  }
  const createdAt = office.clock.now();
  const paymentUrl = new URL(`gateway/${randomBytes(16).toString("hex")}`, `${office.origin}/`)
    .href;
  closeOnlinePayments(application);
  ledger.instructions.push({
    id: body.instructionId,
    kind: "online",
    createdAt,
    recipient: body.recipient,
    invoiceType: body.invoiceType,
    method: body.method,
    amount,
    paymentUrl,
    qrPayload: paymentUrl,
    expiresAt: later(createdAt, policy.onlinePaymentMinutes * 60_000),
    status: "open",
  });
  requestInvoice(application, body.invoiceType, body.recipient);
  return application;
}

/** What the payer did at the gateway, and how its messages travel. */
export interface GatewayPayment {
  /** Default: the last one that was opened. */
  readonly instructionId?: string | undefined;
  /** How often. Default: once. */
  readonly times?: number | undefined;
  /** The id of the gateway's message: several with one id are one payment. Default: each has its own. */
  readonly callbackId?: string | undefined;
  /** After this time the message arrives. Default: at once. */
  readonly delayMs?: number | undefined;
}

/** The payer pays, whatever the state of the payment. @throws Refusal when none was opened */
export function payOnline(
  office: Office,
  application: Application,
  { instructionId, times = 1, callbackId, delayMs = 0 }: GatewayPayment,
): void {
  const payments = onlinePaymentsOf(application);
  const payment =
    instructionId === undefined ? payments.at(-1) : payments.find(({ id }) => id === instructionId);
  if (!payment) {
    throw new Refusal("ERR_ARGUMENT", "no such online payment was opened", { status: 404 });
  }
  const arrivesAt = later(office.clock.now(), delayMs);
  for (let n = 0; n < times; n += 1) {
    const id = callbackId ?? randomUUID();
    // The gateway repeats what it was not thanked for: the same message is the same money.
    if (application.callbacks.some((callback) => callback.id === id)) continue;
    application.callbacks.push({ id, instructionId: payment.id, arrivesAt, booked: false });
  }
  bookCallbacks(office, application, office.clock.now());
}

/** The gateway's messages that have arrived by then are booked. */
export function bookCallbacks(office: Office, application: Application, at: Date): void {
  for (const callback of application.callbacks) {
    if (callback.booked || callback.arrivesAt > at) continue;
    const { instructionId, arrivesAt } = callback;
    const payment = onlinePaymentsOf(application).find(({ id }) => id === instructionId);
    callback.booked = true;
    if (payment) bookReceipt(office, application, payment.amount, payment.id, arrivesAt);
  }
}

export function onlinePaymentsOf({ ledger }: Application) {
  return ledger.instructions.filter((instruction) => instruction.kind === "online");
}

/** The payment behind a gateway's page. */
export function findPayment(
  office: Office,
  gatewayId: string,
): { readonly application: Application; readonly payment: OnlinePaymentInstruction } | undefined {
  for (const application of Object.values(office.state.applications)) {
    const payment = onlinePaymentsOf(application).find(({ paymentUrl }) =>
      paymentUrl.endsWith(`/gateway/${gatewayId}`),
    );
    if (payment) return { application, payment };
  }
  return undefined;
}
