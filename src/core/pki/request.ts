import type { KeyAlgorithm, SignatureAlgorithm } from "../domain/key-algorithm.js";
import type { Signer } from "../ports/transport.js";
import {
  keyAlgorithmOf,
  signatureAlgorithmOf,
  signatureIdentifier,
  verifySignature,
} from "./algorithms.js";
import {
  context,
  DerReader,
  encode,
  encodeBits,
  encodeBoolean,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeUnsigned,
  readDer,
  readInteger,
  readOctetAlignedBits,
  readOid,
  TAG,
} from "./der.js";
import { DerError } from "./der-error.js";
import { type Extension, readExtensions } from "./extensions.js";
import { nameToString } from "./name.js";
import { chooseAlgorithm, signWith } from "./signer.js";

/** An extension asked for, by OID. */
interface RequestedExtension extends Extension {
  readonly oid: string;
}

export interface CreateRequestOptions {
  /** Name, DER: that of the certificate to renew, octet by octet. */
  readonly subjectDer: Uint8Array;
  /** Whose key is to be certified. */
  readonly signer: Signer;
  /** Default: the signer's first one. */
  readonly algorithm?: SignatureAlgorithm | undefined;
  readonly extensions?: readonly RequestedExtension[] | undefined;
}

export interface CertificationRequest {
  /** RFC 4514, for people. */
  readonly subject: string;
  readonly subjectDer: Uint8Array;
  readonly spki: Uint8Array;
  readonly keyAlgorithm: KeyAlgorithm | undefined;
  readonly extensions: ReadonlyMap<string, Extension>;
  /** Proof of possession: signed by the key that it names. */
  readonly signatureValid: boolean;
}

/** extensionRequest, RFC 2985 §5.4.2. */
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const MAX_BYTES = 64 * 1024;

/**
 * A certification request (PKCS#10, RFC 2986) in DER, with one signature of the signer's.
 * @throws DerError when the subject is not a Name or the signature not the signer's; whatever `signer.sign` throws
 */
export async function createRequest(options: CreateRequestOptions): Promise<Uint8Array> {
  const { subjectDer, signer } = options;
  nameToString(readDer(subjectDer, TAG.sequence));
  const algorithm = chooseAlgorithm(signer, options.algorithm);
  const info = encodeSequence(
    encodeUnsigned(Uint8Array.of(0)),
    subjectDer,
    signer.spki,
    encode(context(0), ...attributes(options.extensions ?? [])),
  );
  const signature = await signWith(signer, algorithm, info);
  return encodeSequence(info, signatureIdentifier(algorithm), encodeBits(signature));
}

/**
 * Reads a certification request and checks its signature.
 * @throws DerError when it is not one; a wrong signature is `signatureValid: false`
 */
export function parseRequest(der: Uint8Array): CertificationRequest {
  if (der.length > MAX_BYTES) throw new DerError("a certification request of more than 64 KiB");
  const fields = new DerReader(readDer(der));
  const info = fields.next(TAG.sequence);
  const algorithm = signatureAlgorithmOf(fields.next());
  const signature = readOctetAlignedBits(fields.next());
  fields.end();
  const content = new DerReader(info);
  if (readInteger(content.next()).some((octet) => octet !== 0)) {
    throw new DerError("a certification request of an unknown version");
  }
  const subject = content.next(TAG.sequence);
  const spki = content.next(TAG.sequence).der;
  const extensions = requestedExtensions(new DerReader(content.next(), context(0)));
  content.end();
  return {
    subject: nameToString(subject),
    subjectDer: subject.der,
    spki,
    keyAlgorithm: keyAlgorithmOf(spki),
    extensions,
    signatureValid:
      algorithm !== undefined && verifySignature(spki, algorithm, info.der, signature),
  };
}

function attributes(extensions: readonly RequestedExtension[]): Uint8Array[] {
  if (extensions.length === 0) return [];
  const encoded = extensions.map(({ oid, critical, value }) =>
    // DER leaves out what is the default, `critical FALSE`.
    encodeSequence(
      encodeOid(oid),
      ...(critical ? [encodeBoolean(true)] : []),
      encode(TAG.octetString, value),
    ),
  );
  return [encodeSequence(encodeOid(EXTENSION_REQUEST), encodeSetOf([encodeSequence(...encoded)]))];
}

function requestedExtensions(attributeReader: DerReader): ReadonlyMap<string, Extension> {
  let extensions: ReadonlyMap<string, Extension> = new Map();
  for (const attribute of attributeReader.rest(TAG.sequence)) {
    const fields = new DerReader(attribute);
    const type = readOid(fields.next());
    const values = new DerReader(fields.next(), TAG.set);
    fields.end();
    if (type !== EXTENSION_REQUEST) continue;
    if (extensions.size > 0) throw new DerError("two extension requests");
    extensions = readExtensions(values.next());
    values.end();
  }
  return extensions;
}
