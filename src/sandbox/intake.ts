import { randomBytes } from "node:crypto";
import {
  type ApplicationStatement,
  applicationStatementSchema,
} from "../transport/http/wire/statements.js";
import { checkAttachments, checkUploader, keepAttachments } from "./attachments.js";
import { encryptionPart } from "./encryption.js";
import { reviseInvoices } from "./invoices.js";
import { checkForm, checkOffer } from "./offer-check.js";
import { renewableCertificate } from "./offers.js";
import { findApplication, isOpen, nextNumbers, type Office } from "./office.js";
import { settle } from "./payments.js";
import { Refusal } from "./refusal.js";
import { checkDistinct, checkRequest } from "./request-check.js";
import type { Application, State } from "./state.js";
import { checkSigner, openStatement } from "./statements.js";

export interface ApplicationBody {
  readonly application: Uint8Array;
  readonly request?: Uint8Array | undefined;
  readonly encryptionRequest?: Uint8Array | undefined;
}

/** The clerk who takes applications: all is checked before anything is written down. @throws Refusal */
export function takeApplication(
  office: Office,
  renewalId: string,
  followSecretSha256: string,
  body: ApplicationBody,
): Application {
  const { application: signed, request, encryptionRequest } = body;
  const { statement, signer } = openStatement(office, applicationStatementSchema, signed);
  if (statement.renewalId !== renewalId) {
    throw new Refusal("ERR_RA_REFUSED", "the statement is for another renewal");
  }
  if (statement.followSecretSha256 !== followSecretSha256) {
    throw new Refusal("ERR_RA_REFUSED", "the follow secret is not the one in the application");
  }
  const { der } = renewableCertificate(office, statement.certificateSha256);
  const anyTime = office.state.policy.graceDaysAfter > 0;
  checkSigner(office, signer, statement.certificateSha256, { anyTime });
  const known = checkRevision(office, statement);
  if (!known) checkUploader(office, renewalId, followSecretSha256);
  const { offer, term } = checkOffer(office, statement);
  checkForm(offer, statement);
  checkAttachments(office, statement, offer.attachments);
  checkRequests(office, { statement, body, offer, previous: der });
  const taken = {
    statement,
    signed,
    request,
    encryptionRequest,
    term,
    certificateSha256: statement.certificateSha256,
  };
  const application = known
    ? amend(known, taken)
    : open(office, renewalId, followSecretSha256, taken);
  keepAttachments(office, statement);
  office.state.nonces.push(statement.nonce);
  settle(office, application);
  return application;
}

type Taken = Pick<
  Application,
  "statement" | "signed" | "request" | "encryptionRequest" | "term" | "certificateSha256"
>;

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
    furtherSecrets: [],
    replaced: [],
    callbacks: [],
    invoices: [],
    shipments: [],
    exchanges: {},
  };
  office.state.applications[renewalId] = application;
  const offer = office.state.offers[taken.statement.offer.id];
  if (offer) offer.usedBy = renewalId;
  return application;
}

function amend(application: Application, taken: Taken): Application {
  application.ledger.total = taken.term.total;
  reviseInvoices(application);
  // The review begins anew.
  delete application.reviewableAt;
  delete application.amendableUntil;
  delete application.handedIn;
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

interface RequestsToCheck {
  readonly statement: ApplicationStatement;
  readonly body: ApplicationBody;
  readonly offer: State["offers"][string]["offer"];
  readonly previous: Uint8Array;
}

/** The certification requests beside the application, or none where the terms want them at installation. */
function checkRequests(
  office: Office,
  { statement, body, offer, previous }: RequestsToCheck,
): void {
  const encryption = encryptionPart(office, statement, offer);
  const { request, encryptionRequest } = body;
  if (offer.terms.requestAt === "installation") {
    const early = request ?? encryptionRequest ?? statement.requestSha256;
    if (early === undefined && statement.encryption?.requestSha256 === undefined) return;
    throw new Refusal("ERR_RA_REFUSED", "the terms want the certification request at installation");
  }
  if (!request || (encryption && !encryptionRequest)) {
    throw new Refusal("ERR_RA_REFUSED", "the certification request is missing");
  }
  if (encryptionRequest && !encryption) {
    throw new Refusal("ERR_RA_REFUSED", "there is a request that the application does not name");
  }
  const { renewalId, keyMode, keyAlgorithm, requestSha256: sha256 } = statement;
  checkDistinct(
    checkRequest(office, request, { renewalId, sha256, previous, keyMode, keyAlgorithm }),
    encryption &&
      encryptionRequest &&
      checkRequest(office, encryptionRequest, { renewalId, keyMode, ...encryption }),
  );
}
