import { parseCertificate, sha256Hex } from "../core/pki/certificate.js";
import { bytesEqual } from "../core/pki/der.js";
import { DerError } from "../core/pki/der-error.js";
import { type CertificationRequest, parseRequest } from "../core/pki/request.js";
import type { ApplicationStatement } from "../transport/http/wire/statements.js";
import type { Office } from "./office.js";
import { Refusal } from "./refusal.js";

/** The PKCS#10 (RFC 2986) beside an application: bound to it, for the same subject, and for a key that it may be for. */
export function checkRequest(
  office: Office,
  statement: ApplicationStatement,
  der: Uint8Array,
  previousDer: Uint8Array,
): void {
  if (sha256Hex(der) !== statement.requestSha256)
    refuse("the request is not the one in the application");
  const request = readRequest(der);
  const previous = parseCertificate(previousDer);
  if (!request.signatureValid) refuse("the request is not signed by its own key");
  if (!bytesEqual(request.subjectDer, previous.subjectDer))
    refuse("the request is for another subject");
  if (request.keyAlgorithm !== statement.keyAlgorithm)
    refuse("the key is not of the algorithm applied for");
  if (!office.state.policy.keyAlgorithms.includes(statement.keyAlgorithm)) {
    throw new Refusal("ERR_ALGORITHM_UNSUPPORTED", "the key's algorithm is not accepted", {
      parameters: { algorithm: statement.keyAlgorithm },
    });
  }
  const same = bytesEqual(request.spki, previous.spki);
  if (statement.keyMode === "renew" && !same)
    refuse("renew keeps the key, and the request is for another");
  if (statement.keyMode === "re-key" && usedBefore(office, statement.renewalId, request.spki)) {
    refuse("re-key wants a new key, and this one was used before");
  }
}

/** In a certificate of this CA, or in the application of another renewal. */
function usedBefore({ state }: Office, renewalId: string, spki: Uint8Array): boolean {
  const certified = Object.values(state.certificates).map(({ der }) => parseCertificate(der).spki);
  const requested = Object.values(state.applications)
    .filter((other) => other.renewalId !== renewalId)
    .map(({ request }) => parseRequest(request).spki);
  return [...certified, ...requested].some((other) => bytesEqual(other, spki));
}

function readRequest(der: Uint8Array): CertificationRequest {
  try {
    return parseRequest(der);
  } catch (error) {
    if (error instanceof DerError) refuse(`the request is malformed: ${error.message}`);
    throw error;
  }
}

function refuse(detail: string): never {
  throw new Refusal("ERR_RA_REFUSED", detail);
}
