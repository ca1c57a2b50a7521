import { signatureAlgorithmOf, verifySignature } from "./algorithms.js";
import { type Certificate, parseCertificate, permitsKeyUsage, signatureOf } from "./certificate.js";
import { bytesEqual } from "./der.js";
import { ANY_EXTENDED_KEY_USAGE, EXTENSION } from "./extensions.js";

export interface VerifyChainOptions {
  readonly certificate: Uint8Array;
  /** Untrusted, in any order, DER. */
  readonly intermediates: readonly Uint8Array[];
  /** The caller's own; nothing else is ever trusted. */
  readonly trustAnchors: readonly Uint8Array[];
  /** When every certificate has to be valid. */
  readonly at: Date;
  /** OID that the certificate has to name, and no CA above it may exclude (RFC 5280 §4.2.1.12). */
  readonly extendedKeyUsage?: string | undefined;
  /** Accepts a certificate whose own validity is over at `at`; never a CA's. */
  readonly allowExpired?: boolean | undefined;
}

/** `chain`: from the certificate to its trust anchor, both included. `problem`: why there is none. */
export type ChainResult =
  | { readonly chain: readonly Certificate[]; readonly problem?: undefined }
  | { readonly problem: string; readonly chain?: undefined };

/** The certificate last, its issuer before it, and so on upwards. */
type Path = readonly [Certificate, ...Certificate[]];

const MAX_DEPTH = 8;
const MAX_CERTIFICATES = 64;
const MAX_SIGNATURE_CHECKS = 64;

/** Extensions that may be critical: those that are enforced here, and those that restrict nothing that is used here. */
const UNDERSTOOD: ReadonlySet<string> = new Set(Object.values(EXTENSION));

/** What is refused by name, for the message's sake: everything that is in no table is. */
const WEAK_SIGNATURES: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.4": "MD5",
  "1.2.840.113549.1.1.5": "SHA-1",
  "1.2.840.10045.4.1": "SHA-1",
  "1.2.840.10040.4.3": "SHA-1",
};

/**
 * Finds a certification path (RFC 5280 §6.1) from the certificate to one of the trust anchors. Every CA, the anchor
 * included, is valid at `at`, says that it is a CA, may sign certificates and keeps to its path length; critical extensions
 * that are not understood (name constraints are among them) and signatures with MD5 or SHA-1 are refused. Revocation is not
 * looked at. Names are compared octet by octet.
 *
 * Never throws: a certificate that cannot be read is a problem, an intermediate that cannot be read is no help.
 */
export function verifyChain(options: VerifyChainOptions): ChainResult {
  const { at, extendedKeyUsage } = options;
  try {
    const certificate = parseCertificate(options.certificate);
    const problem =
      validityProblem(certificate, at, options.allowExpired ?? false) ??
      criticalProblem(certificate) ??
      purposeProblem(certificate, extendedKeyUsage);
    if (problem !== undefined) return { problem };
    const anchors = options.trustAnchors.map(parseCertificate);
    if (anchors.some(({ sha256 }) => sha256 === certificate.sha256))
      return { chain: [certificate] };
    const intermediates = readable(options.intermediates);
    return findPath(certificate, { anchors, intermediates, at, extendedKeyUsage });
  } catch (error) {
    // Only a DerError comes here; whatever else might, there is no chain then.
    return { problem: (error as Error).message };
  }
}

interface Rules {
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  readonly at: Date;
  readonly extendedKeyUsage: string | undefined;
}

/** Depth first, bounded by signature checks: hostile intermediates can be arranged in very many ways. */
function findPath(certificate: Certificate, rules: Rules): ChainResult {
  let checks = 0;
  let firstProblem: string | undefined;

  const accepts = (issuer: Certificate, path: Path): boolean => {
    const subject = path[0];
    if (!bytesEqual(issuer.subjectDer, subject.issuerDer) || differentKeys(issuer, subject)) {
      return false;
    }
    checks += 1;
    const problem =
      checks > MAX_SIGNATURE_CHECKS
        ? "there are too many certificates to try"
        : (signatureProblem(issuer, subject) ?? authorityProblem(issuer, path, rules));
    firstProblem ??= problem;
    return problem === undefined;
  };

  const extend = (path: Path): Path | undefined => {
    if (path.length >= MAX_DEPTH) {
      firstProblem ??= `the path is longer than ${MAX_DEPTH} certificates`;
      return undefined;
    }
    const anchor = rules.anchors.find((candidate) => accepts(candidate, path));
    if (anchor !== undefined) return [anchor, ...path];
    for (const issuer of rules.intermediates) {
      const used = path.some(({ sha256 }) => sha256 === issuer.sha256);
      const found = !used && accepts(issuer, path) ? extend([issuer, ...path]) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  };

  const path = extend([certificate]);
  if (path !== undefined) return { chain: [...path].reverse() };
  return { problem: firstProblem ?? `there is no trusted issuer of ${certificate.subject}` };
}

function readable(certificates: readonly Uint8Array[]): Certificate[] {
  return certificates.slice(0, MAX_CERTIFICATES).flatMap((der) => {
    try {
      return [parseCertificate(der)];
    } catch {
      return [];
    }
  });
}

/** Several CA keys may bear one name; the key identifiers tell them apart (RFC 5280 §4.2.1.1). */
function differentKeys(issuer: Certificate, subject: Certificate): boolean {
  const { subjectKeyId } = issuer;
  const { authorityKeyId } = subject;
  return (
    subjectKeyId !== undefined && authorityKeyId !== undefined && subjectKeyId !== authorityKeyId
  );
}

function signatureProblem(issuer: Certificate, subject: Certificate): string | undefined {
  const weak = WEAK_SIGNATURES[subject.signatureAlgorithmOid];
  if (weak !== undefined) return `${subject.subject} is signed with ${weak}, which is not accepted`;
  const { signed, algorithm, value } = signatureOf(subject.der);
  const name = signatureAlgorithmOf(algorithm);
  if (name === undefined) {
    return `${subject.subject} is signed with ${subject.signatureAlgorithmOid}, which is not accepted`;
  }
  if (verifySignature(issuer.spki, name, signed, value)) return undefined;
  return `${subject.subject} is not signed by the key of ${issuer.subject}`;
}

function authorityProblem(issuer: Certificate, path: Path, rules: Rules): string | undefined {
  if (!issuer.isCa) return `${issuer.subject} is not a CA`;
  if (!permitsKeyUsage(issuer, "keyCertSign")) return `${issuer.subject} may not sign certificates`;
  // RFC 5280 §4.2.1.9: of the CAs below it, those that are not self-issued.
  const below = path.slice(0, -1).filter((ca) => !bytesEqual(ca.subjectDer, ca.issuerDer));
  if (issuer.pathLength !== undefined && below.length > issuer.pathLength) {
    return `the path below ${issuer.subject} is longer than it permits`;
  }
  // A CA without extended key usages permits every one.
  const anyPurpose =
    issuer.extendedKeyUsage.length === 0 ||
    issuer.extendedKeyUsage.includes(ANY_EXTENDED_KEY_USAGE);
  return (
    validityProblem(issuer, rules.at, false) ??
    criticalProblem(issuer) ??
    (anyPurpose ? undefined : purposeProblem(issuer, rules.extendedKeyUsage))
  );
}

function validityProblem(
  certificate: Certificate,
  at: Date,
  allowExpired: boolean,
): string | undefined {
  const { subject, notBefore, notAfter } = certificate;
  if (Number.isNaN(at.getTime())) return "the time of verification is not a time";
  if (at < notBefore) return `${subject} is not valid before ${notBefore.toISOString()}`;
  if (at > notAfter && !allowExpired) return `${subject} expired at ${notAfter.toISOString()}`;
  return undefined;
}

function criticalProblem({ subject, extensions }: Certificate): string | undefined {
  for (const [oid, { critical }] of extensions) {
    if (critical && !UNDERSTOOD.has(oid)) {
      return `${subject} has the critical extension ${oid}, which is not understood`;
    }
  }
  return undefined;
}

function purposeProblem(certificate: Certificate, wanted: string | undefined): string | undefined {
  if (wanted === undefined || certificate.extendedKeyUsage.includes(wanted)) return undefined;
  return `${certificate.subject} is not for the purpose ${wanted}`;
}
