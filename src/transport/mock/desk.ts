import { randomUUID } from "node:crypto";
import { type Money, sumMoney } from "../../core/domain/money.js";
import type { ApplicationProgress, ReviewReason } from "../../core/domain/progress.js";
import type { JsonObject } from "../../core/domain/scalars.js";
import { sha256Hex } from "../../core/pki/certificate.js";
import { type MockApplication, refundExcess } from "./application.js";
import type { IssuanceFlaw } from "./authority.js";
import { type Books, type Rules, reviewIfAutomatic } from "./books.js";

/** What the RA's clerks, its bank and its CA do, by the id of the renewal. @throws RangeError when there is none */
export interface MockDesk {
  readonly applications: readonly AppliedFor[];
  approve(renewalId: string): void;
  /** Sends it back to be amended. */
  return(renewalId: string, reasons: readonly ReviewReason[]): void;
  refuse(renewalId: string, reasons: readonly ReviewReason[]): void;
  /** A deadline passed. */
  lapse(renewalId: string): void;
  /** Finds the announced transfers at the bank, or this amount for the first of them. What is too much is due back. */
  book(renewalId: string, amount?: Money): void;
  /** Does not find them. */
  rejectTransfers(renewalId: string): void;
  /** Sends back what is due back. */
  sendRefunds(renewalId: string): void;
  /** Makes what is issued from now on wrong, or right again. What was issued and not confirmed is issued anew. */
  issueWith(flaw: IssuanceFlaw | undefined): void;
  /** Refuses every offer for this certificate from now on. */
  revoke(certificate: Uint8Array): void;
}

/** One application as it lies before a clerk. */
export interface AppliedFor {
  readonly renewalId: string;
  readonly businessNumber: string;
  readonly revision: number;
  readonly status: ApplicationProgress["status"];
  /** The certificate to be renewed. */
  readonly certificateSha256: string;
  readonly years: number;
  readonly form: JsonObject;
  readonly confirmed: boolean;
}

export function mockDesk(books: Books, rules: Rules): MockDesk {
  const { clock } = rules;

  function find(renewalId: string): MockApplication {
    const application = books.applications.get(renewalId);
    if (!application) throw new RangeError(`no application for the renewal ${renewalId}`);
    return application;
  }

  return {
    get applications() {
      return [...books.applications.values()].map((application) => {
        const { renewalId, businessNumber, status, confirmed, statement } = application;
        const { revision, certificateSha256, years, form } = statement;
        return {
          ...{ renewalId, businessNumber, revision, status, certificateSha256, years, confirmed },
          form: form as JsonObject,
        };
      });
    },
    approve(renewalId) {
      find(renewalId).status = "approved";
    },
    return(renewalId, reasons) {
      Object.assign(find(renewalId), { status: "returned", reasons });
    },
    refuse(renewalId, reasons) {
      const application = find(renewalId);
      Object.assign(application, { status: "refused", reasons });
      refundExcess(application, randomUUID());
    },
    lapse(renewalId) {
      const application = find(renewalId);
      application.status = "lapsed";
      refundExcess(application, randomUUID());
    },
    book(renewalId, amount) {
      const application = find(renewalId);
      const { currency } = application.term.total;
      const declared = application.instructions.filter(({ status }) => status === "declared");
      const found = amount ? declared.slice(0, 1) : declared;
      const receipts = found.map(({ id, remittances }) => ({
        id: randomUUID(),
        instructionId: id,
        amount:
          amount ??
          sumMoney(
            currency,
            remittances.map((each) => each.amount),
          ),
        receivedAt: clock.now(),
      }));
      application.receipts = [...application.receipts, ...receipts];
      application.instructions = application.instructions.map((each) =>
        found.includes(each) ? { ...each, status: "matched" } : each,
      );
      refundExcess(application, randomUUID());
      reviewIfAutomatic(application, rules);
    },
    rejectTransfers(renewalId) {
      const application = find(renewalId);
      application.instructions = application.instructions.map((each) =>
        each.status === "declared" ? { ...each, status: "rejected" } : each,
      );
    },
    sendRefunds(renewalId) {
      const application = find(renewalId);
      application.refunds = application.refunds.map((each) =>
        each.status === "due" ? { ...each, status: "sent", sentAt: clock.now() } : each,
      );
    },
    issueWith(flaw) {
      books.flaw = flaw;
      for (const application of books.applications.values()) {
        if (!application.confirmed) application.issued = undefined;
      }
    },
    revoke(certificate) {
      books.revoked.add(sha256Hex(certificate));
    },
  };
}
