import { assessEligibility, type Eligibility } from "./eligibility.js";
import { type Certificate, parseCertificate } from "./pki/certificate.js";
import { bytesEqual } from "./pki/der.js";
import type { Token, TokenCertificate, TokenContents } from "./ports/driver.js";
import { summarize } from "./summaries.js";
import type { CertificateSummary } from "./views.js";

/** The unit of renewal: a signing certificate on a token, with the encryption certificate that belongs to it. */
export interface Credential {
  readonly token: Token;
  readonly signing: CertificateSummary;
  readonly encryption: CertificateSummary | undefined;
  /** Whether the signing certificate's private key was seen; `unknown` before login on most tokens, and renewable. */
  readonly privateKey: TokenCertificate["privateKey"];
  readonly eligibility: Eligibility;
  /** The renewal of this certificate in the client's store, when one is under way. */
  readonly renewalId: string | undefined;
}

interface Held {
  readonly object: TokenCertificate;
  readonly certificate: Certificate;
}

const ENCRYPTION_USAGES = ["keyEncipherment", "dataEncipherment", "keyAgreement"] as const;
const SIGNING_USAGES = ["digitalSignature", "nonRepudiation"] as const;

/** Every credential on the tokens, soonest to end first. CA certificates and objects that are no certificate are no one's. */
export function toCredentials(
  contents: readonly TokenContents[],
  renewalIdOf: (sha256: string) => string | undefined,
  now: Date,
): Credential[] {
  const credentials = contents.flatMap(({ token, certificates }) => {
    const held = certificates.flatMap(read);
    const encryption = held.filter(({ certificate }) => isEncryptionOnly(certificate));
    return held
      .filter(({ certificate }) => !isEncryptionOnly(certificate))
      .map(({ object, certificate }) => {
        const renewalId = renewalIdOf(certificate.sha256);
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
            renewalInProgress: renewalId !== undefined,
            tokenCount: contents.length,
            superseded: held.some((other) => supersedes(other.certificate, certificate)),
            now,
          }),
          renewalId,
        };
      });
  });
  return credentials.sort(
    (left, right) => left.signing.notAfter.getTime() - right.signing.notAfter.getTime(),
  );
}

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
