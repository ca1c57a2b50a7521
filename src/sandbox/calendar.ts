import { forgetUploads } from "./attachments.js";
import { DAY_MS, isOpen, later, type Office } from "./office.js";
import { bookCallbacks, onlinePaymentsOf } from "./online-payments.js";
import { bookReceipt, isPaid, takesPayment } from "./payments.js";
import { amendmentDeadline, approve, close, returnForCorrection, withdraw } from "./review.js";
import type { Application } from "./state.js";

/** What happens by time alone. */
interface Due {
  readonly at: Date;
  run(at: Date): void;
}

/**
 * Does what has become due, in its order and as of its own time. There is no timer: everybody who looks comes through here
 * first, so nobody can tell. Returns whether something changed.
 */
export function advance(office: Office): boolean {
  let changed = forgetUploads(office);
  for (const application of Object.values(office.state.applications)) {
    for (;;) {
      const due = nextDue(office, application);
      if (due === undefined || due.at > office.clock.now()) break;
      due.run(due.at);
      changed = true;
    }
  }
  return changed;
}

/** When the review is expected to be over; `undefined` where it waits for somebody. */
export function reviewDueAt({ state }: Office, application: Application): Date | undefined {
  const { reviewableAt, status, asked } = application;
  const delay = application.reviewDelayMs ?? state.policy.reviewDelayMs;
  // What the follow secret alone asks for takes a person.
  if (status !== "received" || reviewableAt === undefined || delay === null || asked) return;
  return later(reviewableAt, delay);
}

function nextDue(office: Office, application: Application): Due | undefined {
  const candidates = [
    booking(office, application),
    callback(office, application),
    payment(office, application),
    expiry(application),
    ...(isOpen(application)
      ? [
          review(office, application),
          amendment(office, application),
          paymentDeadline(office, application),
          collection(office, application),
        ]
      : []),
  ];
  return candidates
    .filter((due) => due !== undefined)
    .sort((a, b) => a.at.getTime() - b.at.getTime())[0];
}

/** The bank's statement shows an announced transfer; that can still happen after the end. */
function booking(office: Office, application: Application): Due | undefined {
  const { bookingDelayMs } = office.state.policy;
  const declared = application.ledger.instructions
    .filter((instruction) => instruction.kind === "bank-transfer")
    .find(({ status }) => status === "declared");
  if (bookingDelayMs === null || !declared) return undefined;
  return {
    at: later(declared.createdAt, bookingDelayMs),
    run(at) {
      const { id, remittances } = declared;
      for (const { amount } of remittances) bookReceipt(office, application, amount, id, at);
    },
  };
}

/** A message of the gateway's arrives; that too can happen after the end. */
function callback(office: Office, application: Application): Due | undefined {
  const [next] = application.callbacks
    .filter(({ booked }) => !booked)
    .map(({ arrivesAt }) => arrivesAt)
    .sort((a, b) => a.getTime() - b.getTime());
  return next && { at: next, run: (at) => bookCallbacks(office, application, at) };
}

/** In a demonstration, the payer pays by itself. */
function payment(office: Office, application: Application): Due | undefined {
  const { onlineDelayMs } = office.state.policy;
  const open = onlinePaymentsOf(application).find(({ status }) => status === "open");
  if (onlineDelayMs === null || !open) return undefined;
  return {
    at: later(open.createdAt, onlineDelayMs),
    run: (at) => void bookReceipt(office, application, open.amount, open.id, at),
  };
}

function expiry(application: Application): Due | undefined {
  const open = onlinePaymentsOf(application).find(({ status }) => status === "open");
  if (!open) return undefined;
  return {
    at: open.expiresAt,
    run() {
      open.status = "expired";
    },
  };
}

/** What was returned and not amended lapses. */
function amendment(office: Office, application: Application): Due | undefined {
  const { amendableUntil, status } = application;
  if (status !== "returned" || !amendableUntil) return undefined;
  return { at: amendableUntil, run: (at) => close(office, application, "lapsed", at) };
}

function review(office: Office, application: Application): Due | undefined {
  const due = reviewDueAt(office, application);
  if (due === undefined || isUnpaid(office, application)) return undefined;
  return {
    at: due,
    run(at) {
      const reasons = application.returnFirst?.map((text) => ({ text }));
      delete application.returnFirst;
      if (reasons) returnForCorrection(application, reasons, amendmentDeadline(office, at));
      else approve(office, application, at);
    },
  };
}

/** An order that is not paid lapses, unless a transfer is being looked for or a payment is open at the gateway. */
function paymentDeadline(office: Office, application: Application): Due | undefined {
  const { policy } = office.state;
  const declared = application.ledger.instructions.some(
    ({ status }) => status === "declared" || status === "open",
  );
  if (declared || !takesPayment(office, application)) return undefined;
  return {
    at: later(application.appliedAt, policy.paymentDays * DAY_MS),
    run: (at) => close(office, application, "lapsed", at),
  };
}

function collection(office: Office, application: Application): Due | undefined {
  const { issuance } = application;
  return issuance && { at: issuance.collectUntil, run: (at) => withdraw(office, application, at) };
}

/** An amendment can make an order dearer after it was paid. */
function isUnpaid({ state }: Office, application: Application): boolean {
  return state.policy.payment === "before-review" && !isPaid(application);
}
