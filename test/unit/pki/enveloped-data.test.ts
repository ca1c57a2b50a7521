import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCertificate } from "../../../src/core/pki/certificate.js";
import {
  context,
  contextPrimitive,
  encode,
  encodeNull,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeUnsigned,
  TAG,
} from "../../../src/core/pki/der.js";
import { DerError } from "../../../src/core/pki/der-error.js";
import { readRecipientInfos } from "../../../src/core/pki/enveloped-data.js";
import { serialNumberDer } from "../../../src/core/pki/signed-attributes.js";
import { issue } from "../../support/certificates.js";

const certificate = parseCertificate(
  issue({ serialNumber: Uint8Array.of(0xc0, 0xff) }).certificate,
);
const number = (value: number) => encodeUnsigned(Uint8Array.of(value));
const octets = (...values: readonly number[]) => encode(TAG.octetString, Uint8Array.from(values));
const algorithm = (oid: string, ...parameters: readonly Uint8Array[]) =>
  encodeSequence(encodeOid(oid), ...parameters);

const RSA = algorithm("1.2.840.113549.1.1.1", encodeNull());
const OAEP = "1.2.840.113549.1.1.7";
const SHA1 = algorithm("1.3.14.3.2.26");
const SHA256 = algorithm("2.16.840.1.101.3.4.2.1", encodeNull());
const mgf1 = (hash: Uint8Array) => algorithm("1.2.840.113549.1.1.8", hash);

const issuerAndSerial = encodeSequence(certificate.issuerDer, serialNumberDer(certificate));
const keyId = Uint8Array.of(0xab, 0xcd);
const ktri = (rid: Uint8Array = issuerAndSerial, how: Uint8Array = RSA) =>
  encodeSequence(number(rid === issuerAndSerial ? 0 : 2), rid, how, octets(1, 2, 3));
const kari = encode(
  context(1),
  number(3),
  encode(context(0), issuerAndSerial),
  encode(context(1), octets(9)),
  algorithm("1.3.132.1.11.1", algorithm("2.16.840.1.101.3.4.1.45")),
  encodeSequence(
    encodeSequence(issuerAndSerial, octets(4)),
    encodeSequence(encode(context(0), octets(0xab, 0xcd)), octets(5)),
  ),
);

const ENVELOPED = "1.2.840.113549.1.7.3";
const AUTH_ENVELOPED = "1.2.840.113549.1.9.16.1.23";
const content = encodeSequence(
  encodeOid("1.2.840.113549.1.7.1"),
  algorithm("2.16.840.1.101.3.4.1.42", octets(...new Array(16).fill(7))),
  encode(contextPrimitive(0), new Uint8Array(100)),
);

function envelope(recipients: readonly Uint8Array[], type = ENVELOPED, originator?: Uint8Array) {
  const fields = [number(2), ...(originator ? [originator] : []), encodeSetOf(recipients), content];
  return encodeSequence(encodeOid(type), encode(context(0), encodeSequence(...fields)));
}

/** The same with every length indefinite, and every OCTET STRING in two segments. */
function streamed(der: Uint8Array): Uint8Array {
  const [tag = 0] = der;
  const start = 2 + ((der[1] ?? 0) > 0x80 ? (der[1] ?? 0) & 0x7f : 0);
  const contents = der.subarray(start);
  const wrap = (outer: number, inner: readonly Uint8Array[]) =>
    Uint8Array.from(Buffer.concat([Uint8Array.of(outer, 0x80), ...inner, Uint8Array.of(0, 0)]));
  if (tag === TAG.octetString) {
    const halves = [contents.subarray(0, 1), contents.subarray(1)];
    return wrap(
      0x24,
      halves.map((half) => encode(TAG.octetString, half)),
    );
  }
  if ((tag & 0x20) === 0) return der;
  const children: Uint8Array[] = [];
  for (let at = 0; at < contents.length; ) {
    const length = elementLength(contents.subarray(at));
    children.push(streamed(contents.subarray(at, at + length)));
    at += length;
  }
  return wrap(tag, children);
}

function elementLength(der: Uint8Array): number {
  const first = der[1] ?? 0;
  if (first < 0x80) return 2 + first;
  const count = first & 0x7f;
  return der.subarray(2, 2 + count).reduce((value, octet) => value * 256 + octet, 0) + 2 + count;
}

const named = { issuer: certificate.issuerDer, serialNumber: "C0FF" };
const transport = (identifier: object, keyEncryption: string | undefined = "rsaes-pkcs1-v1_5") => ({
  kind: "key-transport",
  identifier,
  keyEncryption,
  encryptedKey: Uint8Array.of(1, 2, 3),
});

/** Plain bytes: whether they came in a Buffer is no one's business. */
const read = (bytes: Uint8Array) =>
  readRecipientInfos(bytes).map((recipient) => structuredClone(recipient));

describe("recipients", () => {
  it("are named by issuer and serial number, or by subject key identifier", () => {
    const recipients = [ktri(), ktri(encode(contextPrimitive(0), keyId))];
    expect(read(envelope(recipients))).toEqual(
      expect.arrayContaining([transport(named), transport({ subjectKeyIdentifier: "abcd" })]),
    );
  });

  it("of a key agreement are each told", () => {
    expect(read(envelope([kari]))).toEqual([
      { kind: "key-agreement", identifier: named },
      { kind: "key-agreement", identifier: { subjectKeyIdentifier: "abcd" } },
    ]);
  });

  it.each([2, 3, 4])("of kind [%i] are told to be unsupported", (kind) => {
    expect(read(envelope([encode(context(kind), number(0))]))).toEqual([{ kind: "unsupported" }]);
  });

  it("are found in an AuthEnvelopedData, after an originator, and as a set alone", () => {
    const originator = encode(context(0), encode(context(0), certificate.der));
    for (const each of [
      envelope([ktri()], AUTH_ENVELOPED),
      envelope([ktri()], ENVELOPED, originator),
      encodeSetOf([ktri()]),
    ]) {
      expect(read(each)).toEqual([transport(named)]);
    }
  });

  it("are found where every length is indefinite and every OCTET STRING in segments", () => {
    const originator = encode(context(0), encode(context(0), certificate.der));
    const whole = envelope([ktri(), kari], ENVELOPED, originator);
    expect(read(streamed(whole))).toEqual(read(whole));
    expect(read(streamed(encodeSetOf([ktri()])))).toEqual([transport(named)]);
  });

  it("are found in the beginning of an envelope, as soon as they are whole", () => {
    for (const whole of [envelope([ktri()]), streamed(envelope([ktri()]))]) {
      const enough = [...whole.keys()].find((length) => {
        try {
          return read(whole.subarray(0, length)).length === 1;
        } catch (error) {
          expect(error).toBeInstanceOf(DerError);
          return false;
        }
      });
      expect(enough).toBeLessThan(whole.length - 100);
    }
  });
});

describe("the encryption of a content's key", () => {
  const parameters = (...fields: readonly Uint8Array[]) =>
    algorithm(OAEP, encodeSequence(...fields));
  const label = (value: Uint8Array) => encode(context(2), algorithm("1.2.840.113549.1.1.9", value));

  it.each([
    ["rsaes-oaep-sha1", parameters()],
    ["rsaes-oaep-sha1", parameters(encode(context(0), SHA1), encode(context(1), mgf1(SHA1)))],
    [
      "rsaes-oaep-sha256",
      parameters(encode(context(0), SHA256), encode(context(1), mgf1(SHA256)), label(octets())),
    ],
    // Two hashes, a label, an unknown mask, an unknown hash, nothing at all, another algorithm.
    [undefined, parameters(encode(context(0), SHA256))],
    [undefined, parameters(label(octets(1)))],
    [undefined, parameters(encode(context(1), algorithm("1.2.3", SHA1)))],
    [undefined, parameters(encode(context(0), algorithm("1.2.3")))],
    [undefined, algorithm(OAEP)],
    [undefined, algorithm("1.2.156.10197.1.301.3")],
  ])("is %s", (name, how) => {
    const [recipient] = readRecipientInfos(envelope([ktri(issuerAndSerial, how)]));
    expect(recipient).toMatchObject({ kind: "key-transport", keyEncryption: name });
  });
});

describe("what is no envelope", () => {
  const nested = (depth: number) =>
    Uint8Array.from({ length: depth * 2 }, (_, i) => (i % 2 ? 0x80 : 0x31));
  const inSet = (contents: Uint8Array) => encode(TAG.set, contents);

  it.each([
    ["nothing", new Uint8Array()],
    ["text", new TextEncoder().encode("-----BEGIN CMS-----")],
    ["a certificate", certificate.der],
    ["another content type", envelope([ktri()], "1.2.840.113549.1.7.2")],
    ["no recipients", envelope([])],
    ["an unknown kind of recipient", envelope([encode(context(5), number(0))])],
    ["more recipients than anybody has", envelope(new Array(1025).fill(ktri()))],
    ["bytes after a set", Uint8Array.of(...encodeSetOf([ktri()]), 0)],
    ["a primitive of indefinite length", inSet(Uint8Array.of(0x04, 0x80, 0, 0))],
    ["an end where nothing began", inSet(Uint8Array.of(0, 0))],
    ["a length without end", Uint8Array.of(0x30, 0xff)],
    ["a length that is cut off", Uint8Array.of(0x30, 0x84, 1)],
    ["a tag over 30", inSet(Uint8Array.of(0x3f, 0x81, 0x00))],
    ["segments that are none", inSet(encode(0x24, number(1)))],
    ["depth without end", nested(500_000)],
    [
      "elements without number",
      inSet(new Uint8Array(900_000).fill(5).map((_, i) => (i % 2 ? 0 : 5))),
    ],
    ["a recipient longer than its envelope", longer()],
  ])("is refused: %s", (_, bytes) => {
    const started = performance.now();
    expect(() => readRecipientInfos(bytes)).toThrow(DerError);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it("is refused whatever is changed in a valid one", () => {
    const valid = fc.constantFrom(
      envelope([ktri(), kari]),
      streamed(envelope([ktri(), kari], AUTH_ENVELOPED)),
      encodeSetOf([kari]),
    );
    const changes = fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(valid, changes, fc.nat({ max: 500 }), (bytes, places, length) => {
        const changed = new Uint8Array(bytes).subarray(0, Math.max(length, 1));
        for (const [at, value] of places) if (at < changed.length) changed[at] = value;
        survives(changed);
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survives));
  });

  function survives(bytes: Uint8Array): void {
    try {
      expect(readRecipientInfos(bytes).length).toBeGreaterThan(0);
    } catch (error) {
      expect(error).toBeInstanceOf(DerError);
    }
  }

  /** Its outer SEQUENCE claims to end before what is in it. */
  function longer(): Uint8Array {
    const inner = encode(context(0), encodeSequence(number(0), encodeSetOf([ktri()])));
    const whole = Buffer.concat([encodeOid(ENVELOPED), inner]);
    return Uint8Array.of(0x30, 20, ...whole);
  }
});
