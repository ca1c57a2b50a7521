import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DerReader,
  encode,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeUnsigned,
  readBitString,
  readBoolean,
  readDer,
  readInteger,
  readOctetAlignedBits,
  readOid,
  readSmallInteger,
  TAG,
} from "../../../src/core/pki/der.js";
import { DerError } from "../../../src/core/pki/der-error.js";

const hex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const read = (text: string) => readDer(hex(text));

describe("what DER forbids", () => {
  it.each([
    ["nothing at all", ""],
    ["an identifier alone", "30"],
    ["contents that end too early", "04 03 01 02"],
    ["a length that ends too early", "04 82 01"],
    ["octets after the end", "04 01 00 00"],
    ["an indefinite length", "30 80 00 00"],
    ["a long form for a short length", "04 81 01 00"],
    ["a length with a leading zero", `04 82 00 80 ${"00".repeat(128)}`],
    ["a length of five octets", "04 85 00 00 00 00 01 00"],
    ["a tag number in several octets", "1f 81 00 00"],
  ])("%s", (_, text) => {
    expect(() => read(text)).toThrow(DerError);
  });

  it.each([
    ["an empty INTEGER", () => readInteger(read("02 00"))],
    ["a padded positive INTEGER", () => readInteger(read("02 02 00 7f"))],
    ["a padded negative INTEGER", () => readInteger(read("02 02 ff 80"))],
    ["a negative count", () => readSmallInteger(read("02 01 ff"))],
    ["a count of five octets", () => readSmallInteger(read("02 05 01 00 00 00 00"))],
    ["a BOOLEAN of BER", () => readBoolean(read("01 01 01"))],
    ["a BIT STRING without its first octet", () => readBitString(read("03 00"))],
    ["a BIT STRING with 8 unused bits", () => readBitString(read("03 02 08 00"))],
    ["an empty BIT STRING with unused bits", () => readBitString(read("03 01 01"))],
    ["a key that is not whole octets", () => readOctetAlignedBits(read("03 02 01 80"))],
    ["an empty OID", () => readOid(read("06 00"))],
    ["an OID that breaks off", () => readOid(read("06 02 2a 86"))],
    ["a padded OID", () => readOid(read("06 03 2a 80 01"))],
    ["another tag", () => readOid(read("02 01 00"))],
  ])("%s", (_, attempt) => {
    expect(attempt).toThrow(DerError);
  });
});

describe("DerReader", () => {
  const reader = () => new DerReader(read("30 06 02 01 05 04 01 aa"));

  it("gives the elements in order, the optional ones only where they are", () => {
    const fields = reader();
    expect(fields.optional(TAG.octetString)).toBeUndefined();
    expect(readSmallInteger(fields.next())).toBe(5);
    expect(fields.optional(TAG.octetString)?.contents).toEqual(Uint8Array.of(0xaa));
    expect(fields.done).toBe(true);
    expect(() => fields.end()).not.toThrow();
  });

  it("refuses what is left over, missing, or of another tag", () => {
    expect(() => reader().end()).toThrow("an element too many");
    expect(() => reader().next(TAG.oid)).toThrow("expected an element with tag 0x06, found 0x02");
    const fields = reader();
    fields.rest();
    expect(() => fields.next()).toThrow(DerError);
    expect(() => new DerReader(undefined)).toThrow("found nothing");
  });
});

describe("what is written", () => {
  it.each([
    [0, "04 00"],
    [127, "04 7f"],
    [128, "04 81 80"],
    [255, "04 81 ff"],
    [256, "04 82 01 00"],
    [65_536, "04 83 01 00 00"],
  ])("has the shortest length, for %i octets", (length, header) => {
    const der = encode(TAG.octetString, new Uint8Array(length));
    expect(der.subarray(0, der.length - length)).toEqual(hex(header));
    expect(readDer(der).contents).toHaveLength(length);
  });

  it.each([
    ["00", "02 01 00"],
    ["7f", "02 01 7f"],
    ["80", "02 02 00 80"],
    ["00 00 01", "02 01 01"],
  ])("is the minimal INTEGER of %s", (octets, der) => {
    expect(encodeUnsigned(hex(octets))).toEqual(hex(der));
  });

  it("sorts a SET OF by its encodings, the shorter of equal beginnings first", () => {
    const [a, b, c] = [hex("04 01 02"), hex("02 01 09"), hex("04 02 00 00")];
    expect(encodeSetOf([c, a, b])).toEqual(encode(TAG.set, b, a, c));
  });

  it.each([
    "1.2.840.113549.1.1.11",
    "2.5.29.37.0",
    "0.9.2342.19200300.100.1.25",
    "2.999.3",
    "2.47.1",
  ])("reads back the OID %s", (oid) => {
    expect(readOid(readDer(encodeOid(oid)))).toBe(oid);
  });

  it("reads arcs of any size", () => {
    // RFC 9562 UUIDs become OIDs below 2.25 (ITU-T X.667).
    const uuid = 2n ** 128n - 1n;
    const groups: number[] = [];
    for (let rest = uuid; rest > 0n; rest >>= 7n) groups.unshift(Number(rest & 0x7fn) | 0x80);
    groups.push((groups.pop() ?? 0) & 0x7f);
    const der = encode(TAG.oid, Uint8Array.of(2 * 40 + 25, ...groups));
    expect(readOid(readDer(der))).toBe(`2.25.${uuid}`);
  });

  it("is read back, whatever it is", () => {
    const arc = fc.nat();
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(arc, { maxLength: 8 }),
        (octets, arcs) => {
          const oid = ["1.3", ...arcs].join(".");
          const fields = new DerReader(
            readDer(
              encodeSequence(
                encodeOid(oid),
                encode(TAG.octetString, octets),
                encodeUnsigned(octets),
              ),
            ),
          );
          expect(readOid(fields.next())).toBe(oid);
          expect(fields.next(TAG.octetString).contents).toEqual(octets);
          const number = BigInt(`0x0${Buffer.from(readInteger(fields.next())).toString("hex")}`);
          expect(number).toBe(BigInt(`0x0${Buffer.from(octets).toString("hex")}`));
          fields.end();
        },
      ),
    );
  });
});
