import type { CertificationRequestReason } from "../core/ports/transport.js";
import type { RaDocument } from "../transport/http/wire/messages.js";
import {
  type CertificationRequestStatement,
  certificationRequestStatementSchema,
} from "../transport/http/wire/statements.js";
import type { Office } from "./office.js";
import { Refusal } from "./refusal.js";
import { checkDistinct, checkRequest, requestsOf } from "./request-check.js";
import { giveUp } from "./review.js";
import type { Application } from "./state.js";
import { checkBound, checkSigner, openStatement, readUnsigned } from "./statements.js";

/** Certification requests after the application: the first one at installation, or one in the place of another. */

export interface CertificationRequestBody {
  readonly statement: RaDocument;
  readonly request: Uint8Array;
  readonly encryptionRequest?: Uint8Array | undefined;
}

/**
 * Takes a request for an approved application. What was issued before and not confirmed is revoked; where the old key did
 * not sign, both wait for a person: whoever has the follow secret may be somebody else.
 * @throws Refusal
 */
export function takeCertificationRequest(
  office: Office,
  application: Application,
  body: CertificationRequestBody,
): Application {
  const statement = openBody(office, application, body);
  checkBound(application, statement);
  const signed = "signed" in body.statement;
  checkMoment(office, application, statement.reason, signed);
  checkRequests(office, application, statement, body);
  office.state.nonces.push(statement.nonce);
  const { request, encryptionRequest } = body;
  if (signed) {
    giveUp(office, application, takeIssued(application));
    application.handedIn = { request, encryptionRequest };
  } else {
    application.asked = { request, encryptionRequest, issued: takeIssued(application) };
    application.status = "received";
    delete application.issuance;
    delete application.returnFirst;
  }
  return application;
}

function openBody(
  office: Office,
  application: Application,
  { statement }: CertificationRequestBody,
): CertificationRequestStatement {
  const schema = certificationRequestStatementSchema;
  if ("unsigned" in statement) return readUnsigned(office, schema, statement.unsigned);
  const opened = openStatement(office, schema, statement.signed);
  checkSigner(office, opened.signer, application.certificateSha256, {
    anyTime: true,
    revokedFor: (renewalId) => renewalId === application.renewalId,
  });
  return opened.statement;
}

/** @throws Refusal when no request, or not this one, can be taken now */
function checkMoment(
  { state }: Office,
  application: Application,
  reason: CertificationRequestReason,
  signed: boolean,
): void {
  const { issuance, status, statement } = application;
  if (issuance?.confirmedAt) conflict("the certificate was confirmed");
  if (status !== "approved" || !issuance || issuance.revokedAt) {
    conflict("the application is not approved and paid");
  }
  const { terms } = state.offers[statement.offer.id]?.offer ?? {};
  const first = requestsOf(application).request === undefined;
  if (reason === "installation") {
    if (terms?.requestAt !== "installation")
      conflict("the terms want the request with the application");
    if (!first) conflict("a request was handed in before: say why another takes its place");
    if (!signed) throw new Refusal("ERR_RA_REFUSED", "the statement is not signed by the old key");
    return;
  }
  if (!signed && state.policy.reissueWithoutKey === "refuse") {
    throw new Refusal(
      "ERR_RA_REFUSED",
      "without the old key, a reissue is asked for at the counter",
    );
  }
}

function checkRequests(
  office: Office,
  { statement: applied }: Application,
  { reason, requestSha256: sha256, encryptionRequestSha256 }: CertificationRequestStatement,
  { request, encryptionRequest }: CertificationRequestBody,
): void {
  const { certificates } = office.state;
  const { renewalId, keyAlgorithm, certificateSha256 } = applied;
  const previous = certificates[certificateSha256];
  const encryption = certificates[applied.encryption?.certificateSha256 ?? ""];
  if (!previous) throw new Refusal("ERR_RA_REFUSED", "this CA did not issue the certificate");
  if ((encryption === undefined) !== (encryptionRequest === undefined)) {
    throw new Refusal("ERR_RA_REFUSED", "a request for each certificate applied for is needed");
  }
  // A key that is lost cannot be kept.
  const kept = applied.keyMode === "renew" ? "any" : applied.keyMode;
  const keyMode = reason === "installation" ? applied.keyMode : kept;
  // What could not be installed is issued once more, for the same key.
  const again = reason === "certificate-unusable";
  checkDistinct(
    checkRequest(office, request, {
      ...{ renewalId, sha256, keyMode, keyAlgorithm, again },
      previous: previous.der,
    }),
    encryption &&
      encryptionRequest &&
      checkRequest(office, encryptionRequest, {
        ...{ renewalId, keyMode, sha256: encryptionRequestSha256, again },
        previous: encryption.der,
      }),
  );
}

function takeIssued({ issuance }: Application): string[] {
  const issued = [issuance?.certificateSha256, issuance?.encryptionSha256];
  delete issuance?.certificateSha256;
  delete issuance?.encryptionSha256;
  return issued.filter((sha256) => sha256 !== undefined);
}

function conflict(detail: string): never {
  throw new Refusal("ERR_RA_REFUSED", detail, { status: 409 });
}
