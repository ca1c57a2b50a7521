import { createHash, type KeyObject, randomBytes, sign } from "node:crypto";
import {
  hashOf,
  keyAlgorithmOf,
  signatureAlgorithmsFor,
  signatureIdentifier,
} from "../core/pki/algorithms.js";
import type { Extension } from "../core/pki/certificate.js";
import {
  context,
  contextPrimitive,
  DerReader,
  encode,
  encodeBits,
  encodeBoolean,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
  readDer,
  readOctetAlignedBits,
  TAG,
} from "../core/pki/der.js";
import { EXTENSION, KEY_USAGES, type KeyUsage } from "../core/pki/extensions.js";
import { encodeTime } from "../core/pki/time.js";

/** An extension under its OID. */
export type NamedExtension = Extension & { readonly oid: string };

export interface CertificateTemplate {
  readonly subjectDer: Uint8Array;
  readonly spki: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly NamedExtension[];
}

export interface Issuer {
  readonly subjectDer: Uint8Array;
  readonly spki: Uint8Array;
  readonly privateKey: KeyObject;
}

/** Signs a certificate (RFC 5280 §4.1): version 3, a random serial number of 127 bits, both key identifiers. */
export function signCertificate(template: CertificateTemplate, issuer: Issuer): Uint8Array {
  const keyAlgorithm = keyAlgorithmOf(issuer.spki);
  const [algorithm] = keyAlgorithm === undefined ? [] : signatureAlgorithmsFor(keyAlgorithm);
  if (algorithm === undefined) throw new TypeError("an issuer's key of an unknown kind");
  const serialNumber = randomBytes(16);
  serialNumber[0] = (serialNumber.readUInt8(0) & 0x7f) | 0x40;
  const extensions = [
    ...template.extensions,
    extension("subjectKeyIdentifier", encode(TAG.octetString, keyIdentifier(template.spki))),
    extension(
      "authorityKeyIdentifier",
      encodeSequence(encode(contextPrimitive(0), keyIdentifier(issuer.spki))),
    ),
  ];
  const tbsCertificate = encodeSequence(
    encode(context(0), encodeUnsigned(Uint8Array.of(2))),
    encodeUnsigned(serialNumber),
    signatureIdentifier(algorithm),
    issuer.subjectDer,
    encodeSequence(encodeTime(template.notBefore), encodeTime(template.notAfter)),
    template.subjectDer,
    template.spki,
    encode(context(3), encodeSequence(...extensions.map(encodeExtension))),
  );
  const signature = sign(hashOf(algorithm), tbsCertificate, issuer.privateKey);
  return encodeSequence(tbsCertificate, signatureIdentifier(algorithm), encodeBits(signature));
}

function extension(
  name: keyof typeof EXTENSION,
  value: Uint8Array,
  critical = false,
): NamedExtension {
  return { oid: EXTENSION[name], critical, value };
}

/** basicConstraints (RFC 5280 §4.2.1.9) of a CA. */
export function caConstraints(pathLength?: number): NamedExtension {
  const limit = pathLength === undefined ? [] : [encodeUnsigned(Uint8Array.of(pathLength))];
  return extension("basicConstraints", encodeSequence(encodeBoolean(true), ...limit), true);
}

/** keyUsage (RFC 5280 §4.2.1.3). */
export function keyUsage(...usages: readonly KeyUsage[]): NamedExtension {
  const bits = usages.map((usage) => KEY_USAGES.indexOf(usage));
  const last = Math.max(...bits);
  const octets = new Uint8Array((last >> 3) + 1);
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  // A named bit list ends with its last one-bit (X.690 §11.2.2).
  const value = encode(TAG.bitString, Uint8Array.of(7 - (last & 7)), octets);
  return extension("keyUsage", value, true);
}

/** extendedKeyUsage (RFC 5280 §4.2.1.12). */
export function extendedKeyUsage(...oids: readonly string[]): NamedExtension {
  return extension("extendedKeyUsage", encodeSequence(...oids.map(encodeOid)));
}

/** RFC 7093 §2, method 1: the leftmost 160 bits of the SHA-256 of the public key. */
function keyIdentifier(spki: Uint8Array): Uint8Array {
  const fields = new DerReader(readDer(spki));
  fields.next();
  const publicKey = readOctetAlignedBits(fields.next());
  return createHash("sha256").update(publicKey).digest().subarray(0, 20);
}

function encodeExtension({ oid, critical, value }: NamedExtension): Uint8Array {
  const flag = critical ? [encodeBoolean(true)] : [];
  return encodeSequence(encodeOid(oid), ...flag, encode(TAG.octetString, value));
}
