import {
  context,
  contextPrimitive,
  type DerElement,
  DerReader,
  readBitString,
  readBoolean,
  readDer,
  readOid,
  readSmallInteger,
  TAG,
} from "./der.js";
import { DerError } from "./der-error.js";

/** Extensions (RFC 5280 §4.2) that are read here. */
export const EXTENSION = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  certificatePolicies: "2.5.29.32",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;

/** `anyExtendedKeyUsage`, RFC 5280 §4.2.1.12. */
export const ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0";

/** id-kp-cmcRA (RFC 6402 §2.10): without it, whoever holds a certificate of the same CA could sign as its RA. */
export const CMC_RA = "1.3.6.1.5.5.7.3.28";

/** KeyUsage ::= BIT STRING (RFC 5280 §4.2.1.3), in the order of its bits. */
export const KEY_USAGES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;

export type KeyUsage = (typeof KEY_USAGES)[number];

export interface Extension {
  readonly critical: boolean;
  /** Contents of extnValue: the extension's own DER. */
  readonly value: Uint8Array;
}

export type Extensions = ReadonlyMap<string, Extension>;

/** What the extensions say, by name. */
export interface ExtensionFacts {
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: readonly string[];
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
}

/** Extensions by OID. @throws DerError when one stands there twice */
export function readExtensions(element: DerElement): Extensions {
  const extensions = new Map<string, Extension>();
  for (const extension of new DerReader(element).rest(TAG.sequence)) {
    const fields = new DerReader(extension);
    const oid = readOid(fields.next());
    const critical = fields.optional(TAG.boolean);
    const value = fields.next(TAG.octetString).contents;
    fields.end();
    if (extensions.has(oid)) throw new DerError(`extension ${oid} stands there twice`);
    extensions.set(oid, { critical: critical !== undefined && readBoolean(critical), value });
  }
  return extensions;
}

/** @throws DerError when one of them is malformed */
export function readExtensionFacts(extensions: Extensions): ExtensionFacts {
  const extensionValue = (name: keyof typeof EXTENSION): DerElement | undefined => {
    const extension = extensions.get(EXTENSION[name]);
    return extension && readDer(extension.value);
  };
  const keyUsage = extensionValue("keyUsage");
  const extendedKeyUsage = extensionValue("extendedKeyUsage");
  const subjectKeyId = extensionValue("subjectKeyIdentifier");
  const authorityKeyId = extensionValue("authorityKeyIdentifier");
  return {
    keyUsage: keyUsage ? readKeyUsage(keyUsage) : [],
    extendedKeyUsage: extendedKeyUsage
      ? new DerReader(extendedKeyUsage).rest(TAG.oid).map(readOid)
      : [],
    ...readBasicConstraints(extensionValue("basicConstraints")),
    subjectKeyId: subjectKeyId && hexOf(expectOctets(subjectKeyId)),
    authorityKeyId: authorityKeyId && readAuthorityKeyId(authorityKeyId),
  };
}

function readKeyUsage(element: DerElement): readonly KeyUsage[] {
  const { octets } = readBitString(element);
  return KEY_USAGES.filter((_, bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

function readBasicConstraints(
  element: DerElement | undefined,
): Pick<ExtensionFacts, "isCa" | "pathLength"> {
  if (element === undefined) return { isCa: false, pathLength: undefined };
  const fields = new DerReader(element);
  const ca = fields.optional(TAG.boolean);
  const pathLength = fields.optional(TAG.integer);
  fields.end();
  return {
    isCa: ca !== undefined && readBoolean(ca),
    pathLength: pathLength && readSmallInteger(pathLength),
  };
}

/** Its keyIdentifier; the form with issuer and serial number is not used here. */
function readAuthorityKeyId(element: DerElement): string | undefined {
  const fields = new DerReader(element);
  const keyIdentifier = fields.optional(contextPrimitive(0));
  fields.optional(context(1));
  fields.optional(contextPrimitive(2));
  fields.end();
  return keyIdentifier && hexOf(keyIdentifier.contents);
}

function expectOctets(element: DerElement): Uint8Array {
  if (element.tag !== TAG.octetString)
    throw new DerError("a key identifier that is no OCTET STRING");
  return element.contents;
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}
