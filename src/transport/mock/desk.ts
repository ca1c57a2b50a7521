import type { Money } from "../../core/domain/money.js";
import type { ApplicationProgress, ReviewReason } from "../../core/domain/progress.js";
import type { JsonObject } from "../../core/domain/scalars.js";
import { sha256Hex } from "../../core/pki/certificate.js";
import { advance } from "../../sandbox/calendar.js";
import type { CertificateFlaw, Scenario } from "../../sandbox/faults.js";
import { findApplication, type Office } from "../../sandbox/office.js";
import { bookReceipt } from "../../sandbox/payments.js";
import { Refusal } from "../../sandbox/refusal.js";
import { approve, refuse, returnForCorrection, revoke, withdraw } from "../../sandbox/review.js";
import type { Application } from "../../sandbox/state.js";

/**
 * What the RA's clerks, its bank and its CA do, by the id of the renewal.
 * @throws ERR_RA_REFUSED when there is no such renewal, or it is not the time for it
 */
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
  /** Makes what is collected from now on wrong, or right again. */
  issueWith(flaw: CertificateFlaw | undefined): void;
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

export function mockDesk(office: Office, scenario: Scenario): MockDesk {
  /** As the RA's own clerks work: first what became due, then this, then what follows at once. */
  function work(task: () => void): void {
    try {
      advance(office);
      task();
      advance(office);
    } catch (error) {
      throw error instanceof Refusal ? error.toRenewalError() : error;
    }
  }

  const on = (renewalId: string, task: (application: Application) => void): void =>
    work(() => task(findApplication(office, renewalId)));

  return {
    get applications() {
      advance(office);
      return Object.values(office.state.applications).map(appliedFor);
    },
    approve: (renewalId) => on(renewalId, (application) => approve(office, application)),
    return: (renewalId, reasons) =>
      on(renewalId, (application) => returnForCorrection(application, reasons)),
    refuse: (renewalId, reasons) =>
      on(renewalId, (application) => refuse(office, application, reasons)),
    lapse: (renewalId) =>
      on(renewalId, (application) => withdraw(office, application, office.clock.now())),
    book: (renewalId, amount) =>
      on(renewalId, (application) => {
        const declared = declaredTransfers(application);
        for (const { id, remittances } of amount ? declared.slice(0, 1) : declared) {
          const found = amount ? [amount] : remittances.map((remittance) => remittance.amount);
          for (const each of found) bookReceipt(office, application, each, id);
        }
      }),
    rejectTransfers: (renewalId) =>
      on(renewalId, (application) => {
        for (const transfer of declaredTransfers(application)) transfer.status = "rejected";
      }),
    sendRefunds: (renewalId) =>
      on(renewalId, ({ ledger }) => {
        for (const refund of ledger.refunds.filter(({ status }) => status === "due")) {
          refund.status = "sent";
          refund.sentAt = office.clock.now();
        }
      }),
    issueWith: (flaw) =>
      scenario.set(
        flaw ? [{ route: "collect", times: Infinity, fault: { kind: "certificate", flaw } }] : [],
      ),
    revoke: (certificate) => work(() => void revoke(office, sha256Hex(certificate))),
  };
}

const declaredTransfers = ({ ledger }: Application) =>
  ledger.instructions
    .filter((instruction) => instruction.kind === "bank-transfer")
    .filter(({ status }) => status === "declared");

function appliedFor(application: Application): AppliedFor {
  const { renewalId, businessNumber, status, certificateSha256, statement, issuance } = application;
  const { revision, years, form } = statement;
  return {
    ...{ renewalId, businessNumber, revision, status, certificateSha256, years },
    form: form as JsonObject,
    confirmed: issuance?.confirmedAt !== undefined,
  };
}
