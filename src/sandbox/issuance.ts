import { parseCertificate, sha256Hex } from "../core/pki/certificate.js";
import { parseRequest } from "../core/pki/request.js";
import { confirmationStatementSchema } from "../transport/http/wire/statements.js";
import { openAuthority, renewedExtensions, strangerSpki } from "./authority.js";
import type { CertificateFlaw } from "./faults.js";
import { memoryFiles } from "./files.js";
import { encodeName } from "./name.js";
import { addYears, DAY_MS, isOpen, later, type Office } from "./office.js";
import { Refusal } from "./refusal.js";
import { requestsOf } from "./request-check.js";
import type { Application, CertificateEntry } from "./state.js";
import { checkBound, checkSigner, openStatement } from "./statements.js";
import type { CertificateTemplate } from "./x509.js";

interface Chained {
  readonly certificate: Uint8Array;
  readonly chain: readonly Uint8Array[];
}

export interface IssuedCertificate extends Chained {
  readonly confirmBy: Date;
  readonly encryption?: Chained | undefined;
}

/**
 * The certificates of an approved renewal: issued when they are first collected, the same ones ever after. A flaw spoils the
 * answer only; the next one is right.
 * @throws Refusal
 */
export function collect(
  office: Office,
  application: Application,
  flaw: CertificateFlaw | undefined,
): IssuedCertificate {
  const issuance = collectable(office, application);
  const { request, encryptionRequest } = requestsOf(application);
  if (!request) {
    throw new Refusal("ERR_RA_REFUSED", "the certification request has to be handed in first", {
      status: 409,
    });
  }
  const confirmBy = issuance.collectUntil;
  const previous = entryOf(office, application.certificateSha256);
  const template = templateOf(office, application, request, previous);
  if (flaw) return { confirmBy, ...spoil(office, template, flaw) };
  if (issuance.certificateSha256 === undefined) {
    issuance.certificateSha256 = issue(office, application, template);
    const encryption = application.statement.encryption?.certificateSha256;
    if (encryption !== undefined && encryptionRequest) {
      const beside = entryOf(office, encryption);
      const wanted = templateOf(office, application, encryptionRequest, beside);
      issuance.encryptionSha256 = issue(office, application, wanted);
    }
    if (office.state.policy.previous === "revoke-at-issuance") revokePrevious(office, application);
  }
  return {
    ...handedOut(office, issuance.certificateSha256),
    confirmBy,
    ...(issuance.encryptionSha256 !== undefined && {
      encryption: handedOut(office, issuance.encryptionSha256),
    }),
  };
}

/** The new certificates are on the token and proven: signed by the new signing key. @throws Refusal */
export function takeConfirmation(
  office: Office,
  application: Application,
  document: Uint8Array,
): Application {
  const { issuance } = application;
  const { statement, signer } = openStatement(office, confirmationStatementSchema, document);
  if (!issuance?.certificateSha256) throw new Refusal("ERR_RA_REFUSED", "nothing was collected");
  // A certificate that begins when the old one ends is installed before.
  checkSigner(office, signer, issuance.certificateSha256, { anyTime: true });
  checkBound(application, statement);
  const named =
    statement.renewedSha256 === issuance.certificateSha256 &&
    statement.encryptionRenewedSha256 === issuance.encryptionSha256;
  if (!named) {
    throw new Refusal("ERR_RA_REFUSED", "the confirmation does not name all that was issued");
  }
  if (!isOpen(application))
    throw new Refusal("ERR_RA_REFUSED", "there is nothing to confirm any more");
  office.state.nonces.push(statement.nonce);
  issuance.confirmedAt = office.clock.now();
  if (office.state.policy.previous === "revoke-after-confirmation") {
    revokePrevious(office, application);
  }
  return application;
}

function collectable(
  { state }: Office,
  application: Application,
): NonNullable<Application["issuance"]> {
  const { issuance } = application;
  if (issuance && !issuance.revokedAt && application.status === "approved") return issuance;
  if (!isOpen(application))
    throw new Refusal("ERR_RA_REFUSED", "there is nothing to collect any more");
  const { retryAfterSeconds } = state.policy;
  throw new Refusal("ERR_RA_BUSY", "the certificate cannot be collected yet", {
    ...(retryAfterSeconds !== null && { retryAfterSeconds }),
  });
}

/** Returns the hash under which the CA knows it. */
function issue(
  { authority, state }: Office,
  { renewalId }: Application,
  template: CertificateTemplate,
): string {
  const { issuedBy } = state.policy;
  const der = authority.issue(template, issuedBy);
  const sha256 = sha256Hex(der);
  state.certificates[sha256] = { der, renewalId, issuedBy };
  return sha256;
}

function handedOut(office: Office, sha256: string): Chained {
  const { der, issuedBy } = entryOf(office, sha256);
  return { certificate: der, chain: [...office.authority.chain(issuedBy)] };
}

function entryOf({ state }: Office, sha256: string): CertificateEntry {
  const entry = state.certificates[sha256];
  if (entry) return entry;
  throw new Refusal("ERR_RA_REFUSED", "this CA did not issue the previous certificate");
}

function templateOf(
  { state, clock }: Office,
  { term }: Application,
  request: Uint8Array,
  previous: CertificateEntry,
): CertificateTemplate {
  const { spki, subjectDer } = parseRequest(request);
  const { validFrom, notAfterRule } = state.policy;
  const now = clock.now();
  const end = parseCertificate(previous.der).notAfter;
  const notBefore = validFrom === "previous-not-after" && end > now ? end : now;
  return {
    spki,
    subjectDer,
    notBefore,
    notAfter: notAfterRule.basis === "issuance" ? addYears(now, term.years) : term.notAfter,
    extensions: renewedExtensions(previous.der),
  };
}

function spoil(
  { authority, clock, state }: Office,
  template: CertificateTemplate,
  flaw: CertificateFlaw,
): Chained {
  const now = clock.now();
  const { issuedBy } = state.policy;
  const spoilt = (changes: Partial<CertificateTemplate>): Chained => ({
    certificate: authority.issue({ ...template, ...changes }, issuedBy),
    chain: authority.chain(issuedBy),
  });
  switch (flaw) {
    case "wrong-key":
      return spoilt({ spki: strangerSpki() });
    case "other-subject": {
      const subjectDer = encodeName({ country: "CN", commonName: "Somebody Else" });
      return spoilt({ subjectDer });
    }
    case "expired": {
      return spoilt({ notBefore: later(now, -2 * DAY_MS), notAfter: later(now, -DAY_MS) });
    }
    case "too-short": {
      const notAfter = later(template.notAfter, -365 * DAY_MS);
      return spoilt({ notAfter });
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

function revokePrevious({ state, clock }: Office, application: Application): void {
  const { certificateSha256, statement, renewalId } = application;
  for (const sha256 of [certificateSha256, statement.encryption?.certificateSha256]) {
    const entry = state.certificates[sha256 ?? ""];
    if (!entry || entry.revokedAt) continue;
    entry.revokedAt = clock.now();
    entry.revokedFor = renewalId;
  }
}
