import { paymentStatus, receivedAmount } from "./domain/ledger.js";
import {
  ERROR_CATALOGUE,
  type ErrorCode,
  type Impact,
  type KeySafety,
  type MoneySafety,
} from "./errors.js";
import type { RenewalRecord } from "./record.js";
import { deriveState } from "./transitions.js";

/** Whether key and money are safe, read off the record at the moment of a failure. */
export function impactOf(code: ErrorCode, record: RenewalRecord): Impact {
  return { key: keySafety(code, record), money: moneySafety(record), retry: ERROR_CATALOGUE[code] };
}

function keySafety(code: ErrorCode, { application, issuance }: RenewalRecord): KeySafety {
  if (code === "ERR_PIN_LOCKED") return "blocked";
  if (issuance.installation?.provenAt) return "both-usable";
  const begun = issuance.installation !== undefined;
  const keyMade =
    application.choice?.keyMode === "re-key" && application.requestedKey !== undefined;
  return begun || keyMade ? "old-usable" : "untouched";
}

function moneySafety(record: RenewalRecord): MoneySafety {
  if (record.outbox.some(({ purpose }) => purpose === "bank-transfer")) return "unclear";
  const { payment } = record;
  if (!payment) return "none";
  if (payment.refunds.length > 0 && receivedAmount(payment).amount <= 0) {
    return payment.refunds.some((refund) => refund.status === "due") ? "refund" : "refunded";
  }
  const status = paymentStatus(payment);
  if (status === "refund-due" && deriveState(record) === "closed") return "refund";
  if (status !== "unpaid" && status !== "not-required") return "received";
  if (payment.instructions.some((instruction) => instruction.status === "declared"))
    return "announced";
  const open = deriveState(record) !== "closed";
  return status === "unpaid" && open ? "unpaid" : "none";
}
