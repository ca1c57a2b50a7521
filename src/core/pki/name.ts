import { printable } from "../text.js";
import { type DerElement, DerReader, readOid, TAG } from "./der.js";
import { DerError } from "./der-error.js";

/** Short names of attribute types: RFC 4514 §3, and those that OpenSSL prints beside them. */
const ATTRIBUTE_NAMES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.4": "SN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "street",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.12": "title",
  "2.5.4.42": "GN",
  "2.5.4.97": "organizationIdentifier",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};

const DECODERS: Readonly<Record<number, (octets: Uint8Array) => string>> = {
  [TAG.utf8String]: (octets) => Buffer.from(octets).toString(),
  [TAG.numericString]: latin1,
  [TAG.printableString]: latin1,
  [TAG.ia5String]: latin1,
  [TAG.visibleString]: latin1,
  // What is called T.61 in certificates is Latin-1 in practice; OpenSSL reads it so too.
  [TAG.teletexString]: latin1,
  [TAG.bmpString]: utf16,
  [TAG.universalString]: utf32,
};

/**
 * A Name (RFC 5280 §4.1.2.4) as a string (RFC 4514): UTF-8, the most specific attribute first, control characters left
 * out. For people; two different names may read alike, so compare the DER.
 * @throws DerError when it is not a Name
 */
export function nameToString(name: DerElement): string {
  const rdns = new DerReader(name).rest(TAG.set);
  return rdns
    .map((rdn) => new DerReader(rdn, TAG.set).rest(TAG.sequence).map(attribute).join("+"))
    .reverse()
    .join(",");
}

function attribute(element: DerElement): string {
  const fields = new DerReader(element);
  const oid = readOid(fields.next());
  const value = fields.next();
  fields.end();
  const name = ATTRIBUTE_NAMES[oid];
  const decode = DECODERS[value.tag];
  // RFC 4514 §2.4: a type without a name, or a value that is no string, is given as the DER.
  if (name === undefined || decode === undefined) {
    return `${name ?? oid}=#${Buffer.from(value.der).toString("hex").toUpperCase()}`;
  }
  return `${name}=${escapeValue(printable(decode(value.contents)))}`;
}

function escapeValue(value: string): string {
  return value.replace(/[\\",+;<>]|^[# ]| $/g, (character) => `\\${character}`);
}

// Half a pair of surrogates becomes U+FFFD, which `toString` of a Buffer would let through.
const utf16Decoder = new TextDecoder("utf-16le");

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets).toString("latin1");
}

function utf16(octets: Uint8Array): string {
  if (octets.length % 2 !== 0) throw new DerError("a BMPString of an odd length");
  return utf16Decoder.decode(Buffer.from(octets).swap16());
}

function utf32(octets: Uint8Array): string {
  if (octets.length % 4 !== 0) throw new DerError("a UniversalString that is not in fours");
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  let text = "";
  for (let offset = 0; offset < octets.length; offset += 4) {
    const codePoint = view.getUint32(offset);
    const valid = codePoint <= 0x10ffff && (codePoint < 0xd800 || codePoint > 0xdfff);
    text += valid ? String.fromCodePoint(codePoint) : "\ufffd";
  }
  return text;
}
