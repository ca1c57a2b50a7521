import { DerError } from "./der-error.js";

/**
 * Distinguished Encoding Rules (ITU-T X.690 §10), as much as X.509, PKCS#10 and CMS need: a strict reader, which copies
 * nothing and refuses what BER alone allows, and a writer. A whole library takes five times as long for a list of
 * certificates, and reads BER, in which one value has many encodings.
 */

/** Identifier octets (X.690 §8.1.2). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** `[n]` around or instead of a constructed type. */
export const context = (n: number): number => 0xa0 | n;
/** `[n] IMPLICIT` instead of a primitive type. */
export const contextPrimitive = (n: number): number => 0x80 | n;

export interface DerElement {
  readonly tag: number;
  /** The whole element, identifier and length included. */
  readonly der: Uint8Array;
  readonly contents: Uint8Array;
}

/** The one element that the bytes are. @throws DerError when there is another tag, more, or less */
export function readDer(bytes: Uint8Array, tag?: number): DerElement {
  const element = elementAt(bytes, 0);
  if (element.der.length !== bytes.length)
    throw new DerError("bytes after the end of the structure");
  return tag === undefined ? element : expectTag(element, tag);
}

/** A cursor over the elements inside a constructed one. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  /** @throws DerError when the element is missing or has another tag */
  constructor(element: DerElement | undefined, tag: number = TAG.sequence) {
    this.#bytes = expectTag(element, tag).contents;
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The next element. @throws DerError when there is none, or it has another tag */
  next(tag?: number): DerElement {
    const element = elementAt(this.#bytes, this.#offset);
    if (tag !== undefined) expectTag(element, tag);
    this.#offset += element.der.length;
    return element;
  }

  /** The next element when it has this tag, otherwise nothing is read. */
  optional(tag: number): DerElement | undefined {
    return this.#bytes[this.#offset] === tag ? this.next() : undefined;
  }

  /** All that is left. */
  rest(tag?: number): DerElement[] {
    const elements: DerElement[] = [];
    while (!this.done) elements.push(this.next(tag));
    return elements;
  }

  /** @throws DerError when something is left */
  end(): void {
    if (!this.done) throw new DerError("an element too many");
  }
}

/** INTEGER, of any size, as it stands: two's complement, big-endian, minimal. */
export function readInteger(element: DerElement): Uint8Array {
  const octets = expectTag(element, TAG.integer).contents;
  const [first, second] = octets;
  if (first === undefined) throw new DerError("an empty INTEGER");
  if (
    second !== undefined &&
    ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
  ) {
    throw new DerError("an INTEGER that is not minimal");
  }
  return octets;
}

/** INTEGER from 0 to 2^31 - 1. */
export function readSmallInteger(element: DerElement): number {
  const octets = readInteger(element);
  if (octets.length > 4 || (octets[0] ?? 0) >= 0x80) throw new DerError("an INTEGER out of range");
  return octets.reduce((value, octet) => value * 256 + octet, 0);
}

export function readBoolean(element: DerElement): boolean {
  const { contents } = expectTag(element, TAG.boolean);
  if (contents.length !== 1 || (contents[0] !== 0 && contents[0] !== 0xff)) {
    throw new DerError("a BOOLEAN that is neither true nor false");
  }
  return contents[0] === 0xff;
}

/** BIT STRING of whole octets, as keys and signatures are. */
export function readOctetAlignedBits(element: DerElement): Uint8Array {
  const { octets, unusedBits } = readBitString(element);
  if (unusedBits !== 0) throw new DerError("a BIT STRING that is not whole octets");
  return octets;
}

export function readBitString(element: DerElement): { octets: Uint8Array; unusedBits: number } {
  const { contents } = expectTag(element, TAG.bitString);
  const unusedBits = contents[0];
  if (unusedBits === undefined || unusedBits > 7 || (unusedBits > 0 && contents.length === 1)) {
    throw new DerError("a malformed BIT STRING");
  }
  return { octets: contents.subarray(1), unusedBits };
}

/** OBJECT IDENTIFIER in dotted form. */
export function readOid(element: DerElement): string {
  const { contents } = expectTag(element, TAG.oid);
  const last = contents.at(-1);
  if (last === undefined || last >= 0x80 || contents.length > 64) {
    throw new DerError("a malformed OBJECT IDENTIFIER");
  }
  const arcs: (number | bigint)[] = [];
  let arc: number | bigint = 0;
  let first = true;
  for (const octet of contents) {
    if (first && octet === 0x80) throw new DerError("an OBJECT IDENTIFIER that is not minimal");
    // Arcs have no greatest value: those made from UUIDs have 128 bits.
    if (typeof arc === "number" && arc >= 2 ** 40) arc = BigInt(arc);
    arc = typeof arc === "number" ? arc * 128 + (octet & 0x7f) : arc * 128n + BigInt(octet & 0x7f);
    first = octet < 0x80;
    if (first) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [root = 0, ...others] = arcs;
  if (root < 80) return [Math.floor(Number(root) / 40), Number(root) % 40, ...others].join(".");
  return [2, BigInt(root) - 80n, ...others].join(".");
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** An element around contents, which are joined. */
export function encode(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  const lengthOctets: number[] = [];
  if (length < 0x80) lengthOctets.push(length);
  else {
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256))
      lengthOctets.unshift(rest % 256);
    lengthOctets.unshift(0x80 | lengthOctets.length);
  }
  return concat(Uint8Array.of(tag, ...lengthOctets), ...contents);
}

export const encodeSequence = (...elements: readonly Uint8Array[]): Uint8Array =>
  encode(TAG.sequence, ...elements);

/** SET OF in DER: its elements in ascending order of their encodings (X.690 §11.6). */
export function encodeSetOf(elements: readonly Uint8Array[], tag: number = TAG.set): Uint8Array {
  return encode(tag, ...[...elements].sort(Buffer.compare));
}

/** INTEGER from an unsigned, big-endian number of any size. */
export function encodeUnsigned(octets: Uint8Array): Uint8Array {
  const start = octets.findIndex((octet) => octet !== 0);
  const digits = start === -1 ? Uint8Array.of(0) : octets.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array();
  return encode(TAG.integer, sign, digits);
}

/** BIT STRING of whole octets. */
export const encodeBits = (octets: Uint8Array): Uint8Array =>
  encode(TAG.bitString, Uint8Array.of(0), octets);

export const encodeBoolean = (value: boolean): Uint8Array =>
  encode(TAG.boolean, Uint8Array.of(value ? 0xff : 0));

export const encodeNull = (): Uint8Array => encode(TAG.null);

/** OBJECT IDENTIFIER from its dotted form. */
export function encodeOid(dotted: string): Uint8Array {
  const [top = 0, second = 0, ...others] = dotted.split(".").map(Number);
  const octets: number[] = [];
  for (const arc of [top * 40 + second, ...others]) {
    if (!Number.isSafeInteger(arc) || arc < 0) throw new DerError(`${dotted} is not an OID`);
    const group: number[] = [arc % 128];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
      group.unshift(0x80 | (rest % 128));
    }
    octets.push(...group);
  }
  return encode(TAG.oid, Uint8Array.from(octets));
}

/** The same element under another tag, as IMPLICIT tagging wants it. */
export function retag(der: Uint8Array, tag: number): Uint8Array {
  // Not `slice`, which for a Buffer is a view.
  const copy = new Uint8Array(der);
  copy[0] = tag;
  return copy;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag === tag) return element;
  const found = element === undefined ? "nothing" : hex(element.tag);
  throw new DerError(`expected an element with tag ${hex(tag)}, found ${found}`);
}

const hex = (tag: number): string => `0x${tag.toString(16).padStart(2, "0")}`;

function elementAt(bytes: Uint8Array, offset: number): DerElement {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw new DerError("the structure ends too early");
  if ((tag & 0x1f) === 0x1f) throw new DerError("a tag number over 30");
  let length = first;
  let start = offset + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new DerError("an indefinite or an oversized length");
    length = 0;
    for (const octet of bytes.subarray(start, start + count)) length = length * 256 + octet;
    start += count;
    // The shortest form only (X.690 §10.1).
    if (length < (count === 1 ? 0x80 : 256 ** (count - 1)))
      throw new DerError("a length that is not minimal");
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError("the structure ends too early");
  return { tag, der: bytes.subarray(offset, end), contents: bytes.subarray(start, end) };
}
