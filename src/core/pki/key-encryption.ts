import type { DecryptionAlgorithm } from "../domain/key-algorithm.js";
import { context, type DerElement, DerReader, readOid, TAG } from "./der.js";
import { type Hash, hashNamedBy } from "./hashes.js";

const RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
const RSAES_OAEP = "1.2.840.113549.1.1.7";
const MGF1 = "1.2.840.113549.1.1.8";
const P_SPECIFIED = "1.2.840.113549.1.1.9";
const SHA1 = "1.3.14.3.2.26";

/**
 * How a key was encrypted to an RSA key (RFC 3370 §4.2.1, RFC 4055 §4.1); `undefined` for what is in no row of ours: other
 * algorithms, OAEP with two hashes or with a label.
 * @throws DerError when it is no AlgorithmIdentifier
 */
export function keyEncryptionOf(identifier: DerElement): DecryptionAlgorithm | undefined {
  const fields = new DerReader(identifier);
  const oid = readOid(fields.next());
  const parameters = fields.done ? undefined : fields.next();
  fields.end();
  if (oid === RSA_ENCRYPTION) return "rsaes-pkcs1-v1_5";
  if (oid !== RSAES_OAEP || parameters === undefined) return undefined;
  const hash = oaepHashOf(new DerReader(parameters));
  return hash && `rsaes-oaep-${hash}`;
}

/** RSAES-OAEP-params, in which everything has a default: SHA-1, MGF1 with SHA-1, the empty label. */
function oaepHashOf(fields: DerReader): Hash | "sha1" | undefined {
  const hash = hashIn(fields.optional(context(0)), 0);
  const mask = maskHashIn(fields.optional(context(1)));
  const hasLabel = !isEmptyLabel(fields.optional(context(2)));
  fields.end();
  return hash === mask && !hasLabel ? hash : undefined;
}

function hashIn(field: DerElement | undefined, n: number): Hash | "sha1" | undefined {
  if (field === undefined) return "sha1";
  return hashOrSha1(only(field, n));
}

function maskHashIn(field: DerElement | undefined): Hash | "sha1" | undefined {
  if (field === undefined) return "sha1";
  const mask = new DerReader(only(field, 1));
  const isMgf1 = readOid(mask.next()) === MGF1;
  return isMgf1 ? hashOrSha1(mask.next()) : undefined;
}

function isEmptyLabel(field: DerElement | undefined): boolean {
  if (field === undefined) return true;
  const source = new DerReader(only(field, 2));
  return (
    readOid(source.next()) === P_SPECIFIED && source.next(TAG.octetString).contents.length === 0
  );
}

function hashOrSha1(identifier: DerElement): Hash | "sha1" | undefined {
  const isSha1 = readOid(new DerReader(identifier).next()) === SHA1;
  return isSha1 ? "sha1" : hashNamedBy(identifier);
}

function only(field: DerElement, n: number): DerElement {
  const contents = new DerReader(field, context(n));
  const element = contents.next();
  contents.end();
  return element;
}
