import { sha256Hex } from "../core/pki/certificate.js";
import { parseRequest } from "../core/pki/request.js";
import {
  type ConfirmationStatement,
  confirmationStatementSchema,
} from "../transport/http/wire/statements.js";
import { openAuthority, renewedExtensions, strangerSpki } from "./authority.js";
import type { CertificateFlaw } from "./faults.js";
import { memoryFiles } from "./files.js";
import { encodeName } from "./name.js";
import { addYears, DAY_MS, isOpen, later, type Office } from "./office.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";
import { checkSigner, openStatement } from "./statements.js";
import type { CertificateTemplate } from "./x509.js";

export interface IssuedCertificate {
  readonly certificate: Uint8Array;
  readonly chain: readonly Uint8Array[];
  readonly confirmBy: Date;
}

/**
 * The certificate of an approved renewal: issued when it is first collected, the same one ever after. A flaw spoils the
 * answer only; the next one is right.
 * @throws Refusal
 */
export function collect(
  office: Office,
  application: Application,
  flaw: CertificateFlaw | undefined,
): IssuedCertificate {
  const { authority, state } = office;
  const { issuance, certificateSha256 } = application;
  if (!issuance || issuance.revokedAt || application.status !== "approved") {
    if (!isOpen(application))
      throw new Refusal("ERR_RA_REFUSED", "there is nothing to collect any more");
    const { retryAfterSeconds } = state.policy;
    throw new Refusal("ERR_RA_BUSY", "the certificate cannot be collected yet", {
      retryAfterSeconds,
    });
  }
  const answer = { chain: [authority.issuing, authority.root], confirmBy: issuance.collectUntil };
  const template = templateOf(office, application);
  if (flaw) return { ...answer, ...spoil(office, template, flaw) };
  const issued = issuance.certificateSha256 && state.certificates[issuance.certificateSha256];
  if (issued) return { ...answer, certificate: issued.der };
  const certificate = authority.issue(template);
  issuance.certificateSha256 = sha256Hex(certificate);
  state.certificates[issuance.certificateSha256] = {
    der: certificate,
    renewalId: application.renewalId,
  };
  if (state.policy.previous === "revoke-at-issuance") revokePrevious(office, certificateSha256);
  return { ...answer, certificate };
}

/** The new certificate is on the token and proven: signed by its key. @throws Refusal */
export function takeConfirmation(
  office: Office,
  application: Application,
  document: Uint8Array,
): Application {
  const { renewalId, issuance } = application;
  const opened = openStatement(office, confirmationStatementSchema, document, renewalId);
  const statement: ConfirmationStatement = opened.statement;
  if (!issuance?.certificateSha256) throw new Refusal("ERR_RA_REFUSED", "nothing was collected");
  checkSigner(office, opened.signer, issuance.certificateSha256);
  const bound =
    statement.renewedSha256 === issuance.certificateSha256 &&
    statement.certificateSha256 === application.certificateSha256 &&
    statement.offerId === application.statement.offer.id &&
    statement.raNonce === application.nonce;
  if (!bound) throw new Refusal("ERR_RA_REFUSED", "the confirmation is not bound to this renewal");
  if (!isOpen(application))
    throw new Refusal("ERR_RA_REFUSED", "there is nothing to confirm any more");
  office.state.nonces.push(statement.nonce);
  issuance.confirmedAt = office.clock.now();
  if (office.state.policy.previous === "revoke-after-confirmation") {
    revokePrevious(office, application.certificateSha256);
  }
  return application;
}

function templateOf(office: Office, application: Application): CertificateTemplate {
  const { state, clock } = office;
  const previous = state.certificates[application.certificateSha256];
  if (!previous)
    throw new Refusal("ERR_RA_REFUSED", "this CA did not issue the previous certificate");
  const { spki, subjectDer } = parseRequest(application.request);
  const now = clock.now();
  const { basis } = state.policy.notAfterRule;
  const { notAfter, years } = application.term;
  return {
    spki,
    subjectDer,
    notBefore: now,
    notAfter: basis === "issuance" ? addYears(now, years) : notAfter,
    extensions: renewedExtensions(previous.der),
  };
}

function spoil(
  { authority, clock }: Office,
  template: CertificateTemplate,
  flaw: CertificateFlaw,
): Partial<IssuedCertificate> & Pick<IssuedCertificate, "certificate"> {
  const now = clock.now();
  switch (flaw) {
    case "wrong-key":
      return { certificate: authority.issue({ ...template, spki: strangerSpki() }) };
    case "other-subject": {
      const subjectDer = encodeName({ country: "CN", commonName: "Somebody Else" });
      return { certificate: authority.issue({ ...template, subjectDer }) };
    }
    case "expired": {
      const past = { notBefore: later(now, -2 * DAY_MS), notAfter: later(now, -DAY_MS) };
      return { certificate: authority.issue({ ...template, ...past }) };
    }
    case "wrong-chain": {
      const stranger = openAuthority(memoryFiles(), now, "another CA");
      return {
        certificate: stranger.issue(template),
        chain: [stranger.issuing, stranger.root],
      };
    }
  }
}

function revokePrevious({ state, clock }: Office, certificateSha256: string): void {
  const entry = state.certificates[certificateSha256];
  if (entry) entry.revokedAt ??= clock.now();
}
