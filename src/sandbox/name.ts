import { encode, encodeOid, encodeSequence, encodeSetOf, TAG } from "../core/pki/der.js";

/** A subject as a CA's form has it. */
export interface SubjectFields {
  /** CN */
  readonly commonName: string;
  /** C: two letters. */
  readonly country?: string | undefined;
  /** ST */
  readonly province?: string | undefined;
  /** L */
  readonly locality?: string | undefined;
  /** O */
  readonly organisation?: string | undefined;
  /** OU */
  readonly organisationalUnit?: string | undefined;
}

/** In the customary order, the most general first. RFC 5280 §4.1.2.4: countryName is a PrintableString. */
const ATTRIBUTES: readonly (readonly [keyof SubjectFields, oid: string, tag: number])[] = [
  ["country", "2.5.4.6", TAG.printableString],
  ["province", "2.5.4.8", TAG.utf8String],
  ["locality", "2.5.4.7", TAG.utf8String],
  ["organisation", "2.5.4.10", TAG.utf8String],
  ["organisationalUnit", "2.5.4.11", TAG.utf8String],
  ["commonName", "2.5.4.3", TAG.utf8String],
];

/** Name (RFC 5280 §4.1.2.4), DER. */
export function encodeName(subject: SubjectFields): Uint8Array {
  const rdns = ATTRIBUTES.flatMap(([field, oid, tag]) => {
    const value = subject[field];
    if (value === undefined) return [];
    const attribute = encodeSequence(encodeOid(oid), encode(tag, Buffer.from(value, "utf8")));
    return [encodeSetOf([attribute])];
  });
  return encodeSequence(...rdns);
}
