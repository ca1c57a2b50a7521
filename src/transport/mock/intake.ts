import { randomBytes, randomUUID } from "node:crypto";
import { RenewalError } from "../../core/errors.js";
import { parseCertificate } from "../../core/pki/certificate.js";
import type { Reference } from "../../core/ports/transport.js";
import { type ApplicationMessage, admit, assertTurn } from "./admission.js";
import {
  isOpen,
  ledgerOf,
  type MockApplication,
  refundExcess,
  revokeIfLate,
} from "./application.js";
import { authorised, type Books, type Rules, reviewIfAutomatic, secretHash } from "./books.js";
import type { MockDesk } from "./desk.js";
import { refused } from "./faults.js";
import type { Message } from "./messages.js";

type MessageOf<P extends Message["purpose"]> = Message & { readonly purpose: P };

/** Does what a message asks for, once it is seen that it may. */
export function takeIn(
  message: Message,
  reference: Reference,
  { books, rules, desk }: { readonly books: Books; readonly rules: Rules; readonly desk: MockDesk },
): void {
  switch (message.purpose) {
    case "application":
      accept(message, reference, books, rules);
      return;
    case "bank-transfer":
      announce(message, authorised(books, reference), rules);
      if (rules.bank === "automatic") desk.book(reference.renewalId);
      return;
    case "cancellation":
      withdraw(message, authorised(books, reference), rules);
      return;
    case "confirmation":
      confirm(message, authorised(books, reference), books, rules);
  }
}

function accept(
  message: ApplicationMessage,
  { renewalId, followSecret }: Reference,
  books: Books,
  rules: Rules,
): void {
  const { statement, signer, request } = message;
  if (statement.renewalId !== renewalId) throw refused("an application for another renewal");
  if (statement.followSecretSha256 !== secretHash(followSecret)) {
    throw refused("an application with another follow secret");
  }
  const offer = books.offers.get(statement.offer.id);
  if (offer === undefined) throw new RenewalError("ERR_OFFER_STALE");
  const term = admit(message, offer, rules.clock.now());
  const present = books.applications.get(renewalId);
  const otherOpen = [...books.applications.values()].some(
    (each) =>
      isOpen(each) && each.renewalId !== renewalId && each.previous.sha256 === signer.sha256,
  );
  assertTurn(message, present, otherOpen);
  const application = {
    ...(present ?? opened(message, books, rules)),
    ...{ offer, statement, term, requestedSpki: request.spki },
    ...{ status: "received" as const, reasons: [] },
  };
  books.applications.set(renewalId, application);
  reviewIfAutomatic(application, rules);
}

type Opened = Omit<MockApplication, "offer" | "statement" | "term" | "requestedSpki">;

function opened({ statement, signer }: ApplicationMessage, books: Books, rules: Rules): Opened {
  const number = String(books.applications.size + 1).padStart(6, "0");
  return {
    renewalId: statement.renewalId,
    previous: signer,
    businessNumber: `YW${number}`,
    orderNumber: `DD${number}`,
    appliedAt: rules.clock.now(),
    followSecretSha256: statement.followSecretSha256,
    nonce: randomBytes(24).toString("base64url"),
    status: "received",
    reasons: [],
    instructions: [],
    receipts: [],
    refunds: [],
    confirmed: false,
    revoked: false,
  };
}

function announce(
  { transfer }: MessageOf<"bank-transfer">,
  application: MockApplication,
  { clock, invoiceTypes }: Rules,
): void {
  const { instructionId: id, recipient, invoiceType, remittances } = transfer;
  const ledger = ledgerOf(application);
  if (!ledger.open) throw refused("no payment is asked for now");
  if (ledger.instructions.some((each) => each.id === id)) throw refused("announced already");
  const problems = remittances.flatMap(({ amount }, index) =>
    amount.currency === ledger.total.currency
      ? []
      : [{ pointer: `/remittances/${index}/amount`, message: "is in another currency" }],
  );
  if (!invoiceTypes.some((each) => each.id === invoiceType)) {
    problems.push({ pointer: "/invoiceType", message: "is not offered" });
  }
  if (problems.length > 0) throw new RenewalError("ERR_PAYMENT_INVALID", { problems });
  application.instructions = [
    ...application.instructions,
    {
      id,
      kind: "bank-transfer",
      createdAt: clock.now(),
      recipient,
      invoiceType,
      remittances,
      status: "declared",
    },
  ];
}

function withdraw(
  { statement, signer }: MessageOf<"cancellation">,
  application: MockApplication,
  rules: Rules,
): void {
  assertBound(statement, application, rules);
  if (signer.sha256 !== application.previous.sha256) throw refused("not signed by the old key");
  if (!isOpen(application)) throw refused("there is nothing to cancel any more");
  application.status = "cancelled";
  refundExcess(application, randomUUID());
}

function confirm(
  { statement, signer }: MessageOf<"confirmation">,
  application: MockApplication,
  books: Books,
  rules: Rules,
): void {
  assertBound(statement, application, rules);
  revokeIfLate(application, rules.clock.now());
  const issued = application.issued && parseCertificate(application.issued.certificate);
  if (!issued || application.revoked) throw refused("there is no certificate to confirm");
  if (signer.sha256 !== issued.sha256 || statement.renewedSha256 !== issued.sha256) {
    throw refused("not signed by the key of the new certificate");
  }
  application.confirmed = true;
  if (application.offer.terms.previous === "revoke-after-confirmation") {
    books.revoked.add(application.previous.sha256);
  }
}

function assertBound(
  statement: MessageOf<"cancellation" | "confirmation">["statement"],
  { renewalId, nonce }: MockApplication,
  { clock }: Rules,
): void {
  if (statement.renewalId !== renewalId || statement.raNonce !== nonce) {
    throw refused("bound to another renewal");
  }
  if (clock.now() > statement.expiresAt) throw refused("the message has expired");
}
