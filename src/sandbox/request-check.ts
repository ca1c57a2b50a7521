import type { KeyMode } from "../core/domain/offer.js";
import { parseCertificate, sha256Hex } from "../core/pki/certificate.js";
import { bytesEqual } from "../core/pki/der.js";
import { DerError } from "../core/pki/der-error.js";
import { type CertificationRequest, parseRequest } from "../core/pki/request.js";
import type { Office } from "./office.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";

/** What a PKCS#10 (RFC 2986) has to be. */
export interface WantedRequest {
  readonly renewalId: string;
  /** As it stands in the statement beside it. */
  readonly sha256: string | undefined;
  /** The certificate to be renewed, DER: for the same subject. */
  readonly previous: Uint8Array;
  /** `any`: a new key, or the previous one. */
  readonly keyMode: KeyMode | "any";
  /** Whether it may be for the key of a certificate that this renewal has already had. */
  readonly again?: boolean;
  /** Absent: any that the RA accepts. */
  readonly keyAlgorithm?: string | undefined;
}

/** Bound to its statement, for the same subject, and for a key that it may be for. @throws Refusal */
export function checkRequest(
  office: Office,
  der: Uint8Array,
  wanted: WantedRequest,
): CertificationRequest {
  if (sha256Hex(der) !== wanted.sha256) refuse("the request is not the one in the application");
  const request = readRequest(der);
  const { keyMode, keyAlgorithm } = wanted;
  const previous = parseCertificate(wanted.previous);
  if (!request.signatureValid) refuse("the request is not signed by its own key");
  if (!bytesEqual(request.subjectDer, previous.subjectDer))
    refuse("the request is for another subject");
  if (keyAlgorithm !== undefined && request.keyAlgorithm !== keyAlgorithm)
    refuse("the key is not of the algorithm applied for");
  if (!office.state.policy.keyAlgorithms.some((accepted) => accepted === request.keyAlgorithm)) {
    throw new Refusal("ERR_ALGORITHM_UNSUPPORTED", "the key's algorithm is not accepted", {
      parameters: { algorithm: request.keyAlgorithm ?? "of the request" },
    });
  }
  const same = bytesEqual(request.spki, previous.spki);
  if (keyMode === "renew" && !same) refuse("renew keeps the key, and the request is for another");
  const kept = same && keyMode !== "re-key";
  if (!kept && usedBefore(office, wanted, request.spki)) {
    refuse("re-key wants a new key, and this one was used before");
  }
  return request;
}

/** The two certificates of a credential are for two keys. @throws Refusal */
export function checkDistinct(...requests: readonly (CertificationRequest | undefined)[]): void {
  const [one, other] = requests;
  if (one && other && bytesEqual(one.spki, other.spki)) {
    refuse("both requests are for the same key");
  }
}

/** What of an application stands to be certified: the last request that was handed in. */
export function requestsOf({
  request,
  encryptionRequest,
  handedIn,
}: Application): Pick<Application, "request" | "encryptionRequest"> {
  return handedIn ?? { request, encryptionRequest };
}

/** In a certificate of this CA, or in the application of another renewal. */
function usedBefore(
  { state }: Office,
  { renewalId, again }: WantedRequest,
  spki: Uint8Array,
): boolean {
  const certified = Object.values(state.certificates)
    .filter((certificate) => !again || certificate.renewalId !== renewalId)
    .map(({ der }) => parseCertificate(der).spki);
  const requested = Object.values(state.applications)
    .filter((other) => other.renewalId !== renewalId)
    .flatMap((other) => [other, other.handedIn, other.asked])
    .flatMap((requests) => [requests?.request, requests?.encryptionRequest])
    .flatMap((der) => (der ? [parseRequest(der).spki] : []));
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
