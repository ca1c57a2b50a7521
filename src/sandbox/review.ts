import { DAY_MS, isOpen, later, type Office } from "./office.js";
import { isPaid, settle, wasIssued } from "./payments.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";

/** 管理员审核, and how an application comes to its end. */

export interface Reason {
  /** JSON Pointer (RFC 6901): into the form, or `/attachments/PURPOSE`. */
  readonly pointer?: string | undefined;
  readonly text: string;
}

/** @throws Refusal when it is not under review */
export function approve(
  office: Office,
  application: Application,
  at: Date = office.clock.now(),
): void {
  assertUnderReview(office, application);
  application.status = "approved";
  application.reasons = [];
  takeAsked(office, application);
  settle(office, application, at);
}

/**
 * Gives it back for correction; without a deadline, it may be amended whenever.
 * @throws Refusal when it is not under review
 */
export function returnForCorrection(
  application: Application,
  reasons: readonly Reason[],
  amendableUntil?: Date,
): void {
  assertReceived(application);
  if (application.asked) {
    // To amend takes the old key, and who asks like this has lost it.
    throw new Refusal("ERR_RA_REFUSED", "it can be approved or refused only", { status: 409 });
  }
  application.status = "returned";
  application.reasons = [...reasons];
  delete application.reviewableAt;
  if (amendableUntil) application.amendableUntil = amendableUntil;
  else delete application.amendableUntil;
}

/** Until when what is returned at a time may be amended. */
export function amendmentDeadline({ state }: Office, at: Date): Date {
  return later(at, state.policy.amendableDays * DAY_MS);
}

/** Refuses for good; what was paid is due back. @throws Refusal when it is neither under review nor returned */
export function refuse(office: Office, application: Application, reasons: readonly Reason[]): void {
  if (application.status !== "returned") assertReceived(application);
  close(office, application, "refused");
  application.reasons = [...reasons];
}

/** 撤销申请: possible until a certificate was collected. @throws Refusal */
export function cancel(office: Office, application: Application): void {
  if (!isOpen(application) || wasIssued(application)) {
    throw new Refusal("ERR_RA_REFUSED", "the certificate was issued, or the application is closed");
  }
  close(office, application, "cancelled");
  delete application.issuance;
}

/** Nobody collected or confirmed in time: what was issued may be used by nobody, what was not issued is paid back. */
export function withdraw(office: Office, application: Application, at: Date): void {
  const { issuance } = application;
  close(office, application, "lapsed", at);
  for (const sha256 of [issuance?.certificateSha256, issuance?.encryptionSha256]) {
    const entry = office.state.certificates[sha256 ?? ""];
    if (!issuance || !entry) continue;
    entry.revokedAt ??= at;
    issuance.revokedAt ??= entry.revokedAt;
  }
}

/** Ends it; money that was not earned is due back. */
export function close(
  office: Office,
  application: Application,
  status: "refused" | "cancelled" | "lapsed",
  at: Date = office.clock.now(),
): void {
  application.status = status;
  giveUp(office, application, application.asked?.issued ?? []);
  delete application.asked;
  settle(office, application, at);
}

/** The request that a person has looked at takes the place of the one before, and what was issued for that is worth nothing. */
function takeAsked(office: Office, application: Application): void {
  const { asked } = application;
  if (!asked) return;
  const { request, encryptionRequest, issued } = asked;
  giveUp(office, application, issued);
  application.handedIn = { request, encryptionRequest };
  delete application.asked;
}

/** What was handed out and is to be used by nobody. */
export function giveUp(office: Office, application: Application, issued: readonly string[]): void {
  for (const sha256 of issued) {
    revoke(office, sha256);
    application.replaced.push(sha256);
  }
}

function assertReceived({ status }: Application): void {
  if (status !== "received") {
    throw new Refusal("ERR_RA_REFUSED", `the application is ${status}`, { status: 409 });
  }
}

function assertUnderReview(office: Office, application: Application): void {
  assertReceived(application);
  if (office.state.policy.payment === "before-review" && !isPaid(application)) {
    throw new Refusal("ERR_RA_REFUSED", "the order is not paid", { status: 409 });
  }
}

/** Ends a certificate of this CA. Safe to repeat. @throws Refusal when it is not ours */
export function revoke(office: Office, certificateSha256: string): Date {
  const entry = office.state.certificates[certificateSha256];
  if (!entry) throw new Refusal("ERR_RA_REFUSED", "this CA did not issue it", { status: 404 });
  entry.revokedAt ??= office.clock.now();
  const { issuance } = office.state.applications[entry.renewalId ?? ""] ?? {};
  if (issuance?.certificateSha256 === certificateSha256) issuance.revokedAt ??= entry.revokedAt;
  return entry.revokedAt;
}
