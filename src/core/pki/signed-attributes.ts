import { createHash } from "node:crypto";
import type { Certificate } from "./certificate.js";
import {
  bytesEqual,
  context,
  type DerElement,
  DerReader,
  encode,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  readDer,
  readInteger,
  readOid,
  TAG,
} from "./der.js";
import { DerError } from "./der-error.js";
import { type Hash, hashNamedBy } from "./hashes.js";
import { encodeTime, readTime } from "./time.js";

/** RFC 5652 §11, RFC 5035 §3. */
const ATTRIBUTE = {
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
} as const;

export interface SignedAttributes {
  /** OID */
  readonly contentType: string;
  readonly messageDigest: Uint8Array;
  readonly signingTime: Date | undefined;
  /** SigningCertificateV2, as it stands. */
  readonly signingCertificate: DerElement | undefined;
}

/** SET OF Attribute: content-type, message-digest, signing-time, signing-certificate-v2. */
export function encodeSignedAttributes(attributes: {
  readonly contentType: string;
  readonly messageDigest: Uint8Array;
  readonly signingTime: Date;
  readonly certificate: Certificate;
}): Uint8Array {
  const attribute = (oid: string, value: Uint8Array): Uint8Array =>
    encodeSequence(encodeOid(oid), encodeSetOf([value]));
  return encodeSetOf([
    attribute(ATTRIBUTE.contentType, encodeOid(attributes.contentType)),
    attribute(ATTRIBUTE.messageDigest, encode(TAG.octetString, attributes.messageDigest)),
    attribute(ATTRIBUTE.signingTime, encodeTime(attributes.signingTime)),
    attribute(ATTRIBUTE.signingCertificateV2, encodeSigningCertificate(attributes.certificate)),
  ]);
}

/** @throws DerError when one is missing that RFC 5652 §5.3 wants, or one stands there twice */
export function readSignedAttributes(element: DerElement): SignedAttributes {
  const values = new Map<string, DerElement>();
  for (const attribute of new DerReader(element, element.tag).rest(TAG.sequence)) {
    const fields = new DerReader(attribute);
    const oid = readOid(fields.next());
    const set = fields.next(TAG.set);
    fields.end();
    if (values.has(oid)) throw new DerError(`signed attribute ${oid} stands there twice`);
    values.set(oid, set);
  }
  const valueOfAttribute = (name: keyof typeof ATTRIBUTE): DerElement | undefined => {
    const set = values.get(ATTRIBUTE[name]);
    if (set === undefined) return undefined;
    const reader = new DerReader(set, TAG.set);
    const value = reader.next();
    reader.end();
    return value;
  };
  const contentType = valueOfAttribute("contentType");
  const messageDigest = valueOfAttribute("messageDigest");
  const signingTime = valueOfAttribute("signingTime");
  if (contentType === undefined || messageDigest?.tag !== TAG.octetString) {
    throw new DerError("signed attributes without content-type or message-digest");
  }
  return {
    contentType: readOid(contentType),
    messageDigest: messageDigest.contents,
    signingTime: signingTime && readTime(signingTime),
    signingCertificate: valueOfAttribute("signingCertificateV2"),
  };
}

/**
 * Whether SigningCertificateV2 (RFC 5035 §3) names this certificate: by the first of its hashes, and by issuer and serial
 * number where they are there.
 */
export function namesSigningCertificate(element: DerElement, certificate: Certificate): boolean {
  const certs = new DerReader(new DerReader(element).next());
  const id = new DerReader(certs.next());
  const algorithm = id.optional(TAG.sequence);
  const hash: Hash | undefined = algorithm === undefined ? "sha256" : hashNamedBy(algorithm);
  const certHash = id.next(TAG.octetString).contents;
  const issuerSerial = id.optional(TAG.sequence);
  id.end();
  if (hash === undefined) return false;
  const digest = createHash(hash).update(certificate.der).digest();
  if (!bytesEqual(digest, certHash)) return false;
  return (
    issuerSerial === undefined || bytesEqual(issuerSerial.der, encodeIssuerSerial(certificate))
  );
}

/** ESSCertIDv2 with SHA-256, which is its default and so left out. */
function encodeSigningCertificate(certificate: Certificate): Uint8Array {
  const digest = createHash("sha256").update(certificate.der).digest();
  const id = encodeSequence(encode(TAG.octetString, digest), encodeIssuerSerial(certificate));
  return encodeSequence(encodeSequence(id));
}

/** IssuerSerial: the issuer as a directoryName among GeneralNames, and the serial number. */
function encodeIssuerSerial(certificate: Certificate): Uint8Array {
  const directoryName = encode(context(4), certificate.issuerDer);
  return encodeSequence(encodeSequence(directoryName), serialNumberDer(certificate));
}

/** The serial number's INTEGER as it stands in the certificate. */
export function serialNumberDer(certificate: Certificate): Uint8Array {
  const tbs = new DerReader(new DerReader(readDer(certificate.der)).next());
  tbs.optional(context(0));
  const serialNumber = tbs.next();
  readInteger(serialNumber);
  return serialNumber.der;
}
