import type { StepContext } from "../context.js";
import { type Problem, RenewalError } from "../errors.js";
import { type Certificate, parseCertificate } from "../pki/certificate.js";
import { bytesEqual } from "../pki/der.js";
import { verifyChain } from "../pki/verify.js";
import type { Issued } from "../ports/transport.js";
import type { CollectedCertificate } from "../record.js";
import type { CertificateChange } from "../views.js";
import { termOf } from "./apply.js";

/** RFC 5280 §4.2.1.6 and §4.2.1.4. */
const SUBJECT_ALT_NAME = "2.5.29.17";
const CERTIFICATE_POLICIES = "2.5.29.32";

/**
 * Whether what the RA issued is what was agreed. Nothing was written so far, and nothing is if it is not.
 * @throws ERR_RA_RESPONSE (no certificate), ERR_ISSUED_WRONG_KEY, ERR_ISSUED_UNTRUSTED, ERR_ISSUED_MISMATCH
 */
export function verifyIssued(context: StepContext, issued: Issued): CollectedCertificate {
  const { record, runtime } = context;
  const previous = parseCertificate(record.previous.der);
  const certificate = parseIssued(issued.certificate);
  const { requestedKey } = record.application;
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
    confirmBy: issued.confirmBy,
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
    sameExtension(issued, previous, SUBJECT_ALT_NAME),
    "/subjectAltName",
    "is not that of the previous certificate",
  );
  expect(
    issued.serialNumber !== previous.serialNumber,
    "/serialNumber",
    "is that of the previous certificate",
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
  const views: Record<CertificateChange["field"], (certificate: Certificate) => string> = {
    issuer: ({ issuer }) => issuer,
    keyAlgorithm: ({ keyAlgorithm }) => keyAlgorithm ?? "",
    keyUsage: ({ keyUsage }) => [...keyUsage].sort().join(", "),
    extendedKeyUsage: ({ extendedKeyUsage }) => [...extendedKeyUsage].sort().join(", "),
    certificatePolicies: ({ extensions }) =>
      Buffer.from(extensions.get(CERTIFICATE_POLICIES)?.value ?? []).toString("hex"),
  };
  return (Object.keys(views) as CertificateChange["field"][])
    .map((field) => ({ field, from: views[field](previous), to: views[field](issued) }))
    .filter(({ from, to }) => from !== to);
}

function sameExtension(left: Certificate, right: Certificate, oid: string): boolean {
  const none = new Uint8Array();
  return bytesEqual(
    left.extensions.get(oid)?.value ?? none,
    right.extensions.get(oid)?.value ?? none,
  );
}
