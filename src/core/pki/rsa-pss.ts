import {
  context,
  type DerElement,
  DerReader,
  encode,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
  readOid,
  readSmallInteger,
  TAG,
} from "./der.js";
import { type Hash, hashIdentifier, hashLength, hashNamedBy } from "./hashes.js";

const MGF1 = "1.2.840.113549.1.1.8";

/**
 * RSASSA-PSS-params (RFC 4055 §3.1), DER: MGF1 with the same hash, a salt as long as the hash, and the trailer left out,
 * which is its default.
 */
export function pssParameters(hash: Hash): Uint8Array {
  const identifier = hashIdentifier(hash, "null");
  return encodeSequence(
    encode(context(0), identifier),
    encode(context(1), encodeSequence(encodeOid(MGF1), identifier)),
    encode(context(2), encodeUnsigned(Uint8Array.of(hashLength(hash)))),
  );
}

/**
 * The hash of RSASSA-PSS-params as {@link pssParameters} makes them; `undefined` for others, such as those with SHA-1, which
 * is the default of what is left out. The trailer may stand there (RFC 4055 §3.1).
 * @throws DerError when they are no RSASSA-PSS-params
 */
export function pssHashOf(parameters: DerElement): Hash | undefined {
  const fields = new DerReader(parameters);
  const hashField = tagged(fields, 0);
  const maskField = tagged(fields, 1);
  const saltField = tagged(fields, 2);
  const trailerField = tagged(fields, 3);
  fields.end();
  if (hashField === undefined || maskField === undefined || saltField === undefined)
    return undefined;
  const hash = hashNamedBy(hashField);
  const isCommon =
    hash !== undefined &&
    maskHashOf(maskField) === hash &&
    readSmallInteger(saltField) === hashLength(hash) &&
    (trailerField === undefined || readSmallInteger(trailerField) === 1);
  return isCommon ? hash : undefined;
}

/** What stands in an EXPLICIT `[n]`. */
function tagged(fields: DerReader, n: number): DerElement | undefined {
  const field = fields.optional(context(n));
  if (field === undefined) return undefined;
  const contents = new DerReader(field, context(n));
  const element = contents.next();
  contents.end();
  return element;
}

function maskHashOf(identifier: DerElement): Hash | undefined {
  const fields = new DerReader(identifier);
  const isMgf1 = readOid(fields.next()) === MGF1;
  const parameters = fields.next(TAG.sequence);
  fields.end();
  return isMgf1 ? hashNamedBy(parameters) : undefined;
}
