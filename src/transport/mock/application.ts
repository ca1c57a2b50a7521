import type {
  PaymentInstruction,
  PaymentLedger,
  PaymentReceipt,
  Refund,
} from "../../core/domain/ledger.js";
import { outstandingAmount, paymentStatus, receivedAmount } from "../../core/domain/ledger.js";
import type { Offer, OfferTerm } from "../../core/domain/offer.js";
import type { Beneficiary, BusinessStatus, Order } from "../../core/domain/order.js";
import type { ApplicationProgress, Progress, ReviewReason } from "../../core/domain/progress.js";
import type { Certificate } from "../../core/pki/certificate.js";
import type { Issued } from "../../core/ports/transport.js";
import type { ApplicationStatement } from "../http/wire/statements.js";

/** What the RA holds of one renewal. Changed in place. */
export interface MockApplication {
  readonly renewalId: string;
  readonly previous: Certificate;
  readonly businessNumber: string;
  readonly orderNumber: string;
  readonly appliedAt: Date;
  readonly followSecretSha256: string;
  /** For what the applicant signs after the application. */
  readonly nonce: string;
  /** As last accepted, with the offer that it is for. */
  offer: Offer;
  statement: ApplicationStatement;
  requestedSpki: Uint8Array;
  term: OfferTerm;
  status: ApplicationProgress["status"];
  reasons: readonly ReviewReason[];
  instructions: readonly PaymentInstruction[];
  receipts: readonly PaymentReceipt[];
  refunds: readonly Refund[];
  issued?: Issued | undefined;
  confirmed: boolean;
  revoked: boolean;
}

export function ledgerOf(application: MockApplication): PaymentLedger {
  const { status, offer, term, instructions, receipts, refunds } = application;
  const ledger = { total: term.total, instructions, receipts, refunds };
  const turn = offer.terms.payment === "after-review" ? "approved" : "received";
  const asked = offer.terms.payment !== "none" && status === turn;
  return { ...ledger, open: asked && outstandingAmount({ ...ledger, open: true }).amount > 0 };
}

/** Whether the order is paid as far as it has to be by now. */
export function isCovered(application: MockApplication): boolean {
  const { payment } = application.offer.terms;
  const due =
    payment === "before-review" || (payment === "after-review" && isApproved(application));
  return !due || outstandingAmount(ledgerOf(application)).amount === 0;
}

export const isApproved = ({ status }: MockApplication): boolean => status === "approved";

export const isOpen = ({ status, confirmed }: MockApplication): boolean =>
  !confirmed && (status === "received" || status === "returned" || status === "approved");

/** What came in beyond the price is due back; all of it, once the application is over and nothing was issued. */
export function refundExcess(application: MockApplication, id: string): void {
  const { total } = application.term;
  const price = isOpen(application) || application.issued ? total.amount : 0;
  const amount = receivedAmount(ledgerOf(application)).amount - price;
  if (amount <= 0) return;
  const refund = { id, amount: { ...total, amount }, status: "due" as const };
  application.refunds = [...application.refunds, refund];
}

export function progressOf(
  application: MockApplication,
  rules: { readonly beneficiary: Beneficiary; readonly invoiceTypes: Order["invoiceTypes"] },
): Progress {
  const { status, reasons, statement, offer } = application;
  const payment = offer.terms.payment === "none" ? undefined : ledgerOf(application);
  const { collectUntil } = offer.terms;
  return {
    application: { status, revision: statement.revision, reasons },
    ...(payment && { payment }),
    issuance: { status: issuanceStatus(application), ...(collectUntil && { collectUntil }) },
    order: orderOf(application, rules),
  };
}

function issuanceStatus(application: MockApplication): Progress["issuance"]["status"] {
  if (application.revoked) return "revoked";
  if (application.confirmed) return "confirmed";
  return isApproved(application) && isCovered(application) ? "ready" : "none";
}

function orderOf(
  application: MockApplication,
  { beneficiary, invoiceTypes }: Parameters<typeof progressOf>[1],
): Order {
  const { businessNumber, orderNumber, previous, appliedAt, term, statement } = application;
  const { agent, remarks } = statement.form;
  const status = paymentStatus(ledgerOf(application));
  return {
    businessNumber,
    subject: previous.subject,
    appliedAt,
    fee: term.total,
    validUntil: term.notAfter,
    agent: typeof agent === "string" ? agent : "",
    ...(typeof remarks === "string" && { remarks }),
    businessStatus: businessStatus(application),
    transactions: [
      {
        orderNumber,
        transactionType: "charge",
        transactionStatus: status === "not-required" ? "paid" : status,
        orderStatus: isOpen(application) || application.confirmed ? "normal" : "closed",
        createdAt: appliedAt,
      },
    ],
    lines: term.lines,
    total: term.total,
    beneficiaries: [beneficiary],
    invoiceTypes,
  };
}

function businessStatus(application: MockApplication): BusinessStatus {
  if (application.status === "received") {
    return isCovered(application) ? "under-review" : "recorded";
  }
  if (application.status !== "approved") return application.status;
  if (application.confirmed) return "completed";
  return application.issued ? "issued" : "approved";
}

/** What was issued and not confirmed in time is worth nothing any more. */
export function revokeIfLate(application: MockApplication, now: Date): void {
  const { issued, confirmed } = application;
  const isLate = issued?.confirmBy !== undefined && now > issued.confirmBy;
  if (isLate && !confirmed) application.revoked = true;
}
