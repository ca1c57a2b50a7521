import { type Certificate, parseCertificate, toPem } from "../pki/certificate.js";
import { DerError } from "../pki/der-error.js";
import { type VerifiedData, verifySignedData } from "../pki/signed-data.js";
import { isNamedIn, openMessage } from "./openssl.js";
import { ABOUT, type Bilingual, TITLE } from "./texts.js";

/** A file of the archive. */
export interface EvidenceFile {
  /** Its path in the archive. */
  readonly name: string;
  readonly mediaType: string;
  /** What it is, in plain words. */
  readonly about: Bilingual;
  readonly content: Uint8Array;
}

/** What belongs into the archive and is not there. */
export interface AbsentEvidence {
  readonly name: string;
  readonly about: Bilingual;
  readonly reason: Bilingual;
}

/** What can be verified, and by which commands. Without commands: what the archive does not show. */
export interface Check {
  readonly title: Bilingual;
  readonly commands: readonly string[];
}

/** A certificate that signed something here or is the subject of it, and the time for which its chain is looked at. */
export interface CollectedSigner {
  readonly name: string;
  readonly certificate: Certificate;
  readonly at: Date;
}

interface MessageSpec {
  readonly name: string;
  /** Where the command of README.txt puts what was signed. */
  readonly opened: string;
  readonly about: Bilingual;
  /** Why it is not there, where it is not. */
  readonly absent: Bilingual;
}

/** What was signed, in the file that a command puts it in. */
export interface OpenedMessage {
  readonly name: string;
  readonly content: Uint8Array;
}

/** What another file names by its SHA-256, and the command that prints that. */
export interface LinkTarget {
  readonly name: string;
  readonly sha256: string;
  readonly command: string;
}

/** What goes into the archive, as it comes together. */
export interface Collection {
  readonly files: readonly EvidenceFile[];
  readonly absent: readonly AbsentEvidence[];
  readonly checks: readonly Check[];
  readonly signers: readonly CollectedSigner[];
  /** Certificates that came along with messages. */
  readonly passengers: readonly Uint8Array[];
  file(name: string, mediaType: string, about: Bilingual, content: Uint8Array | string): void;
  missing(name: string, about: Bilingual, reason: Bilingual): void;
  check(title: Bilingual, ...commands: readonly string[]): void;
  /** Adds a certificate as PEM, once. */
  certificate(der: Uint8Array, name: string, about: Bilingual, at: Date): void;
  /** Adds a CMS SignedData with its signer's certificate and its check; names it as absent where there is none. */
  message(der: Uint8Array | undefined, spec: MessageSpec): OpenedMessage | undefined;
  /** A message that was inside another one: no file of its own. */
  opened(outer: OpenedMessage, opened: string): OpenedMessage | undefined;
  /** The check that one names the other, or that it does not. */
  link(file: OpenedMessage, target: LinkTarget): void;
}

export const MEDIA_TYPE = {
  cms: "application/pkcs7-mime",
  request: "application/pkcs10",
  certificates: "application/pem-certificate-chain",
  publicKey: "application/x-pem-file",
  json: "application/json",
  text: "text/plain; charset=utf-8",
  octets: "application/octet-stream",
} as const;

/** `at`: for signatures that do not tell their time. */
export function createCollection({ at }: { readonly at: Date }): Collection {
  const files: EvidenceFile[] = [];
  const absent: AbsentEvidence[] = [];
  const checks: Check[] = [];
  const signers = new Map<string, CollectedSigner>();
  const passengers: Uint8Array[] = [];

  const collection: Collection = {
    files,
    absent,
    checks,
    passengers,
    get signers() {
      return [...signers.values()];
    },
    file(name, mediaType, about, content) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      files.push({ name, mediaType, about, content: bytes });
    },
    missing(name, about, reason) {
      absent.push({ name, about, reason });
    },
    check(title, ...commands) {
      checks.push({ title, commands });
    },
    certificate(der, name, about, time) {
      const certificate = parseCertificate(der);
      if (signers.has(certificate.sha256)) return;
      signers.set(certificate.sha256, { name, certificate, at: time });
      collection.file(name, MEDIA_TYPE.certificates, about, toPem(der, "CERTIFICATE"));
    },
    message(der, { name, opened, about, absent: reason }) {
      if (!der) {
        collection.missing(name, about, reason);
        return undefined;
      }
      collection.file(name, MEDIA_TYPE.cms, about, der);
      return collection.opened({ name, content: der }, opened);
    },
    opened({ name, content: der }, opened) {
      const verified = verify(der);
      if (!verified) {
        collection.check(TITLE.unverified(name));
        return undefined;
      }
      const signer = signerOf(verified);
      collection.check(TITLE.signed(name, signer), openMessage(name, signer, opened));
      return { name: opened, content: verified.content };
    },
    link({ name, content }, target) {
      const isNamed = Buffer.from(content).includes(target.sha256);
      if (isNamed)
        collection.check(TITLE.names(name, target.name), isNamedIn(target.command, name));
      else collection.check(TITLE.doesNotName(name, target.name));
    },
  };

  function signerOf({ signerCertificate, signingTime, certificates }: VerifiedData): string {
    const { der, sha256 } = signerCertificate;
    const name = `certificates/signer-${sha256.slice(0, 16)}.pem`;
    passengers.push(...certificates);
    collection.certificate(der, name, ABOUT.signer, signingTime ?? at);
    return signers.get(sha256)?.name ?? name;
  }

  return collection;
}

/** It was read when it came in; it may be another transport's than ours. */
function verify(der: Uint8Array): VerifiedData | undefined {
  try {
    return verifySignedData(der, { maxBytes: der.length });
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}
