import type {
  DiagnosedCertificate,
  DiagnosedFailure,
  DiagnosedObjects,
  DiagnosedToken,
} from "./diagnosis.js";
import type { Finding, Note } from "./findings.js";

/** What a certificate with its attributes needs, and an RSA-2048 key pair: what tokens that were measured need, rounded up. */
const NEEDED_BYTES = 6144;

const SOON_MS = 90 * 24 * 60 * 60 * 1000;

/** What one token's facts mean. */
export function findingsOfToken(token: DiagnosedToken, at: Date, note: Note): Finding[] {
  const { label, serialNumber, failure, objects } = token;
  const facts = { token: label || serialNumber };
  return [
    ...ofPin(token, facts, note),
    ...(token.writeProtected ? [note("token-write-protected", facts)] : []),
    ...ofMemory(token, facts, note),
    ...(failure === undefined || isOfModule(failure)
      ? []
      : [note("objects-failed", { ...facts, reason: failure.reason })]),
    ...(objects === undefined ? [] : ofObjects(objects, facts, at, note)),
  ];
}

/** Whether there is a certificate that can be renewed, as far as this can be seen. */
export function hasRenewable({ objects }: DiagnosedToken, at: Date): boolean {
  const certificates = objects?.certificates ?? [];
  return certificates.some(
    ({ isCa, notBefore, notAfter, keyAlgorithm, privateKey }) =>
      !isCa && notBefore <= at && at < notAfter && keyAlgorithm && privateKey !== "absent",
  );
}

/** Whether the module failed, and not the token. */
export function isOfModule({ code }: DiagnosedFailure): boolean {
  return code === "ERR_MODULE_CRASHED" || code === "ERR_MODULE_HUNG";
}

type Facts = Finding["details"];

function ofPin(token: DiagnosedToken, facts: Facts, note: Note): Finding[] {
  const { pinState, pinSet, loginRequired, protectedAuthenticationPath } = token;
  if (!loginRequired) return [];
  const findings = protectedAuthenticationPath ? [note("pin-at-reader", facts)] : [];
  if (!pinSet) return [...findings, note("pin-not-set", facts)];
  if (pinState === "ok" || pinState === "unknown") return findings;
  return [...findings, note(`pin-${pinState}`, facts)];
}

function ofMemory({ freeMemory }: DiagnosedToken, facts: Facts, note: Note): Finding[] {
  const areas = [freeMemory?.public, freeMemory?.private].filter((free) => free !== undefined);
  const freeBytes = Math.min(...areas);
  if (areas.length === 0 || freeBytes >= NEEDED_BYTES) return [];
  return [note("memory-low", { ...facts, freeBytes, neededBytes: NEEDED_BYTES })];
}

function ofObjects(objects: DiagnosedObjects, facts: Facts, at: Date, note: Note): Finding[] {
  const { unreadable, orphanPublicKeys } = objects;
  // Those of CAs are there for the chain, and have no key here.
  const own = objects.certificates.filter(({ isCa }) => !isCa);
  const areHidden = own.some(({ privateKey }) => privateKey === "unknown");
  return [
    ...(own.length === 0 ? [note("no-certificate", facts)] : []),
    ...own.flatMap((certificate) => ofCertificate(certificate, facts, at, note)),
    ...(areHidden ? [note("private-keys-hidden", facts)] : []),
    ...(unreadable > 0 ? [note("unreadable-objects", { ...facts, count: unreadable })] : []),
    ...(orphanPublicKeys.length > 0
      ? [note("orphan-public-key", { ...facts, count: orphanPublicKeys.length })]
      : []),
  ];
}

function ofCertificate(
  certificate: DiagnosedCertificate,
  token: Facts,
  at: Date,
  note: Note,
): Finding[] {
  const { subject, label, notBefore, notAfter, keyAlgorithm, privateKey, publicKey } = certificate;
  const facts = { ...token, certificate: label || subject };
  const until = { ...facts, date: dayOf(notAfter) };
  const findings: Finding[] = [];
  if (notAfter <= at) findings.push(note("certificate-expired", until));
  else if (notBefore > at) {
    findings.push(note("certificate-not-yet-valid", { ...facts, date: dayOf(notBefore) }));
  } else if (notAfter.getTime() - at.getTime() < SOON_MS) {
    findings.push(note("certificate-expiring", until));
  }
  if (keyAlgorithm === undefined) findings.push(note("certificate-unsupported", facts));
  if (privateKey === "absent") findings.push(note("private-key-absent", facts));
  else if (privateKey === "unknown" && publicKey === "absent") {
    findings.push(note("orphan-certificate", facts));
  }
  return findings;
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
