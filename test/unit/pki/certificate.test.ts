import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  fromPem,
  parseCertificate,
  permitsKeyUsage,
  sha256Hex,
  toPem,
} from "../../../src/core/pki/certificate.js";
import {
  encode,
  encodeNull,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
  readDer,
  TAG,
} from "../../../src/core/pki/der.js";
import { DerError } from "../../../src/core/pki/der-error.js";
import { encodeTime, readTime } from "../../../src/core/pki/time.js";
import {
  authority,
  extendedKeyUsage,
  issue,
  keyUsage,
  nameOf,
  softwareKey,
} from "../../support/certificates.js";

const key = softwareKey();
const issued = issue({ key }).certificate;
const text = (value: string) => new TextEncoder().encode(value);
const utf8 = (value: string) => encode(TAG.utf8String, text(value));
const CN = "2.5.4.3";
const O = "2.5.4.10";

describe("parseCertificate", () => {
  it("reads what node reads", () => {
    const { certificate } = authority({
      key,
      serialNumber: Uint8Array.of(0xab, 0xcd),
      pathLength: 2,
    });
    const ours = parseCertificate(certificate);
    const node = new X509Certificate(certificate);
    expect(ours.serialNumber).toBe(node.serialNumber);
    expect(ours.notBefore).toEqual(new Date(node.validFrom));
    expect(ours.notAfter).toEqual(new Date(node.validTo));
    expect(ours.subject).toBe(node.subject);
    expect(ours.isCa).toBe(node.ca);
    expect(ours.spki).toEqual(
      new Uint8Array(node.publicKey.export({ type: "spki", format: "der" })),
    );
    expect(ours.sha256).toBe(node.fingerprint256.replaceAll(":", "").toLowerCase());
    expect(ours).toMatchObject({ keyAlgorithm: "ec-p256", pathLength: 2, issuer: "CN=Sample CA" });
    expect(ours.keyUsage).toEqual(["keyCertSign", "cRLSign"]);
  });

  it("gives the same object for the same bytes, of which it keeps a copy of its own", () => {
    const bytes = Buffer.from(issue({ key }).certificate);
    const first = parseCertificate(bytes);
    const again = parseCertificate(new Uint8Array(bytes));
    bytes.fill(0);
    expect(again).toBe(first);
    expect(sha256Hex(first.der)).toBe(first.sha256);
  });

  it("forgets what was not asked for in a long time, and nothing else", () => {
    // The signature's last octets are not looked at here: each is another certificate.
    const variants = Array.from({ length: 1100 }, (_, index) => {
      const der = new Uint8Array(issued);
      new DataView(der.buffer).setUint16(der.length - 2, index);
      return der;
    });
    const [first, second] = variants
      .slice(0, 2)
      .map((der) => [der, parseCertificate(der)] as const);
    if (first === undefined || second === undefined) throw new Error("two were made");
    for (const der of variants) {
      parseCertificate(der);
      parseCertificate(first[0]);
    }
    expect(parseCertificate(first[0])).toBe(first[1]);
    expect(parseCertificate(second[0])).not.toBe(second[1]);
    expect(parseCertificate(second[0])).toEqual(second[1]);
  });

  it("tells usages, and that none named permits all", () => {
    const extensions = [keyUsage(0, 1, 8), extendedKeyUsage("1.3.6.1.5.5.7.3.2")];
    const signing = parseCertificate(issue({ key, extensions }).certificate);
    expect(signing.keyUsage).toEqual(["digitalSignature", "nonRepudiation", "decipherOnly"]);
    expect(signing.extendedKeyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(permitsKeyUsage(signing, "digitalSignature")).toBe(true);
    expect(permitsKeyUsage(signing, "keyCertSign")).toBe(false);
    const silent = parseCertificate(issue({ key }).certificate);
    expect(silent.keyUsage).toEqual([]);
    expect(silent.isCa).toBe(false);
    expect(permitsKeyUsage(silent, "keyCertSign")).toBe(true);
  });

  it.each([
    ["00", "00"],
    ["0f", "0F"],
    ["7f", "7F"],
    ["80", "-80"],
    ["fe", "-02"],
  ])("prints the serial number %s as %s", (octets, printed) => {
    const serial = encode(
      TAG.integer,
      new Uint8Array(Buffer.from(octets.replaceAll(" ", ""), "hex")),
    );
    const { certificate } = issue({ key, serialNumber: Uint8Array.of(1) });
    expect(
      parseCertificate(replaceOnce(certificate, encodeUnsigned(Uint8Array.of(1)), serial))
        .serialNumber,
    ).toBe(printed);
  });

  it("prints the sign octet of no positive serial number", () => {
    const { certificate } = issue({ key, serialNumber: Uint8Array.of(0xff, 0x01) });
    expect(parseCertificate(certificate).serialNumber).toBe("FF01");
  });

  it.each([
    ["an extension that stands there twice", [keyUsage(0), keyUsage(1)]],
    ["basicConstraints that are none", [{ oid: "2.5.29.19", value: encodeNull() }]],
    ["a path length below 0", [{ oid: "2.5.29.19", value: hex("3006 0101ff 0201ff") }]],
    ["a key identifier that is none", [{ oid: "2.5.29.14", value: encodeNull() }]],
    ["an extension with something behind it", [{ oid: "2.5.29.15", value: hex("03020780 00") }]],
  ])("refuses %s", (_, extensions) => {
    expect(() => parseCertificate(issue({ key, extensions }).certificate)).toThrow(DerError);
  });

  it("refuses two different signature algorithms", () => {
    const { certificate } = issue({ key });
    const at = Buffer.from(certificate).lastIndexOf(encodeOid("1.2.840.10045.4.3.2"));
    const changed = new Uint8Array(certificate);
    changed.set(encodeOid("1.2.840.10045.4.3.3"), at);
    expect(() => parseCertificate(changed)).toThrow("two different signature algorithms");
  });

  it("refuses other versions, and more than 64 KiB", () => {
    const { certificate } = issue({ key });
    const [v3, v4] = [hex("a003020102"), hex("a003020103")];
    expect(() => parseCertificate(replaceOnce(certificate, v3, v4))).toThrow(
      "of an unknown version",
    );
    expect(() => parseCertificate(new Uint8Array(70_000))).toThrow("of more than 64 KiB");
  });
});

describe("names (RFC 4514)", () => {
  const subjectOf = (name: Uint8Array) =>
    parseCertificate(issue({ key, subject: name }).certificate).subject;

  it("begin with what is most specific", () => {
    expect(
      subjectOf(
        nameOf([
          ["2.5.4.6", utf8("CN")],
          [O, utf8("示例公司")],
          [CN, utf8("张三")],
        ]),
      ),
    ).toBe("CN=张三,O=示例公司,C=CN");
  });

  it("escape what would change their meaning", () => {
    expect(
      subjectOf(
        nameOf([
          [CN, utf8('#a,b+"c";<d>\\ ')],
          [O, utf8(" e=f ")],
        ]),
      ),
    ).toBe('O=\\ e=f\\ ,CN=\\#a\\,b\\+\\"c\\"\\;\\<d\\>\\\\\\ ');
  });

  it("lose control characters, and those that turn the direction of writing", () => {
    expect(subjectOf(nameOf([[CN, utf8("a\u001b[31m\u0000b\r\n\u202ec\u2028d")]]))).toBe(
      "CN=a[31mbcd",
    );
  });

  it.each([
    ["PrintableString", TAG.printableString, text("Sample"), "Sample"],
    ["TeletexString", TAG.teletexString, Uint8Array.of(0x4d, 0xfc), "Mü"],
    ["BMPString", TAG.bmpString, Uint8Array.of(0x5f, 0x20, 0x4e, 0x09), "张三"],
    ["BMPString with half a pair", TAG.bmpString, Uint8Array.of(0xd8, 0x00, 0x00, 0x41), "\ufffdA"],
    [
      "UniversalString",
      TAG.universalString,
      Uint8Array.of(0, 1, 0xf6, 0, 0, 0xff, 0xff, 0xff),
      "😀\ufffd",
    ],
    ["UTF8String that is none", TAG.utf8String, Uint8Array.of(0x41, 0xff), "A\ufffd"],
  ])("are read from a %s", (_, tag, octets, expected) => {
    expect(subjectOf(nameOf([[CN, encode(tag, octets)]]))).toBe(`CN=${expected}`);
  });

  it("give what is not known as DER", () => {
    expect(
      subjectOf(
        nameOf([
          ["1.2.3.4", utf8("a")],
          [CN, encode(TAG.integer, Uint8Array.of(7))],
        ]),
      ),
    ).toBe("CN=#020107,1.2.3.4=#0C0161");
  });

  it("join the attributes of one RDN, and may be empty", () => {
    const attribute = (oid: string, value: string) => encodeSequence(encodeOid(oid), utf8(value));
    const rdn = encode(TAG.set, attribute(CN, "a"), attribute("2.5.4.5", "1"));
    expect(subjectOf(encodeSequence(rdn))).toBe("CN=a+serialNumber=1");
    expect(subjectOf(encodeSequence())).toBe("");
  });

  it.each([
    ["a BMPString of an odd length", TAG.bmpString, Uint8Array.of(1)],
    ["a UniversalString that is not in fours", TAG.universalString, Uint8Array.of(1)],
  ])("are refused with %s", (problem, tag, octets) => {
    const subject = nameOf([[CN, encode(tag, octets)]]);
    expect(() => subjectOf(subject)).toThrow(problem);
  });
});

describe("times (RFC 5280 §4.1.2.5)", () => {
  const read = (tag: number, value: string) =>
    readTime(readDer(encode(tag, text(value)))).toISOString();

  it.each([
    [TAG.utcTime, "500101000000Z", "1950-01-01T00:00:00.000Z"],
    [TAG.utcTime, "491231235959Z", "2049-12-31T23:59:59.000Z"],
    [TAG.utcTime, "240229120000Z", "2024-02-29T12:00:00.000Z"],
    [TAG.generalizedTime, "20500101000000Z", "2050-01-01T00:00:00.000Z"],
    [TAG.generalizedTime, "99991231235959Z", "9999-12-31T23:59:59.000Z"],
  ])("tag %i, %s is %s", (tag, value, expected) => {
    expect(read(tag, value)).toBe(expected);
  });

  it.each([
    [TAG.utcTime, "260229120000Z"],
    [TAG.utcTime, "261301000000Z"],
    [TAG.utcTime, "260101240000Z"],
    [TAG.utcTime, "2601010000Z"],
    [TAG.utcTime, "260101000000+0800"],
    [TAG.utcTime, "20260101000000Z"],
    [TAG.generalizedTime, "20260101000000.5Z"],
    [TAG.generalizedTime, "00500101000000Z"],
    [TAG.printableString, "260101000000Z"],
    [TAG.utcTime, ""],
  ])("tag %i, %s is refused", (tag, value) => {
    expect(() => read(tag, value)).toThrow(DerError);
  });

  it("are written as UTCTime through 2049 and as GeneralizedTime after it", () => {
    for (const [iso, tag] of [
      ["1950-01-01T00:00:00.000Z", TAG.utcTime],
      ["2049-12-31T23:59:59.000Z", TAG.utcTime],
      ["2050-01-01T00:00:00.000Z", TAG.generalizedTime],
    ] as const) {
      const element = readDer(encodeTime(new Date(iso)));
      expect(element.tag).toBe(tag);
      expect(readTime(element).toISOString()).toBe(iso);
    }
    expect(() => encodeTime(new Date("1949-12-31T23:59:59Z"))).toThrow(DerError);
    expect(() => encodeTime(new Date(Number.NaN))).toThrow(DerError);
  });
});

describe("PEM (RFC 7468)", () => {
  it("is read back, with everything around it skipped", () => {
    const [a, b] = [new Uint8Array(100).fill(1), Uint8Array.of(2)];
    const pem = `subject=a\r\n${toPem(a, "CERTIFICATE").replaceAll("\n", "\r\n")}\n${toPem(b, "X509 CRL")} end`;
    expect(fromPem(pem)).toEqual([a, b]);
    expect(fromPem("no block")).toEqual([]);
  });

  it.each([
    ["without an end", "-----BEGIN A-----\nAAAA\n"],
    ["with another end", "-----BEGIN A-----\nAAAA\n-----END B-----"],
    ["of something else", "-----BEGIN A-----\n<>\n-----END A-----"],
  ])("is refused %s", (_, pem) => {
    expect(() => fromPem(pem)).toThrow(DerError);
  });
});

function hex(octets: string): Uint8Array {
  return new Uint8Array(Buffer.from(octets.replaceAll(" ", ""), "hex"));
}

function replaceOnce(der: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  if (from.length !== to.length) throw new Error("not of the same length");
  const at = Buffer.from(der).indexOf(from);
  const changed = new Uint8Array(der);
  changed.set(to, at);
  return changed;
}
