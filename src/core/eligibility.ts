import { signatureAlgorithmsFor } from "./pki/algorithms.js";
import type { Certificate } from "./pki/certificate.js";
import type { Token, TokenCertificate } from "./ports/driver.js";
import { estimateReviewEnd } from "./schedule.js";

/** Why a certificate cannot be renewed. */
export type IneligibilityReason =
  /** Past its notAfter: the counter and the hotline help; what was applied for before can still be followed and installed. */
  | "expired"
  | "not-yet-valid"
  /** Its private key was looked for, and is not on the token. Where it cannot be looked for, that is no reason. */
  | "no-private-key"
  | "unsupported-algorithm"
  /** See `credential.renewalId`; it is `undefined` where the store cannot tell which. */
  | "renewal-in-progress"
  /** Its renewal, `credential.renewalId`, is completed: the new certificate is the one to renew when its time comes. */
  | "already-renewed"
  | "pin-locked";

/** What the holder should know first. The certificate is renewable all the same. */
export type EligibilityWarning =
  /** More than one token is plugged in: the guide asks for one. */
  | "several-tokens"
  /** A review of three working days would end after the certificate does. */
  | "review-may-outlast-validity"
  /** A newer certificate of the same subject and issuer stands on the token. */
  | "superseded";

/** Whether a certificate can be renewed, as far as can be seen here. The RA's verdict comes with its offer. */
export interface Eligibility {
  readonly renewable: boolean;
  readonly reasons: readonly IneligibilityReason[];
  readonly warnings: readonly EligibilityWarning[];
}

export interface EligibilityFacts {
  readonly token: Token;
  readonly certificate: Certificate;
  readonly privateKey: TokenCertificate["privateKey"];
  /** Of its renewal in the store, which may be under way or completed. */
  readonly renewal: "none" | "in-progress" | "completed";
  readonly tokenCount: number;
  readonly superseded: boolean;
  readonly now: Date;
}

export function assessEligibility(facts: EligibilityFacts): Eligibility {
  const { token, certificate, now } = facts;
  const { notBefore, notAfter } = certificate;
  const reasons: readonly (readonly [IneligibilityReason, boolean])[] = [
    ["expired", notAfter <= now],
    ["not-yet-valid", notBefore > now],
    ["no-private-key", facts.privateKey === "absent"],
    ["unsupported-algorithm", !canSign(token, certificate)],
    ["renewal-in-progress", facts.renewal === "in-progress"],
    ["already-renewed", facts.renewal === "completed"],
    ["pin-locked", token.pinState === "locked"],
  ];
  const warnings: readonly (readonly [EligibilityWarning, boolean])[] = [
    ["several-tokens", facts.tokenCount > 1],
    ["review-may-outlast-validity", notAfter > now && estimateReviewEnd(now) > notAfter],
    ["superseded", facts.superseded],
  ];
  const found = holding(reasons);
  return { renewable: found.length === 0, reasons: found, warnings: holding(warnings) };
}

function holding<T>(rows: readonly (readonly [T, boolean])[]): readonly T[] {
  return rows.filter(([, holds]) => holds).map(([name]) => name);
}

function canSign(token: Token, { keyAlgorithm }: Certificate): boolean {
  if (!keyAlgorithm) return false;
  return signatureAlgorithmsFor(keyAlgorithm).some((name) =>
    token.signatureAlgorithms.includes(name),
  );
}
