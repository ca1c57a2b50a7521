import { paymentStatus, receivedAmount } from "./domain/ledger.js";
import {
  ERROR_CATALOGUE,
  type ErrorCode,
  type Impact,
  KEY_OF_CODE,
  type KeySafety,
  type MoneySafety,
} from "./errors.js";
import type { RenewalRecord } from "./record.js";
import { deriveState } from "./transitions.js";

/** Whether key and money are safe, read off the record at the moment of a failure. */
export function impactOf(code: ErrorCode, record: RenewalRecord): Impact {
  return { key: keySafety(code, record), money: moneySafety(record), retry: ERROR_CATALOGUE[code] };
}

function keySafety(code: ErrorCode, record: RenewalRecord): KeySafety {
  const told = KEY_OF_CODE[code];
  if (told) return told;
  const { application, issuance } = record;
  const newRevoked = issuance.status === "revoked";
  const proven = issuance.installation?.provenAt !== undefined;
  if (isOldRevoked(record)) {
    if (newRevoked) return "both-revoked";
    return proven ? "new-usable" : "old-revoked";
  }
  if (proven && !newRevoked) return "both-usable";
  const begun = issuance.installation !== undefined;
  const keyMade =
    application.choice?.keyMode === "re-key" && application.requestedKey !== undefined;
  return begun || keyMade ? "old-usable" : "untouched";
}

/** By the agreed terms. When an RA issues is not told: from the moment that it may have, it counts as done. */
function isOldRevoked(record: RenewalRecord): boolean {
  const { status, collected, installation } = record.issuance;
  switch (record.offer.offer.terms.previous) {
    case "keep":
      return false;
    case "revoke-at-issuance":
      // A renewal that was closed before anything was collected was closed before the issuance.
      if (collected) return true;
      return status === "ready" ? deriveState(record) !== "closed" : status !== "none";
    case "revoke-after-confirmation":
      return installation?.confirmedAt !== undefined || status === "confirmed";
  }
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
