import { type PaymentLedger, uncoveredAmount } from "../core/domain/ledger.js";
import { subtractMoney, sumMoney } from "../core/domain/money.js";
import type { BusinessStatus, Order, OrderTransaction } from "../core/domain/order.js";
import type { Progress } from "../core/domain/progress.js";
import { parseCertificate } from "../core/pki/certificate.js";
import { reviewDueAt } from "./calendar.js";
import { shownInvoices } from "./invoices.js";
import { isOpen, type Office } from "./office.js";
import { takesPayment } from "./payments.js";
import type { Application } from "./state.js";

/** What the RA tells of an application: the three facts, and the guide's order. */
export function describeProgress(office: Office, application: Application): Progress {
  const { status, statement, reasons } = application;
  const amendableUntil = status === "returned" ? application.amendableUntil : undefined;
  return {
    application: {
      status,
      revision: statement.revision,
      reasons,
      ...(amendableUntil && { amendableUntil }),
    },
    payment: shownLedger(office, application),
    issuance: issuanceOf(application),
    order: orderOf(office, application),
    dueAt: reviewDueAt(office, application),
  };
}

/** Whether the applicant waits for the RA, and not the other way round: then `Retry-After` tells when to ask again. */
export function isWaiting(office: Office, application: Application): boolean {
  if (!isOpen(application) || application.issuance || application.status === "returned")
    return false;
  const ledger = shownLedger(office, application);
  return !ledger.open || uncoveredAmount(ledger).amount === 0;
}

function shownLedger(office: Office, application: Application): PaymentLedger {
  return { ...application.ledger, open: takesPayment(office, application) };
}

function issuanceOf({ issuance, status }: Application): Progress["issuance"] {
  if (!issuance) return { status: "none" };
  const { collectUntil, confirmedAt, revokedAt } = issuance;
  if (revokedAt) return { status: "revoked", collectUntil };
  if (confirmedAt) return { status: "confirmed", collectUntil };
  return status === "approved" ? { status: "ready", collectUntil } : { status: "none" };
}

function orderOf(office: Office, application: Application): Order {
  const { statement, term, certificateSha256 } = application;
  const { policy, certificates } = office.state;
  const previous = certificates[certificateSha256];
  const issued = certificates[application.issuance?.certificateSha256 ?? ""];
  return {
    businessNumber: application.businessNumber,
    subject: previous ? parseCertificate(previous.der).subject : "",
    appliedAt: application.appliedAt,
    fee: term.total,
    validUntil: issued ? parseCertificate(issued.der).notAfter : term.notAfter,
    agent: textOf(statement.form["agent"]),
    remarks: textOf(statement.form["remarks"]) || undefined,
    businessStatus: businessStatusOf(application),
    transactions: transactionsOf(application),
    lines: term.lines,
    total: term.total,
    beneficiaries: policy.beneficiaries,
    invoiceTypes: policy.invoiceTypes,
    paymentMethods: policy.paymentMethods,
    invoices: shownInvoices(application),
    shipments: application.shipments,
  };
}

function businessStatusOf({ status, issuance, reviewableAt }: Application): BusinessStatus {
  if (status === "approved") {
    if (issuance?.confirmedAt) return "completed";
    return issuance?.certificateSha256 === undefined ? "approved" : "issued";
  }
  if (status === "received") return reviewableAt === undefined ? "recorded" : "under-review";
  return status;
}

/** The charge, and below it what goes back. */
function transactionsOf(application: Application): readonly OrderTransaction[] {
  const { ledger, orderNumber, appliedAt } = application;
  const { currency } = ledger.total;
  if (ledger.total.amount === 0 && ledger.receipts.length === 0) return [];
  const received = sumMoney(
    currency,
    ledger.receipts.map(({ amount }) => amount),
  );
  const missing = subtractMoney(ledger.total, received).amount;
  const orderStatus =
    isOpen(application) || application.issuance?.confirmedAt ? "normal" : "closed";
  const charge: OrderTransaction = {
    orderNumber,
    transactionType: "charge",
    transactionStatus: missing <= 0 ? "paid" : received.amount > 0 ? "partial" : "unpaid",
    orderStatus,
    createdAt: appliedAt,
  };
  const refunds = ledger.refunds.map(
    ({ status, dueAt }, index): OrderTransaction => ({
      orderNumber: `${orderNumber}R${index + 1}`,
      transactionType: "refund",
      transactionStatus: status === "sent" ? "refunded" : "refund-due",
      orderStatus,
      createdAt: dueAt ?? appliedAt,
    }),
  );
  return [charge, ...refunds];
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
