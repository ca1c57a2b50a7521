import { type OnlinePaymentInstruction, receivedAmount } from "./domain/ledger.js";
import { formatMoney, type Money, sameMoney } from "./domain/money.js";
import type { Progress } from "./domain/progress.js";
import { RenewalError } from "./errors.js";
import { type Exchange, type Reply, replySchema } from "./ports/transport.js";
import { problemsOf } from "./problems.js";
import type { RenewalRecord } from "./record.js";
import { deriveState } from "./transitions.js";

/**
 * The record with what the RA answered.
 * @throws ERR_RA_RESPONSE when the answer is not what a transport may give, about another revision of the application, or
 *   about another price than the one that was agreed and signed
 */
export function withReply(
  record: RenewalRecord,
  reply: Reply,
  now: Date,
  exchange?: Pick<Exchange, "purpose">,
): RenewalRecord {
  // Whatever is wrong must show here: what cannot be stored would cost the step that asked.
  const { error } = replySchema.safeEncode(reply as Parameters<typeof replySchema.safeEncode>[0]);
  if (error) throw new RenewalError("ERR_RA_RESPONSE", { problems: problemsOf(error) });
  const { application, payment, issuance, order, dueAt } = reply.progress;
  if (application.revision !== record.application.revision) {
    throw new RenewalError("ERR_RA_RESPONSE", {
      details: {
        reason: `the answer is about revision ${application.revision}, ours is ${record.application.revision}`,
      },
    });
  }
  assertAgreedPrice(record, reply.progress);
  return {
    ...record,
    application: {
      ...record.application,
      status: application.status,
      reasons: application.reasons,
      // Each revision is reviewed anew, so the time of the review counts from the last one.
      submittedAt:
        exchange?.purpose === "application" ? now : (record.application.submittedAt ?? now),
      remote: reply.remote ?? record.application.remote,
      // The receipt for the application is the one to keep; others are for what followed.
      receipt: exchange?.purpose === "application" ? reply.receipt : record.application.receipt,
      amendableUntil: application.amendableUntil,
    },
    payment: payment ?? record.payment,
    order: order ?? record.order,
    issuance: { ...record.issuance, status: issuance.status, collectUntil: issuance.collectUntil },
    dueAt,
    pollNotBefore:
      reply.retryAfterMs === undefined ? undefined : new Date(now.getTime() + reply.retryAfterMs),
  };
}

/** @throws ERR_RA_RESPONSE */
function assertAgreedPrice(
  { offer, application: { choice } }: RenewalRecord,
  { payment, order }: Progress,
): void {
  const agreed = offer.offer.terms.years.find(({ years }) => years === choice?.years)?.total;
  if (!agreed) return;
  const told: Money[] = [payment?.total, order?.total].filter((total) => total !== undefined);
  const other =
    told.find((total) => !sameMoney(total, agreed)) ??
    (order && order.fee.currency !== agreed.currency ? order.fee : undefined);
  if (!other) return;
  const reason = `the answer asks ${formatMoney(other)}, agreed were ${formatMoney(agreed)}`;
  throw new RenewalError("ERR_RA_RESPONSE", { details: { reason } });
}

/** Without the follow secret once there is nothing left to follow. */
export function withoutSpentSecrets(record: RenewalRecord, now: Date): RenewalRecord {
  const state = deriveState(record);
  const isOver = state === "completed" || state === "closed";
  return isOver && !isFollowed(record, now) ? { ...record, secrets: {} } : record;
}

/** Whether the RA has still something to do or to tell after the end. */
function isFollowed(record: RenewalRecord, now: Date): boolean {
  if (record.application.status === "discarded") return false;
  return moneyIsUnderWay(record, now) || papersAreUnderWay(record);
}

/** What was announced, or opened at the gateway, can still arrive after the end, and then goes back. */
function moneyIsUnderWay(record: RenewalRecord, now: Date): boolean {
  const { payment, issuance } = record;
  if (!payment) return false;
  const refunding = payment.refunds.some(({ status }) => status === "due");
  const announced = payment.instructions.some((instruction) =>
    instruction.kind === "online" ? isPayable(instruction, now) : instruction.status === "declared",
  );
  // What was issued and then revoked was earned all the same: nothing of it goes back.
  const isIssued = issuance.status === "revoked" || issuance.status === "confirmed";
  const isEarned = deriveState(record) !== "closed" || isIssued;
  const unearned = !isEarned && receivedAmount(payment).amount > 0;
  return refunding || announced || unearned;
}

/** A gateway's message may come some time after the payment, and a payment some time after it was closed. */
const GATEWAY_DELAY_MS = 24 * 60 * 60 * 1000;

function isPayable({ status, expiresAt }: OnlinePaymentInstruction, now: Date): boolean {
  return status !== "paid" && expiresAt.getTime() + GATEWAY_DELAY_MS > now.getTime();
}

/** An invoice that is not issued yet, a parcel that has not arrived. */
function papersAreUnderWay({ order }: RenewalRecord): boolean {
  if (!order) return false;
  return (
    order.invoices.some(({ status }) => status === "requested") ||
    order.shipments.some(({ status }) => status !== "delivered")
  );
}
