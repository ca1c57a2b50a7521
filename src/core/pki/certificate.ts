import { createHash } from "node:crypto";
import type { KeyAlgorithm } from "../domain/key-algorithm.js";
import { keyAlgorithmOf } from "./algorithms.js";
import {
  bytesEqual,
  context,
  contextPrimitive,
  type DerElement,
  DerReader,
  readDer,
  readInteger,
  readOctetAlignedBits,
  readOid,
  readSmallInteger,
  TAG,
} from "./der.js";
import { DerError } from "./der-error.js";
import {
  EXTENSION,
  type Extension,
  type Extensions,
  type KeyUsage,
  readExtensionFacts,
  readExtensions,
} from "./extensions.js";
import { nameToString } from "./name.js";
import { readTime } from "./time.js";

export type { Extension, KeyUsage } from "./extensions.js";

/** An X.509 certificate (RFC 5280 §4.1). Shared between all who read the same bytes: do not write into its arrays. */
export interface Certificate {
  readonly der: Uint8Array;
  /** Of the DER, lower-case hexadecimal. */
  readonly sha256: string;
  /** RFC 4514, for people. */
  readonly subject: string;
  /** For comparison. */
  readonly subjectDer: Uint8Array;
  readonly issuer: string;
  readonly issuerDer: Uint8Array;
  /** Upper-case hexadecimal in whole octets, as OpenSSL prints it. */
  readonly serialNumber: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** `undefined`: a key that is in no row of our table. */
  readonly keyAlgorithm: KeyAlgorithm | undefined;
  /** Empty as well where the extension is absent, which permits everything: see {@link permitsKeyUsage}. */
  readonly keyUsage: readonly KeyUsage[];
  /** OIDs. */
  readonly extendedKeyUsage: readonly string[];
  /** basicConstraints. */
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  /** Key identifiers in lower-case hexadecimal. */
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly signatureAlgorithmOid: string;
}

/** What the issuer signed, and how: for `verify.ts`. */
export interface CertificateSignature {
  /** TBSCertificate as transmitted. */
  readonly signed: Uint8Array;
  readonly algorithm: DerElement;
  readonly value: Uint8Array;
}

const MAX_BYTES = 64 * 1024;
const CACHE_SIZE = 1024;
const cache = new Map<string, Certificate>();

/**
 * Reads a certificate in DER. Whether it can be trusted is `verifyChain`'s business.
 * @throws DerError when it is not one
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_BYTES) throw new DerError("a certificate of more than 64 KiB");
  const sha256 = sha256Hex(der);
  // Least recently used first: a hit moves to the end.
  const certificate = cache.get(sha256) ?? readCertificate(new Uint8Array(der), sha256);
  cache.delete(sha256);
  cache.set(sha256, certificate);
  for (const oldest of cache.keys()) {
    if (cache.size <= CACHE_SIZE) break;
    cache.delete(oldest);
  }
  return certificate;
}

/** Whether the bytes can be read as a certificate. */
export function isCertificate(der: Uint8Array): boolean {
  try {
    parseCertificate(der);
    return true;
  } catch {
    return false;
  }
}

/** The parts of a certificate's signature. @throws DerError */
export function signatureOf(der: Uint8Array): CertificateSignature {
  const fields = new DerReader(readDer(der));
  const signed = fields.next(TAG.sequence).der;
  const algorithm = fields.next(TAG.sequence);
  const value = readOctetAlignedBits(fields.next());
  fields.end();
  return { signed, algorithm, value };
}

/** Whether the key may be used so: keyUsage names it, or is absent (RFC 5280 §4.2.1.3). */
export function permitsKeyUsage(certificate: Certificate, usage: KeyUsage): boolean {
  return !certificate.extensions.has(EXTENSION.keyUsage) || certificate.keyUsage.includes(usage);
}

const OPENING = ["keyEncipherment", "dataEncipherment", "keyAgreement"] as const;

/** Whether files may be encrypted to it, which its key then opens (RFC 5280 §4.2.1.3). */
export function opensFiles(certificate: Certificate): boolean {
  return OPENING.some((usage) => permitsKeyUsage(certificate, usage));
}

/** SHA-256 as 64 lower-case hexadecimal digits. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Textual encoding (RFC 7468). `label`: `CERTIFICATE`, `CERTIFICATE REQUEST`, `CMS` … */
export function toPem(der: Uint8Array, label: string): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/**
 * Every block of a textual encoding (RFC 7468), in order, whatever its label; what stands between them is skipped.
 * @throws DerError when a block does not end or is not base64
 */
export function fromPem(text: string): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (const section of text.split("-----BEGIN ").slice(1)) {
    const [, label, base64] =
      /^([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/.exec(section) ?? [];
    if (label === undefined || base64 === undefined) throw new DerError("a malformed PEM block");
    blocks.push(new Uint8Array(Buffer.from(base64, "base64")));
  }
  return blocks;
}

function readCertificate(der: Uint8Array, sha256: string): Certificate {
  const { signed, algorithm } = signatureOf(der);
  const fields = new DerReader(readDer(signed));
  const version = fields.optional(context(0));
  const serialNumber = readInteger(fields.next());
  // RFC 5280 §4.1.1.2: what was signed and what stands beside the signature name the same algorithm.
  if (!bytesEqual(fields.next().der, algorithm.der)) {
    throw new DerError("two different signature algorithms");
  }
  const issuer = fields.next(TAG.sequence);
  const validity = new DerReader(fields.next());
  const subject = fields.next(TAG.sequence);
  const spki = fields.next(TAG.sequence).der;
  fields.optional(contextPrimitive(1));
  fields.optional(contextPrimitive(2));
  const extensions = readExtensionField(fields.optional(context(3)));
  fields.end();
  if (version !== undefined && readSmallInteger(new DerReader(version, context(0)).next()) > 2) {
    throw new DerError("a certificate of an unknown version");
  }
  const certificate: Certificate = {
    der,
    sha256,
    subject: nameToString(subject),
    subjectDer: subject.der,
    issuer: nameToString(issuer),
    issuerDer: issuer.der,
    serialNumber: serialNumberToString(serialNumber),
    notBefore: readTime(validity.next()),
    notAfter: readTime(validity.next()),
    spki,
    keyAlgorithm: keyAlgorithmOf(spki),
    ...readExtensionFacts(extensions),
    extensions,
    signatureAlgorithmOid: readOid(new DerReader(algorithm).next()),
  };
  validity.end();
  return certificate;
}

function readExtensionField(field: DerElement | undefined): Extensions {
  if (field === undefined) return new Map();
  const contents = new DerReader(field, context(3));
  const extensions = readExtensions(contents.next());
  contents.end();
  return extensions;
}

/** Upper-case hexadecimal in whole octets, as OpenSSL prints it, of a serial number's INTEGER. */
export function serialNumberToString(octets: Uint8Array): string {
  const digits = Buffer.from(octets).toString("hex").toUpperCase();
  if ((octets[0] ?? 0) < 0x80) return digits.length > 2 ? digits.replace(/^00/, "") : digits;
  const magnitude = (1n << BigInt(octets.length * 8)) - BigInt(`0x${digits}`);
  const negative = magnitude.toString(16).toUpperCase();
  return `-${negative.padStart(negative.length + (negative.length % 2), "0")}`;
}
