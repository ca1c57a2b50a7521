import { randomBytes } from "node:crypto";
import type { Problem } from "../core/errors.js";
import { validateForm } from "../core/form.js";
import { sha256Hex } from "../core/pki/certificate.js";
import {
  type ApplicationStatement,
  applicationStatementSchema,
} from "../transport/http/wire/statements.js";
import { renewableCertificate } from "./offers.js";
import { findApplication, isOpen, nextNumbers, type Office } from "./office.js";
import { settle } from "./payments.js";
import { Refusal } from "./refusal.js";
import { checkRequest } from "./request-check.js";
import type { Application } from "./state.js";
import { checkSigner, openStatement } from "./statements.js";

export interface ApplicationBody {
  readonly application: Uint8Array;
  readonly request: Uint8Array;
}

/** The clerk who takes applications: all is checked before anything is written down. @throws Refusal */
export function takeApplication(
  office: Office,
  renewalId: string,
  followSecretSha256: string,
  body: ApplicationBody,
): Application {
  const { application: signed, request } = body;
  const { statement, signer } = openStatement(
    office,
    applicationStatementSchema,
    signed,
    renewalId,
  );
  if (statement.followSecretSha256 !== followSecretSha256) {
    throw new Refusal("ERR_RA_REFUSED", "the follow secret is not the one in the application");
  }
  const { der } = renewableCertificate(office, statement.certificateSha256);
  const allowExpired = office.state.policy.graceDaysAfter > 0;
  checkSigner(office, signer, statement.certificateSha256, { allowExpired });
  const known = checkRevision(office, statement);
  const term = checkOffer(office, statement);
  checkForm(office, statement);
  checkRequest(office, statement, request, der);
  const taken = {
    statement,
    signed,
    request,
    term,
    certificateSha256: statement.certificateSha256,
  };
  const application = known
    ? amend(known, taken)
    : open(office, renewalId, followSecretSha256, taken);
  office.state.nonces.push(statement.nonce);
  settle(office, application);
  return application;
}

type Taken = Pick<Application, "statement" | "signed" | "request" | "term" | "certificateSha256">;

function open(
  office: Office,
  renewalId: string,
  followSecretSha256: string,
  taken: Taken,
): Application {
  const { total } = taken.term;
  const application: Application = {
    ...taken,
    renewalId,
    followSecretSha256,
    nonce: randomBytes(24).toString("base64url"),
    ...nextNumbers(office),
    appliedAt: office.clock.now(),
    status: "received",
    reasons: [],
    ledger: { total, open: false, instructions: [], receipts: [], refunds: [] },
    exchanges: {},
  };
  office.state.applications[renewalId] = application;
  const offer = office.state.offers[taken.statement.offer.id];
  if (offer) offer.usedBy = renewalId;
  return application;
}

function amend(application: Application, taken: Taken): Application {
  application.ledger.total = taken.term.total;
  // The review begins anew.
  delete application.reviewableAt;
  return Object.assign(application, taken, { status: "received", reasons: [] });
}

/** A first revision opens; the next one amends what was returned. */
function checkRevision(office: Office, statement: ApplicationStatement): Application | undefined {
  const { renewalId, revision, certificateSha256 } = statement;
  const others = Object.values(office.state.applications).filter(
    (other) => other.certificateSha256 === certificateSha256 && isOpen(other),
  );
  if (revision === 1) {
    if (others.length > 0) {
      throw new Refusal("ERR_APPLICATION_OPEN", "an application for this certificate is open");
    }
    if (!office.state.applications[renewalId]) return undefined;
    throw new Refusal("ERR_RA_REFUSED", "this renewal was applied for before", { status: 409 });
  }
  const application = findApplication(office, renewalId);
  if (application.status !== "returned" || revision !== application.statement.revision + 1) {
    throw new Refusal("ERR_RA_REFUSED", "the application cannot be amended now", { status: 409 });
  }
  if (application.certificateSha256 !== certificateSha256) {
    throw new Refusal("ERR_RA_REFUSED", "the application is for another certificate");
  }
  return application;
}

/** What was signed must be what was offered. Returns the term that was chosen. */
function checkOffer(
  { state, clock }: Office,
  statement: ApplicationStatement,
): Application["term"] {
  const entry = state.offers[statement.offer.id];
  const mine = entry?.usedBy === statement.renewalId;
  if (!entry || (!mine && (entry.usedBy !== undefined || entry.offer.expiresAt <= clock.now()))) {
    throw new Refusal("ERR_OFFER_STALE", "the offer has expired, was used, or is not ours");
  }
  const { offer } = entry;
  const bound =
    statement.offer.sha256 === entry.sha256 &&
    statement.raNonce === offer.nonce &&
    statement.certificateSha256 === offer.certificateSha256;
  if (!bound) throw new Refusal("ERR_RA_REFUSED", "the application is not bound to this offer");
  const { agreement, guards, terms } = offer;
  if (
    statement.agreement.version !== agreement.version ||
    statement.agreement.sha256 !== agreement.sha256 ||
    statement.agreement.acceptedAt > statement.expiresAt
  ) {
    throw new Refusal("ERR_AGREEMENT_MISMATCH", "another agreement was accepted");
  }
  const missing = guards.filter(({ id }) => !statement.acknowledged.includes(id));
  if (missing.length > 0) {
    throw new Refusal("ERR_GUARD_UNACKNOWLEDGED", "there are questions without an answer", {
      problems: missing.map(({ id, en }) => ({
        pointer: "/acknowledged",
        message: `${id}: ${en}`,
      })),
    });
  }
  const term = terms.years.find(({ years }) => years === statement.years);
  const { price } = statement;
  if (!term || price.amount !== term.total.amount || price.currency !== term.total.currency) {
    throw new Refusal("ERR_ARGUMENT", "years and price are not those of the offer", {
      status: 422,
    });
  }
  if (!terms.keyModes.includes(statement.keyMode)) {
    throw new Refusal("ERR_ARGUMENT", `${statement.keyMode} is not offered`, { status: 422 });
  }
  return term;
}

function checkForm({ state }: Office, { form, offer }: ApplicationStatement): void {
  const schema = state.offers[offer.id]?.offer.form.schema ?? {};
  const problems: readonly Problem[] = validateForm(schema, form);
  if (problems.length > 0)
    throw new Refusal("ERR_FORM_INVALID", "the form is not valid", { problems });
}

/** How the RA stores a follow secret. */
export function followSecretHash(followSecret: string): string {
  return sha256Hex(new TextEncoder().encode(followSecret));
}
