import { encode, TAG } from "./der.js";
import { DerError } from "./der-error.js";

/**
 * Basic Encoding Rules (ITU-T X.690 §8), as much as CMS from elsewhere needs: who encrypts a stream does not know its length
 * beforehand, and writes indefinite lengths. What is read here is handed on as DER.
 */

/** Identifier and length octets of an element. */
export interface BerHeader {
  readonly tag: number;
  /** Where the contents begin. */
  readonly start: number;
  /** Where they end, which may be after the bytes that are here; `undefined` where the length is indefinite. */
  readonly end: number | undefined;
}

const CONSTRUCTED = 0x20;
const INDEFINITE = 0x80;
const MAX_LENGTH_OCTETS = 6;
const MAX_DEPTH = 16;
const MAX_ELEMENTS = 100_000;

/** @throws DerError when there is none */
export function berHeaderAt(bytes: Uint8Array, offset: number): BerHeader {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw new DerError("the structure ends too early");
  if ((tag & 0x1f) === 0x1f) throw new DerError("a tag number over 30");
  if (tag === 0) throw new DerError("an end-of-contents where nothing began");
  const start = offset + 2;
  if (first === INDEFINITE) {
    if ((tag & CONSTRUCTED) === 0) throw new DerError("a primitive element of indefinite length");
    return { tag, start, end: undefined };
  }
  if (first < 0x80) return { tag, start, end: start + first };
  const count = first & 0x7f;
  if (count > MAX_LENGTH_OCTETS) throw new DerError("an oversized length");
  const octets = bytes.subarray(start, start + count);
  if (octets.length < count) throw new DerError("the structure ends too early");
  const length = octets.reduce((value, octet) => value * 256 + octet, 0);
  return { tag, start: start + count, end: start + count + length };
}

/**
 * The element at an offset in DER, as far as lengths and the segments of an OCTET STRING go, and where the next one begins.
 * @throws DerError when it is not whole, or too deep
 */
export function berToDer(
  bytes: Uint8Array,
  offset: number,
): { readonly der: Uint8Array; readonly next: number } {
  let elements = 0;

  function convert(at: number, limit: number, depth: number): { der: Uint8Array; next: number } {
    elements += 1;
    if (depth > MAX_DEPTH || elements > MAX_ELEMENTS) throw new DerError("too many elements");
    const { tag, start, end } = berHeaderAt(bytes, at);
    if ((end ?? start) > limit) throw new DerError("the structure ends too early");
    if (end !== undefined && (tag & CONSTRUCTED) === 0) {
      return { der: encode(tag, bytes.subarray(start, end)), next: end };
    }
    const children: Uint8Array[] = [];
    let next = start;
    while (end === undefined ? !isEndOfContents(bytes, next) : next < end) {
      const child = convert(next, end ?? limit, depth + 1);
      children.push(child.der);
      next = child.next;
    }
    return { der: rebuilt(tag, children), next: end ?? next + 2 };
  }

  return convert(offset, bytes.length, 0);
}

function isEndOfContents(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset] === 0 && bytes[offset + 1] === 0;
}

function rebuilt(tag: number, children: readonly Uint8Array[]): Uint8Array {
  if (tag !== (TAG.octetString | CONSTRUCTED)) return encode(tag, Buffer.concat(children));
  const segments = children.map((child) => {
    const { tag: inner, start } = berHeaderAt(child, 0);
    if (inner !== TAG.octetString) throw new DerError("a segment that is no OCTET STRING");
    return child.subarray(start);
  });
  return encode(TAG.octetString, Buffer.concat(segments));
}
