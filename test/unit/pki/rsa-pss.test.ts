import { constants, createSign, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { SignatureAlgorithm } from "../../../src/core/domain/key-algorithm.js";
import {
  inOrderOf,
  keyAlgorithmOf,
  signatureAlgorithmOf,
  signatureIdentifier,
  verifySignature,
} from "../../../src/core/pki/algorithms.js";
import {
  context,
  encode,
  encodeNull,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
  readDer,
} from "../../../src/core/pki/der.js";
import { DerError } from "../../../src/core/pki/der-error.js";

const PSS = ["RSASSA-PSS-SHA256", "RSASSA-PSS-SHA384", "RSASSA-PSS-SHA512"] as const;
const OID = {
  pss: "1.2.840.113549.1.1.10",
  mgf1: "1.2.840.113549.1.1.8",
  sha1: "1.3.14.3.2.26",
  sha256: "2.16.840.1.101.3.4.2.1",
  sha384: "2.16.840.1.101.3.4.2.2",
};

describe("AlgorithmIdentifier of RSASSA-PSS", () => {
  // As the CA/Browser Forum's Baseline Requirements spell them out, §7.1.3.2.1.
  it.each([
    ["RSASSA-PSS-SHA256", "01", "20"],
    ["RSASSA-PSS-SHA384", "02", "30"],
    ["RSASSA-PSS-SHA512", "03", "40"],
  ] as const)("%s has the octets that CAs agreed on", (algorithm, hash, saltLength) => {
    const expected =
      `304106092a864886f70d01010a3034a00f300d06096086480165030402${hash}0500` +
      `a11c301a06092a864886f70d010108300d06096086480165030402${hash}0500a2030201${saltLength}`;
    expect(Buffer.from(signatureIdentifier(algorithm)).toString("hex")).toBe(expected);
    expect(read(Buffer.from(expected, "hex"))).toBe(algorithm);
  });

  it("is read without the hashes' NULL, and with the trailer that is the default", () => {
    const bare = encodeSequence(encodeOid(OID.sha256));
    expect(read(identifier({ hash: bare, mgf: mgf1(bare) }))).toBe("RSASSA-PSS-SHA256");
    expect(read(identifier({ trailer: number(1) }))).toBe("RSASSA-PSS-SHA256");
  });

  it.each([
    ["SHA-1, the default", encodeSequence(encodeOid(OID.pss), encodeSequence())],
    ["no parameters", encodeSequence(encodeOid(OID.pss))],
    ["SHA-1 by name", identifier({ hash: hash(OID.sha1), mgf: mgf1(hash(OID.sha1)) })],
    ["two different hashes", identifier({ mgf: mgf1(hash(OID.sha384)) })],
    ["another mask", identifier({ mgf: encodeSequence(encodeOid("1.2.3"), hash(OID.sha256)) })],
    ["a shorter salt", identifier({ salt: number(20) })],
    ["another trailer", identifier({ trailer: number(2) })],
  ])("is not accepted with %s", (_, der) => {
    expect(read(der)).toBeUndefined();
  });

  it.each([
    ["NULL", encodeSequence(encodeOid(OID.pss), encodeNull())],
    ["a mask without its hash", identifier({ mgf: encodeSequence(encodeOid(OID.mgf1)) })],
    ["an element too many", identifier({ trailer: Buffer.concat([number(1), number(1)]) })],
    ["fields in another order", encodeSequence(encodeOid(OID.pss), reversed())],
  ])("is malformed with %s", (_, der) => {
    expect(() => read(der)).toThrow(DerError);
  });
});

describe("a signature", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const message = Buffer.from("message");
  const padding = constants.RSA_PKCS1_PSS_PADDING;

  it("is valid with the salt that the algorithm says, and no other", () => {
    const signed = (saltLength: number) =>
      sign("sha256", message, { key: privateKey, padding, saltLength });
    expect(verifySignature(spki, "RSASSA-PSS-SHA256", message, signed(32))).toBe(true);
    expect(verifySignature(spki, "RSASSA-PSS-SHA256", message, signed(20))).toBe(false);
    expect(verifySignature(spki, "RSASSA-PSS-SHA384", message, signed(32))).toBe(false);
    expect(verifySignature(spki, "sha256WithRSAEncryption", message, signed(32))).toBe(false);
    const pkcs1 = createSign("sha256").update(message).sign(privateKey);
    expect(verifySignature(spki, "RSASSA-PSS-SHA256", message, pkcs1)).toBe(false);
  });

  it("of a key for RSASSA-PSS alone is verified, within the key's own parameters", () => {
    const keys = generateKeyPairSync("rsa-pss", {
      modulusLength: 2048,
      hashAlgorithm: "sha384",
      mgf1HashAlgorithm: "sha384",
    });
    const own = keys.publicKey.export({ type: "spki", format: "der" });
    const signature = sign("sha384", message, { key: keys.privateKey, padding, saltLength: 48 });
    expect(verifySignature(own, "RSASSA-PSS-SHA384", message, signature)).toBe(true);
    expect(verifySignature(own, "RSASSA-PSS-SHA256", message, signature)).toBe(false);
    expect(verifySignature(own, "sha384WithRSAEncryption", message, signature)).toBe(false);
    expect(keyAlgorithmOf(own)).toBeUndefined();
  });
});

describe("inOrderOf", () => {
  const listed: readonly SignatureAlgorithm[] = [
    "sha256WithRSAEncryption",
    "RSASSA-PSS-SHA256",
    "ecdsa-with-SHA256",
  ];

  it("puts RSA signatures of the other padding last, and keeps the order otherwise", () => {
    expect(inOrderOf("pkcs1", listed)).toEqual([
      "sha256WithRSAEncryption",
      "ecdsa-with-SHA256",
      "RSASSA-PSS-SHA256",
    ]);
    expect(inOrderOf("pss", [listed[0] ?? PSS[0], ...PSS, "ecdsa-with-SHA256"])).toEqual([
      ...PSS,
      "ecdsa-with-SHA256",
      "sha256WithRSAEncryption",
    ]);
  });
});

interface Parts {
  readonly hash?: Uint8Array;
  readonly mgf?: Uint8Array;
  readonly salt?: Uint8Array;
  readonly trailer?: Uint8Array;
}

/** With SHA-256, except for what is given. */
function identifier(parts: Parts): Uint8Array {
  return encodeSequence(encodeOid(OID.pss), encodeSequence(...fields(parts)));
}

function fields({ hash: name, mgf, salt, trailer }: Parts): Uint8Array[] {
  return [
    encode(context(0), name ?? hash(OID.sha256)),
    encode(context(1), mgf ?? mgf1(hash(OID.sha256))),
    encode(context(2), salt ?? number(32)),
    ...(trailer === undefined ? [] : [encode(context(3), trailer)]),
  ];
}

function reversed(): Uint8Array {
  return encodeSequence(...fields({}).reverse());
}

function hash(oid: string): Uint8Array {
  return encodeSequence(encodeOid(oid), encodeNull());
}

function mgf1(identifierOfHash: Uint8Array): Uint8Array {
  return encodeSequence(encodeOid(OID.mgf1), identifierOfHash);
}

function number(value: number): Uint8Array {
  return encodeUnsigned(Uint8Array.of(value));
}

function read(der: Uint8Array): SignatureAlgorithm | undefined {
  return signatureAlgorithmOf(readDer(der));
}
