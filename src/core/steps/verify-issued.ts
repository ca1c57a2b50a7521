import type { StepContext } from "../context.js";
import { type Problem, RenewalError } from "../errors.js";
import { type Certificate, parseCertificate } from "../pki/certificate.js";
import { bytesEqual } from "../pki/der.js";
import { EXTENSION, type Extension } from "../pki/extensions.js";
import { verifyChain } from "../pki/verify.js";
import type { Issued } from "../ports/transport.js";
import type {
  CollectedCertificate,
  HeldCertificate,
  RequestedKey,
  VerifiedCertificate,
} from "../record.js";
import type { CertificateChange } from "../views.js";
import { termOf } from "./apply.js";

/** They name keys and places of the CA and not the holder, or stand among the changes by their names. */
const NOT_LISTED: ReadonlySet<string> = new Set([
  EXTENSION.subjectKeyIdentifier,
  EXTENSION.authorityKeyIdentifier,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
  EXTENSION.certificatePolicies,
  // cRLDistributionPoints (RFC 5280 §4.2.1.13) and authorityInfoAccess (§4.2.2.1).
  "2.5.29.31",
  "1.3.6.1.5.5.7.1.1",
]);

/**
 * Whether what the RA issued is what was agreed. Nothing was written so far, and nothing is if it is not.
 * @throws ERR_RA_RESPONSE (no certificate), ERR_ISSUED_WRONG_KEY, ERR_ISSUED_UNTRUSTED, ERR_ISSUED_MISMATCH
 */
export function verifyIssued(context: StepContext, issued: Issued): CollectedCertificate {
  const { application, previous, encryption } = context.record;
  const signing = verifyOne(context, issued, previous, application.requestedKey);
  const asked = application.encryption;
  return {
    ...signing,
    encryption:
      asked && encryption
        ? verifyEncryption(context, encryptionOf(issued), encryption, asked.key)
        : undefined,
    confirmBy: issued.confirmBy,
  };
}

function encryptionOf({ encryption }: Issued): NonNullable<Issued["encryption"]> {
  if (encryption) return encryption;
  throw new RenewalError("ERR_ISSUED_MISMATCH", {
    problems: [
      { pointer: "/encryption", message: "is missing: both certificates were applied for" },
    ],
  });
}

/** What is wrong with it is told apart from what is wrong with the other. */
function verifyEncryption(...parts: Parameters<typeof verifyOne>): VerifiedCertificate {
  try {
    return verifyOne(...parts);
  } catch (error) {
    if (!(error instanceof RenewalError)) throw error;
    const { code, details, cause } = error;
    const problems = error.problems.map(({ pointer, message }) => ({
      pointer: `/encryption${pointer}`,
      message,
    }));
    throw new RenewalError(code, { details: { ...details, use: "encryption" }, cause, problems });
  }
}

function verifyOne(
  context: StepContext,
  issued: Pick<Issued, "certificate" | "chain">,
  held: HeldCertificate,
  requestedKey: RequestedKey | undefined,
): VerifiedCertificate {
  const { runtime } = context;
  const previous = parseCertificate(held.der);
  const certificate = parseIssued(issued.certificate);
  if (!requestedKey?.spki || !bytesEqual(certificate.spki, requestedKey.spki)) {
    throw new RenewalError("ERR_ISSUED_WRONG_KEY", {
      details: { serialNumber: certificate.serialNumber },
    });
  }
  const trust = verifyChain({
    certificate: certificate.der,
    intermediates: issued.chain,
    trustAnchors: runtime.trustAnchors,
    // A certificate may be issued for a time to come, and clocks differ: then it is looked at as of its first moment.
    at: new Date(Math.max(context.now().getTime(), certificate.notBefore.getTime())),
    // One that has expired is a mismatch, and told as such.
    allowExpired: true,
  });
  if (trust.problem !== undefined) {
    throw new RenewalError("ERR_ISSUED_UNTRUSTED", {
      details: { serialNumber: certificate.serialNumber, reason: trust.problem },
    });
  }
  const problems = mismatches(context, previous, certificate);
  if (problems.length > 0) {
    throw new RenewalError("ERR_ISSUED_MISMATCH", {
      details: { serialNumber: certificate.serialNumber },
      problems,
    });
  }
  return {
    certificate: certificate.der,
    chain: trust.chain.map(({ der }) => der),
    changes: changesBetween(previous, certificate),
  };
}

function parseIssued(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der);
  } catch (cause) {
    throw new RenewalError("ERR_RA_RESPONSE", {
      cause,
      details: { reason: "what was collected is not a certificate" },
    });
  }
}

function mismatches(context: StepContext, previous: Certificate, issued: Certificate): Problem[] {
  const { record } = context;
  const { terms } = record.offer.offer;
  const term = termOf(terms.years, record.application.choice?.years ?? 0);
  const problems: Problem[] = [];
  const expect = (holds: boolean, pointer: string, message: string) => {
    if (!holds) problems.push({ pointer, message });
  };
  expect(
    bytesEqual(issued.subjectDer, previous.subjectDer),
    "/subject",
    `is ${issued.subject}, was ${previous.subject}`,
  );
  expect(
    sameExtension(issued, previous, EXTENSION.subjectAltName),
    "/subjectAltName",
    "is not that of the previous certificate",
  );
  expect(
    issued.serialNumber !== previous.serialNumber,
    "/serialNumber",
    "is that of the previous certificate",
  );
  // Once the previous one has expired, the gap is there, and no CA can close it.
  expect(
    issued.notBefore <= previous.notAfter || issued.notBefore <= context.now(),
    "/notBefore",
    `is ${issued.notBefore.toISOString()}, after the previous certificate ends`,
  );
  expect(!issued.isCa, "/basicConstraints", "is a CA's");
  const agreed = term.notAfter.getTime();
  const drift = Math.abs(issued.notAfter.getTime() - agreed);
  expect(
    drift <= terms.notAfterRule.toleranceSeconds * 1000,
    "/notAfter",
    `is ${issued.notAfter.toISOString()}, agreed was ${term.notAfter.toISOString()}`,
  );
  expect(
    issued.notAfter > previous.notAfter,
    "/notAfter",
    "is not after that of the previous certificate",
  );
  expect(issued.notAfter > context.now(), "/notAfter", "has passed");
  for (const usage of previous.keyUsage) {
    expect(issued.keyUsage.includes(usage), "/keyUsage", `lacks ${usage}`);
  }
  return problems;
}

/** What is not the same, and may be: told in the report. */
function changesBetween(previous: Certificate, issued: Certificate): CertificateChange[] {
  const views: Record<NamedField, (certificate: Certificate) => string> = {
    issuer: ({ issuer }) => issuer,
    keyAlgorithm: ({ keyAlgorithm }) => keyAlgorithm ?? "",
    keyUsage: ({ keyUsage }) => [...keyUsage].sort().join(", "),
    extendedKeyUsage: ({ extendedKeyUsage }) => [...extendedKeyUsage].sort().join(", "),
    certificatePolicies: ({ extensions }) =>
      hex(extensions.get(EXTENSION.certificatePolicies)?.value ?? new Uint8Array()),
  };
  const named = (Object.keys(views) as NamedField[]).map((field) => ({
    field,
    from: views[field](previous),
    to: views[field](issued),
  }));
  const oids = new Set([...previous.extensions.keys(), ...issued.extensions.keys()]);
  const others = [...oids]
    .filter((oid) => !NOT_LISTED.has(oid))
    .map((oid) => ({
      field: "extension" as const,
      oid,
      from: extensionText(previous.extensions.get(oid)),
      to: extensionText(issued.extensions.get(oid)),
    }));
  return [...named, ...others].filter(({ from, to }) => from !== to);
}

type NamedField = Exclude<CertificateChange["field"], "extension">;

function extensionText(extension: Extension | undefined): string {
  return extension ? `${extension.critical ? "critical," : ""}DER:${hex(extension.value)}` : "";
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");

function sameExtension(left: Certificate, right: Certificate, oid: string): boolean {
  const none = new Uint8Array();
  return bytesEqual(
    left.extensions.get(oid)?.value ?? none,
    right.extensions.get(oid)?.value ?? none,
  );
}
