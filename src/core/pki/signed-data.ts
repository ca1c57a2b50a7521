import { createHash } from "node:crypto";
import type { SignatureAlgorithm } from "../domain/key-algorithm.js";
import type { Signer } from "../ports/transport.js";
import {
  hashOf,
  signatureAlgorithmOf,
  signatureIdentifier,
  verifySignature,
} from "./algorithms.js";
import { type Certificate, parseCertificate, permitsKeyUsage } from "./certificate.js";
import {
  bytesEqual,
  context,
  contextPrimitive,
  type DerElement,
  DerReader,
  encode,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeUnsigned,
  readDer,
  readOid,
  readSmallInteger,
  retag,
  TAG,
} from "./der.js";
import { DerError } from "./der-error.js";
import { type Hash, hashIdentifier, hashNamedBy } from "./hashes.js";
import {
  encodeSignedAttributes,
  namesSigningCertificate,
  readSignedAttributes,
  type SignedAttributes,
  serialNumberDer,
} from "./signed-attributes.js";
import { chooseAlgorithm, signWith } from "./signer.js";

export interface SignDataOptions {
  readonly content: Uint8Array;
  readonly signer: Signer & { readonly certificate: Uint8Array };
  readonly signingTime: Date;
  /** Default: the signer's first one. */
  readonly algorithm?: SignatureAlgorithm | undefined;
  /** To go along beside the signer's own: intermediates, DER. */
  readonly certificates?: readonly Uint8Array[] | undefined;
}

export interface VerifySignedDataOptions {
  /** Of the whole message; default 1 MiB. */
  readonly maxBytes?: number | undefined;
  /** Refuses a message without the signing-certificate-v2 attribute; where it is there, it is always checked. */
  readonly requireSigningCertificate?: boolean | undefined;
}

export interface VerifiedData {
  readonly content: Uint8Array;
  /** Whose key signed. Not yet trusted: that is `verifyChain`'s business. */
  readonly signerCertificate: Certificate;
  /** As the signer claims. */
  readonly signingTime: Date | undefined;
  /** All that came along, the signer's own included. */
  readonly certificates: readonly Uint8Array[];
  readonly signatureAlgorithm: SignatureAlgorithm;
}

const SIGNED_DATA = "1.2.840.113549.1.7.2";
const DATA = "1.2.840.113549.1.7.1";
const MAX_BYTES = 1024 * 1024;
const MAX_CERTIFICATES = 32;

/**
 * A CMS SignedData (RFC 5652 §5) around its content, in DER, with one signature of the signer's over content-type,
 * message-digest, signing-time and signing-certificate-v2 (RFC 5035).
 * @throws DerError when the signer's certificate is not that of its key; whatever `signer.sign` throws
 */
export async function signData(options: SignDataOptions): Promise<Uint8Array> {
  const { content, signer, signingTime } = options;
  const certificate = parseCertificate(signer.certificate);
  if (!bytesEqual(certificate.spki, signer.spki)) {
    throw new DerError("the signer's certificate is for another key");
  }
  const algorithm = chooseAlgorithm(signer, options.algorithm);
  const hash = hashOf(algorithm);
  const messageDigest = digest(hash, content);
  const attributes = encodeSignedAttributes({
    contentType: DATA,
    messageDigest,
    signingTime,
    certificate,
  });
  const signature = await signWith(signer, algorithm, attributes);
  const signerInfo = encodeSequence(
    encodeUnsigned(Uint8Array.of(1)),
    encodeSequence(certificate.issuerDer, serialNumberDer(certificate)),
    hashIdentifier(hash),
    retag(attributes, context(0)),
    signatureIdentifier(algorithm),
    encode(TAG.octetString, signature),
  );
  const certificates = [certificate.der, ...(options.certificates ?? [])];
  const signedData = encodeSequence(
    encodeUnsigned(Uint8Array.of(1)),
    encodeSetOf([hashIdentifier(hash)]),
    encodeSequence(encodeOid(DATA), encode(context(0), encode(TAG.octetString, content))),
    encodeSetOf(certificates, context(0)),
    encodeSetOf([signerInfo]),
  );
  return encodeSequence(encodeOid(SIGNED_DATA), encode(context(0), signedData));
}

/**
 * Reads a CMS SignedData with its content and exactly one signer, and checks what the signer signed: message digest,
 * signature over the signed attributes as transmitted, and signing-certificate-v2. Whether the signer can be trusted is
 * not decided here.
 * @throws DerError when it is not one, or not valid; `message` says why
 */
export function verifySignedData(
  der: Uint8Array,
  options: VerifySignedDataOptions = {},
): VerifiedData {
  const { maxBytes = MAX_BYTES, requireSigningCertificate = false } = options;
  if (der.length > maxBytes) throw new DerError(`a message of more than ${maxBytes} bytes`);
  const { content, certificates, signerInfo } = readSignedData(new Uint8Array(der));
  const signerCertificate = certificates.find(signerInfo.isSigner);
  if (signerCertificate === undefined) throw new DerError("the signer's certificate is missing");
  const { attributes, hash, signatureAlgorithm } = signerInfo;
  if (attributes.contentType !== DATA) throw new DerError("content-type names another type");
  if (!bytesEqual(attributes.messageDigest, digest(hash, content))) {
    throw new DerError("the content is not what was signed");
  }
  if (attributes.signingCertificate === undefined) {
    if (requireSigningCertificate) throw new DerError("signing-certificate-v2 is missing");
  } else if (!namesSigningCertificate(attributes.signingCertificate, signerCertificate)) {
    throw new DerError("signing-certificate-v2 names another certificate");
  }
  // The key of an encryption certificate may be in escrow: its signature proves nothing.
  if (!maySign(signerCertificate))
    throw new DerError("the signer's certificate is not for signatures");
  const { signed, signature } = signerInfo;
  if (!verifySignature(signerCertificate.spki, signatureAlgorithm, signed, signature)) {
    throw new DerError("the signature is not valid");
  }
  return {
    content,
    signerCertificate,
    signingTime: attributes.signingTime,
    certificates: certificates.map((certificate) => certificate.der),
    signatureAlgorithm,
  };
}

interface SignerInfo {
  readonly isSigner: (certificate: Certificate) => boolean;
  readonly hash: Hash;
  readonly attributes: SignedAttributes;
  /** The signed attributes as they were hashed: a SET OF, not `[0]` (RFC 5652 §5.4). */
  readonly signed: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

function readSignedData(der: Uint8Array): {
  content: Uint8Array;
  certificates: Certificate[];
  signerInfo: SignerInfo;
} {
  const contentInfo = new DerReader(readDer(der));
  if (readOid(contentInfo.next()) !== SIGNED_DATA) throw new DerError("not a SignedData");
  const explicit = new DerReader(contentInfo.next(), context(0));
  contentInfo.end();
  const fields = new DerReader(explicit.next());
  explicit.end();
  readVersion(fields.next());
  fields.next(TAG.set);
  const content = readContent(fields.next());
  const certificateSet = fields.optional(context(0));
  fields.optional(context(1));
  const signerInfos = new DerReader(fields.next(), TAG.set);
  fields.end();
  const signerInfo = readSignerInfo(signerInfos.next());
  if (!signerInfos.done) throw new DerError("more than one signer");
  return { content, certificates: readCertificates(certificateSet), signerInfo };
}

function readContent(element: DerElement): Uint8Array {
  const fields = new DerReader(element);
  if (readOid(fields.next()) !== DATA) throw new DerError("a content of another type");
  const explicit = new DerReader(fields.optional(context(0)), context(0));
  fields.end();
  const content = explicit.next(TAG.octetString).contents;
  explicit.end();
  return content;
}

function readCertificates(set: DerElement | undefined): Certificate[] {
  if (set === undefined) return [];
  // Of the other choices, attribute certificates and such, none is of use here.
  const elements = new DerReader(set, context(0)).rest().filter(({ tag }) => tag === TAG.sequence);
  if (elements.length > MAX_CERTIFICATES) throw new DerError("too many certificates");
  return elements.map(({ der }) => parseCertificate(der));
}

function readSignerInfo(element: DerElement): SignerInfo {
  const fields = new DerReader(element);
  readVersion(fields.next());
  const isSigner = readSignerIdentifier(fields.next());
  const hash = hashNamedBy(fields.next());
  const attributes = fields.optional(context(0));
  const algorithmIdentifier = fields.next();
  const signature = fields.next(TAG.octetString).contents;
  fields.optional(context(1));
  fields.end();
  const algorithm = hash && signatureAlgorithmOf(algorithmIdentifier, hash);
  if (hash === undefined || algorithm === undefined || hashOf(algorithm) !== hash) {
    throw new DerError("a digest or signature algorithm that is not accepted");
  }
  if (attributes === undefined) throw new DerError("signed attributes are missing");
  return {
    isSigner,
    hash,
    attributes: readSignedAttributes(attributes),
    signed: retag(attributes.der, TAG.set),
    signatureAlgorithm: algorithm,
    signature,
  };
}

/** SignerIdentifier: issuer and serial number, or `[0]` subject key identifier. */
function readSignerIdentifier(element: DerElement): (certificate: Certificate) => boolean {
  if (element.tag === contextPrimitive(0)) {
    const keyId = Buffer.from(element.contents).toString("hex");
    return (certificate) => certificate.subjectKeyId === keyId;
  }
  const fields = new DerReader(element);
  const issuer = fields.next(TAG.sequence).der;
  const serialNumber = fields.next(TAG.integer).der;
  fields.end();
  return (certificate) =>
    bytesEqual(certificate.issuerDer, issuer) &&
    bytesEqual(serialNumberDer(certificate), serialNumber);
}

/** CMSVersion: 1, 3, 4 and 5 differ in what may be inside, which is read as it comes. */
function readVersion(element: DerElement): void {
  if (readSmallInteger(element) > 5) throw new DerError("a CMS of an unknown version");
}

function maySign(certificate: Certificate): boolean {
  return (
    permitsKeyUsage(certificate, "digitalSignature") ||
    permitsKeyUsage(certificate, "nonRepudiation")
  );
}

function digest(hash: Hash, content: Uint8Array): Uint8Array {
  return createHash(hash).update(content).digest();
}
