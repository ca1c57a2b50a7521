import { createHash, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { signatureIdentifier } from "../../../src/core/pki/algorithms.js";
import {
  context,
  contextPrimitive,
  encode,
  encodeNull,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeUnsigned,
  retag,
  TAG,
} from "../../../src/core/pki/der.js";
import { DerError } from "../../../src/core/pki/der-error.js";
import { signData, verifySignedData } from "../../../src/core/pki/signed-data.js";
import {
  authority,
  type Identity,
  issue,
  keyUsage,
  softwareKey,
} from "../../support/certificates.js";

const ca = authority();
const rsaKey = softwareKey("rsa-2048");
const signer = issue({ issuer: ca, serialNumber: Uint8Array.of(7) });
const content = new TextEncoder().encode('{"purpose":"application"}');
const signingTime = new Date("2026-11-23T08:00:00Z");
const message = await signData({ content, signer, signingTime, certificates: [ca.certificate] });

describe("signData", () => {
  it("makes what verifySignedData reads", () => {
    const verified = verifySignedData(message, { requireSigningCertificate: true });
    expect(verified.content).toEqual(content);
    expect(verified.signingTime).toEqual(signingTime);
    expect(verified.signatureAlgorithm).toBe("ecdsa-with-SHA256");
    expect(verified.signerCertificate.der).toEqual(signer.certificate);
    expect(verified.certificates).toHaveLength(2);
    expect(verified.certificates).toContainEqual(ca.certificate);
  });

  it.each([
    "sha256WithRSAEncryption",
    "sha384WithRSAEncryption",
    "sha512WithRSAEncryption",
  ] as const)("signs with %s", async (algorithm) => {
    const rsa = issue({ key: rsaKey });
    const der = await signData({ content, signer: rsa, signingTime, algorithm });
    expect(verifySignedData(der).signatureAlgorithm).toBe(algorithm);
  });

  it("signs nothing, and more than one length octet can tell", async () => {
    for (const size of [0, 100_000]) {
      const bytes = new Uint8Array(size).fill(7);
      const der = await signData({ content: bytes, signer, signingTime });
      expect(verifySignedData(der).content).toEqual(bytes);
    }
  });

  it("refuses a certificate of another key", async () => {
    const mixed = { ...softwareKey(), certificate: signer.certificate };
    await expect(signData({ content, signer: mixed, signingTime })).rejects.toThrow(
      "the signer's certificate is for another key",
    );
  });
});

describe("verifySignedData", () => {
  it("finds every change of a byte, except in what nobody signs", () => {
    const outside = [ca.certificate, signer.certificate].map((der) => rangeOf(message, der));
    for (let at = 0; at < message.length; at += 1) {
      if (outside.some(({ start, end }) => at >= start && at < end)) continue;
      const changed = new Uint8Array(message);
      changed[at] = (changed[at] ?? 0) ^ 1;
      // The version says what may be inside, and decides nothing; nor does the list of digests before the content.
      const harmless = attempt(changed);
      if (harmless !== undefined) expect(harmless.content, `byte ${at}`).toEqual(content);
    }
  });

  it("says what is wrong", () => {
    expect(() => build({ digest: new Uint8Array(32) })).toThrow(
      "the content is not what was signed",
    );
    expect(() => build({ signature: new Uint8Array(70) })).toThrow("the signature is not valid");
    expect(() => build({ certificates: [ca.certificate] })).toThrow(
      "the signer's certificate is missing",
    );
    expect(() => build({ attributes: [] })).toThrow("signed attributes without content-type");
    expect(() => build({ attributes: undefined })).toThrow("signed attributes are missing");
    expect(() => build({ contentType: "1.2.840.113549.1.7.3" })).toThrow(
      "content-type names another type",
    );
    expect(() => build({ signerInfos: 2 })).toThrow("more than one signer");
    expect(() => build({ signerInfos: 0 })).toThrow(DerError);
    expect(() => build({ outerType: "1.2.840.113549.1.7.3" })).toThrow("not a SignedData");
    expect(() => build({ innerType: "1.2.840.113549.1.9.16.1.4" })).toThrow(
      "a content of another type",
    );
    expect(() => build({ detached: true })).toThrow(DerError);
    expect(() => build({ version: 6 })).toThrow("a CMS of an unknown version");
    expect(() => build({ digestOid: "1.3.14.3.2.26" })).toThrow("algorithm that is not accepted");
    expect(() => build({ digestOid: "2.16.840.1.101.3.4.2.2" })).toThrow(
      "algorithm that is not accepted",
    );
    expect(() => build({ certificates: Array(40).fill(signer.certificate) })).toThrow(
      "too many certificates",
    );
  });

  it("accepts what it was built from, and a signer named by key identifier", () => {
    expect(build({}).content).toEqual(content);
    const keyId = Uint8Array.of(1, 2, 3);
    const extensions = [{ oid: "2.5.29.14", value: encode(TAG.octetString, keyId) }];
    const named = issue({ issuer: ca, key: signer, extensions });
    const identifier = encode(contextPrimitive(0), keyId);
    expect(build({ by: named, identifier }).signerCertificate.der).toEqual(named.certificate);
    const other = encode(contextPrimitive(0), Uint8Array.of(9));
    expect(() => build({ by: named, identifier: other })).toThrow(
      "the signer's certificate is missing",
    );
  });

  it("hashes the signed attributes as they were sent, sorted or not", () => {
    const [first, ...others] = attributesFor(content);
    expect(build({ attributes: [...others, first ?? encodeNull()] }).content).toEqual(content);
  });

  it("refuses an attribute that stands there twice, or has two values", () => {
    const [first = encodeNull(), ...others] = attributesFor(content);
    expect(() => build({ attributes: [first, first, ...others] })).toThrow("stands there twice");
    const digest = encode(TAG.octetString, createHash("sha256").update(content).digest());
    const twofold = encodeSequence(
      encodeOid("1.2.840.113549.1.9.4"),
      encode(TAG.set, digest, digest),
    );
    expect(() => build({ attributes: [first, twofold] })).toThrow(DerError);
  });

  describe("signing-certificate-v2", () => {
    const sha256 = (der: Uint8Array) =>
      encode(TAG.octetString, createHash("sha256").update(der).digest());
    const withId = (...id: Uint8Array[]) => [
      ...attributesFor(content),
      encodeSequence(
        encodeOid("1.2.840.113549.1.9.16.2.47"),
        encodeSetOf([encodeSequence(encodeSequence(encodeSequence(...id)))]),
      ),
    ];

    it("can be required", () => {
      expect(() => build({}, { requireSigningCertificate: true })).toThrow(
        "signing-certificate-v2 is missing",
      );
      const attributes = withId(sha256(signer.certificate));
      expect(build({ attributes }, { requireSigningCertificate: true }).content).toEqual(content);
    });

    it("is checked wherever it is", () => {
      const wrong = "signing-certificate-v2 names another certificate";
      expect(() => build({ attributes: withId(sha256(ca.certificate)) })).toThrow(wrong);
      const sha1 = encodeSequence(encodeOid("1.3.14.3.2.26"));
      expect(() => build({ attributes: withId(sha1, sha256(signer.certificate)) })).toThrow(wrong);
      const issuer = encodeSequence(encode(context(4), ca.name));
      const issuerSerial = (serial: number) =>
        encodeSequence(issuer, encodeUnsigned(Uint8Array.of(serial)));
      expect(() =>
        build({ attributes: withId(sha256(signer.certificate), issuerSerial(8)) }),
      ).toThrow(wrong);
      expect(
        build({ attributes: withId(sha256(signer.certificate), issuerSerial(7)) }).content,
      ).toEqual(content);
    });

    it("may use another hash", () => {
      const sha384 = encodeSequence(encodeOid("2.16.840.1.101.3.4.2.2"));
      const hash = encode(
        TAG.octetString,
        createHash("sha384").update(signer.certificate).digest(),
      );
      expect(build({ attributes: withId(sha384, hash) }).content).toEqual(content);
    });
  });

  it("refuses a signature by an encryption certificate, whose key may be in escrow", async () => {
    const encryption = issue({ issuer: ca, extensions: [keyUsage(2, 3)] });
    const der = await signData({ content, signer: encryption, signingTime });
    expect(() => verifySignedData(der)).toThrow("the signer's certificate is not for signatures");
  });

  it("refuses more bytes than it may read", () => {
    expect(() => verifySignedData(message, { maxBytes: message.length - 1 })).toThrow(
      "a message of more than",
    );
    expect(verifySignedData(message, { maxBytes: message.length }).content).toEqual(content);
    expect(() => verifySignedData(new Uint8Array(2 ** 20 + 1))).toThrow(
      "of more than 1048576 bytes",
    );
  });

  it("leaves the message as it is, a Buffer as well", () => {
    const buffer = Buffer.from(message);
    verifySignedData(buffer);
    expect(new Uint8Array(buffer)).toEqual(message);
  });
});

interface Variation {
  by?: Identity;
  version?: number;
  outerType?: string;
  innerType?: string;
  contentType?: string;
  detached?: boolean;
  digest?: Uint8Array;
  digestOid?: string;
  identifier?: Uint8Array;
  attributes?: Uint8Array[] | undefined;
  signature?: Uint8Array;
  signerInfos?: number;
  certificates?: Uint8Array[];
}

function attributesFor(bytes: Uint8Array, variation: Variation = {}): Uint8Array[] {
  const digest = variation.digest ?? createHash("sha256").update(bytes).digest();
  const attribute = (oid: string, value: Uint8Array) =>
    encodeSequence(encodeOid(oid), encodeSetOf([value]));
  return [
    attribute("1.2.840.113549.1.9.3", encodeOid(variation.contentType ?? "1.2.840.113549.1.7.1")),
    attribute("1.2.840.113549.1.9.4", encode(TAG.octetString, digest)),
  ];
}

/** A SignedData made by hand, signed for real, and then verified. */
function build(variation: Variation, options?: Parameters<typeof verifySignedData>[1]) {
  const by = variation.by ?? signer;
  const attributes =
    "attributes" in variation ? variation.attributes : attributesFor(content, variation);
  const signed = encode(TAG.set, ...(attributes ?? []));
  const signature = variation.signature ?? signNow(signed);
  const digestAlgorithm = encodeSequence(
    encodeOid(variation.digestOid ?? "2.16.840.1.101.3.4.2.1"),
  );
  const signerInfo = encodeSequence(
    encodeUnsigned(Uint8Array.of(1)),
    variation.identifier ?? encodeSequence(ca.name, encodeUnsigned(Uint8Array.of(7))),
    digestAlgorithm,
    ...(attributes === undefined ? [] : [retag(signed, context(0))]),
    signatureIdentifier("ecdsa-with-SHA256"),
    encode(TAG.octetString, signature),
  );
  const signedData = encodeSequence(
    encodeUnsigned(Uint8Array.of(variation.version ?? 1)),
    encodeSetOf([digestAlgorithm]),
    encodeSequence(
      encodeOid(variation.innerType ?? "1.2.840.113549.1.7.1"),
      ...(variation.detached ? [] : [encode(context(0), encode(TAG.octetString, content))]),
    ),
    encodeSetOf(variation.certificates ?? [by.certificate], context(0)),
    encodeSetOf(Array(variation.signerInfos ?? 1).fill(signerInfo)),
  );
  const outer = encodeOid(variation.outerType ?? "1.2.840.113549.1.7.2");
  return verifySignedData(encodeSequence(outer, encode(context(0), signedData)), options);
}

function signNow(bytes: Uint8Array): Uint8Array {
  return sign("sha256", bytes, signer.privateKey);
}

function attempt(der: Uint8Array) {
  try {
    return verifySignedData(der);
  } catch (error) {
    expect(error).toBeInstanceOf(DerError);
    return undefined;
  }
}

function rangeOf(whole: Uint8Array, part: Uint8Array) {
  const start = Buffer.from(whole).indexOf(part);
  return { start, end: start + part.length };
}
