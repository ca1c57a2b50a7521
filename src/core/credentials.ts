import { assessEligibility, type Eligibility, type EligibilityFacts } from "./eligibility.js";
import { type Certificate, parseCertificate } from "./pki/certificate.js";
import { bytesEqual } from "./pki/der.js";
import type { Token, TokenCertificate, TokenContents } from "./ports/driver.js";
import { summarize } from "./summaries.js";
import type { CertificateSummary } from "./views.js";

/** The unit of renewal: a signing certificate on a token, with the encryption certificate that belongs to it. */
export interface Credential {
  readonly token: Token;
  readonly signing: CertificateSummary;
  /** The newest certificate of the same holder and issuer on this token that only encrypts. */
  readonly encryption: CertificateSummary | undefined;
  /** Whether the signing certificate's private key was seen; `unknown` before login on most tokens, and renewable. */
  readonly privateKey: TokenCertificate["privateKey"];
  readonly eligibility: Eligibility;
  /** The renewal of this certificate in the client's store, under way or completed. */
  readonly renewalId: string | undefined;
}

/** What a store knows of a certificate's renewal. */
export interface KnownRenewal {
  /** `undefined` where it cannot be read. */
  readonly id: string | undefined;
  readonly progress: Exclude<EligibilityFacts["renewal"], "none">;
}

interface Held {
  readonly object: TokenCertificate;
  readonly certificate: Certificate;
}

const ENCRYPTION_USAGES = ["keyEncipherment", "dataEncipherment", "keyAgreement"] as const;
const SIGNING_USAGES = ["digitalSignature", "nonRepudiation"] as const;

/**
 * Every credential on the tokens: soonest to end first, and after all others those beside which a newer one of the same
 * holder stands. CA certificates and objects that are no certificate are no one's.
 */
export function toCredentials(
  contents: readonly TokenContents[],
  renewalOf: (sha256: string) => KnownRenewal | undefined,
  now: Date,
): Credential[] {
  const credentials = contents.flatMap(({ token, certificates }) => {
    const held = certificates.flatMap(read);
    const encryption = held.filter(({ certificate }) => isEncryptionOnly(certificate));
    return held
      .filter(({ certificate }) => !isEncryptionOnly(certificate))
      .map(({ object, certificate }) => {
        const renewal = renewalOf(certificate.sha256);
        const partner = newest(
          encryption.filter((other) => sameHolder(other.certificate, certificate)),
        );
        return {
          token,
          signing: summarize(object),
          encryption: partner && summarize(partner.object),
          privateKey: object.privateKey,
          eligibility: assessEligibility({
            token,
            certificate,
            privateKey: object.privateKey,
            renewal: renewal?.progress ?? "none",
            tokenCount: contents.length,
            superseded: held.some((other) => supersedes(other.certificate, certificate)),
            now,
          }),
          renewalId: renewal?.id,
        };
      });
  });
  return credentials.sort(
    (left, right) =>
      Number(isSuperseded(left)) - Number(isSuperseded(right)) ||
      left.signing.notAfter.getTime() - right.signing.notAfter.getTime(),
  );
}

const isSuperseded = ({ eligibility }: Credential) => eligibility.warnings.includes("superseded");

function read(object: TokenCertificate): Held[] {
  try {
    const certificate = parseCertificate(object.der);
    return certificate.isCa ? [] : [{ object, certificate }];
  } catch {
    // One object that is no certificate must not hide the others.
    return [];
  }
}

/** Dual certificates: the one for encryption has no signing usage. Without a keyUsage extension a certificate signs. */
function isEncryptionOnly({ keyUsage }: Certificate): boolean {
  const has = (usages: readonly string[]) =>
    usages.some((usage) => keyUsage.includes(usage as never));
  return has(ENCRYPTION_USAGES) && !has(SIGNING_USAGES);
}

function sameHolder(left: Certificate, right: Certificate): boolean {
  return (
    bytesEqual(left.subjectDer, right.subjectDer) && bytesEqual(left.issuerDer, right.issuerDer)
  );
}

function supersedes(other: Certificate, certificate: Certificate): boolean {
  return (
    !isEncryptionOnly(other) &&
    sameHolder(other, certificate) &&
    other.notAfter > certificate.notAfter
  );
}

function newest(held: readonly Held[]): Held | undefined {
  return [...held].sort(
    (left, right) => right.certificate.notAfter.getTime() - left.certificate.notAfter.getTime(),
  )[0];
}
