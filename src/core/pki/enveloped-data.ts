import type { DecryptionAlgorithm } from "../domain/key-algorithm.js";
import { type BerHeader, berHeaderAt, berToDer } from "./ber.js";
import { serialNumberToString } from "./certificate.js";
import {
  context,
  contextPrimitive,
  type DerElement,
  DerReader,
  readDer,
  readInteger,
  readOid,
  readSmallInteger,
  TAG,
} from "./der.js";
import { DerError } from "./der-error.js";
import { keyEncryptionOf } from "./key-encryption.js";

/** Which certificate a CMS envelope names (RFC 5652 §6.2.1 RecipientIdentifier). */
export type RecipientIdentifier =
  | {
      /** The issuer's Name as it stands in the certificate, DER. */
      readonly issuer: Uint8Array;
      /** Hexadecimal. */
      readonly serialNumber: string;
    }
  /** Hexadecimal. */
  | { readonly subjectKeyIdentifier: string };

/** To whom an envelope is addressed, and how the content's key reaches the recipient (RFC 5652 §6.2). */
export type RecipientInfo =
  | {
      /** ktri: the content's key is encrypted to the recipient's RSA key. */
      readonly kind: "key-transport";
      readonly identifier: RecipientIdentifier;
      /** `undefined`: in no row of our table. */
      readonly keyEncryption: DecryptionAlgorithm | undefined;
      readonly encryptedKey: Uint8Array;
    }
  /** kari: it is agreed upon with the recipient's EC key. */
  | { readonly kind: "key-agreement"; readonly identifier: RecipientIdentifier }
  /** kekri, pwri, ori: it takes no certificate, but a shared key, a password, or something else. */
  | { readonly kind: "unsupported" };

/** RFC 5652 §6.1, RFC 5083 §2.1. */
const ENVELOPES: ReadonlySet<string> = new Set([
  "1.2.840.113549.1.7.3",
  "1.2.840.113549.1.9.16.1.23",
]);

/** Beyond this no recipients are looked for. The content, which comes after them, may be of any size. */
const MAX_BYTES = 1024 * 1024;
const MAX_RECIPIENTS = 1024;

/**
 * The recipients of a CMS EnvelopedData or AuthEnvelopedData, in DER or as a stream in BER; also of a SET OF RecipientInfo
 * alone. Nothing after the recipients is read, so the beginning of a large envelope is enough.
 * @throws DerError when it is none of these
 */
export function readRecipientInfos(envelope: Uint8Array): readonly RecipientInfo[] {
  const bytes = envelope.subarray(0, MAX_BYTES);
  const set = bytes[0] === TAG.set ? bareSet(bytes, envelope.length) : setInEnvelope(bytes);
  const recipients = new DerReader(readDer(set), TAG.set).rest().flatMap(readRecipientInfo);
  if (recipients.length === 0) throw new DerError("no recipients");
  if (recipients.length > MAX_RECIPIENTS) throw new DerError("too many recipients");
  return recipients;
}

function bareSet(bytes: Uint8Array, length: number): Uint8Array {
  const { der, next } = berToDer(bytes, 0);
  if (next !== length) throw new DerError("bytes after the end of the structure");
  return der;
}

function setInEnvelope(bytes: Uint8Array): Uint8Array {
  const contentInfo = enter(bytes, 0, TAG.sequence);
  const contentType = berToDer(bytes, contentInfo.start);
  if (!ENVELOPES.has(readOid(readDer(contentType.der)))) {
    throw new DerError("neither an EnvelopedData nor an AuthEnvelopedData");
  }
  const explicit = enter(bytes, contentType.next, context(0), contentInfo);
  const envelopedData = enter(bytes, explicit.start, TAG.sequence, explicit);
  const version = berToDer(bytes, envelopedData.start);
  if (readSmallInteger(readDer(version.der)) > 4) {
    throw new DerError("an envelope of an unknown version");
  }
  let offset = version.next;
  // originatorInfo: certificates of the sender.
  if (bytes[offset] === context(0)) offset = berToDer(bytes, offset).next;
  const recipientInfos = berToDer(bytes, offset);
  assertWithin(recipientInfos.next, envelopedData);
  return recipientInfos.der;
}

/** The header of a wrapper. Its end may be anywhere, as long as it is inside the wrapper around it. */
function enter(bytes: Uint8Array, offset: number, tag: number, around?: BerHeader): BerHeader {
  const header = berHeaderAt(bytes, offset);
  if (header.tag !== tag) throw new DerError("not a ContentInfo with an envelope in it");
  if (around) assertWithin(header.end ?? header.start, around);
  return header;
}

function assertWithin(end: number, around: BerHeader): void {
  if (around.end !== undefined && end > around.end) {
    throw new DerError("an element that is longer than the one around it");
  }
}

function readRecipientInfo(element: DerElement): RecipientInfo[] {
  switch (element.tag) {
    case TAG.sequence:
      return [readKeyTransport(element)];
    case context(1):
      return readKeyAgreement(element);
    case context(2):
    case context(3):
    case context(4):
      return [{ kind: "unsupported" }];
    default:
      throw new DerError("a recipient of an unknown kind");
  }
}

function readKeyTransport(element: DerElement): RecipientInfo {
  const fields = new DerReader(element);
  readSmallInteger(fields.next());
  const rid = fields.next();
  const keyEncryption = keyEncryptionOf(fields.next());
  const encryptedKey = fields.next(TAG.octetString).contents;
  fields.end();
  const identifier =
    rid.tag === contextPrimitive(0)
      ? { subjectKeyIdentifier: hex(rid.contents) }
      : readIssuerAndSerialNumber(rid);
  return { kind: "key-transport", identifier, keyEncryption, encryptedKey };
}

/** One agreement may serve several recipients. */
function readKeyAgreement(element: DerElement): RecipientInfo[] {
  const fields = new DerReader(element, context(1));
  readSmallInteger(fields.next());
  fields.next(context(0));
  fields.optional(context(1));
  fields.next(TAG.sequence);
  const encryptedKeys = new DerReader(fields.next());
  fields.end();
  return encryptedKeys.rest(TAG.sequence).map((encryptedKey) => {
    const parts = new DerReader(encryptedKey);
    const rid = parts.next();
    parts.next(TAG.octetString);
    parts.end();
    const identifier =
      rid.tag === context(0) ? readRecipientKeyId(rid) : readIssuerAndSerialNumber(rid);
    return { kind: "key-agreement", identifier };
  });
}

function readIssuerAndSerialNumber(element: DerElement): RecipientIdentifier {
  const fields = new DerReader(element);
  const issuer = fields.next(TAG.sequence).der;
  const serialNumber = serialNumberToString(readInteger(fields.next()));
  fields.end();
  return { issuer, serialNumber };
}

/** RecipientKeyIdentifier: date and other attributes may follow. */
function readRecipientKeyId(element: DerElement): RecipientIdentifier {
  const fields = new DerReader(element, context(0));
  const subjectKeyIdentifier = hex(fields.next(TAG.octetString).contents);
  fields.rest();
  return { subjectKeyIdentifier };
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
