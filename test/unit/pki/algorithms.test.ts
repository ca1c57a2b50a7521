import {
  constants,
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  privateEncrypt,
  sign,
} from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import type { KeyAlgorithm } from "../../../src/core/domain/key-algorithm.js";
import {
  cryptoKey,
  ecdsaSigValue,
  ecParameters,
  ecSpki,
  hashOf,
  keyAlgorithmOf,
  keyParameters,
  rsaSpki,
  signatureAlgorithmOf,
  signatureAlgorithmsFor,
  signatureIdentifier,
  verifySignature,
} from "../../../src/core/pki/algorithms.js";
import {
  encode,
  encodeNull,
  encodeOid,
  encodeSequence,
  readDer,
  TAG,
} from "../../../src/core/pki/der.js";
import { DerError } from "../../../src/core/pki/der-error.js";
import { digestInfo } from "../../../src/core/pki/hashes.js";
import { type SoftwareKey, softwareKey } from "../../support/certificates.js";

const message = new TextEncoder().encode("message");
let keys: Record<"rsa-2048" | "ec-p256" | "ec-p384", SoftwareKey>;

beforeAll(() => {
  keys = {
    "rsa-2048": softwareKey("rsa-2048"),
    "ec-p256": softwareKey("ec-p256"),
    "ec-p384": softwareKey("ec-p384"),
  };
});

describe.each(["rsa-2048", "ec-p256", "ec-p384"] as const)("%s", (name) => {
  it("is told from its SubjectPublicKeyInfo", () => {
    expect(keyAlgorithmOf(keys[name].spki)).toBe(name);
  });

  it("signs what it can sign, and nothing else is accepted", () => {
    const { spki, privateKey } = keys[name];
    for (const algorithm of signatureAlgorithmsFor(name)) {
      const signature = sign(hashOf(algorithm), message, cryptoKey(privateKey, algorithm));
      expect(verifySignature(spki, algorithm, message, signature)).toBe(true);
      expect(verifySignature(spki, algorithm, message.slice(1), signature)).toBe(false);
      for (const other of ["rsa-2048", "ec-p256", "ec-p384"] as const) {
        if (other === name) continue;
        expect(verifySignature(keys[other].spki, algorithm, message, signature)).toBe(false);
      }
    }
  });

  it("has a SubjectPublicKeyInfo that is built from what a token tells", () => {
    const { kty, n = "", e = "", x = "", y = "" } = jwkOf(keys[name]);
    const octets = (text: string) => new Uint8Array(Buffer.from(text, "base64url"));
    if (kty === "RSA") {
      expect(rsaSpki(octets(n), octets(e))).toEqual(keys[name].spki);
      expect(rsaSpki(Uint8Array.of(0, ...octets(n)), octets(e))).toEqual(keys[name].spki);
      return;
    }
    const point = Uint8Array.of(4, ...octets(x), ...octets(y));
    expect(ecSpki(name, point)).toEqual(keys[name].spki);
    expect(ecSpki(name, encode(TAG.octetString, point))).toEqual(keys[name].spki);
  });
});

describe("the table", () => {
  it("prefers PKCS#1 v1.5 and SHA-256 for RSA, and the hash of the curve's strength for ECDSA", () => {
    expect(signatureAlgorithmsFor("rsa-4096")).toEqual([
      "sha256WithRSAEncryption",
      "sha384WithRSAEncryption",
      "sha512WithRSAEncryption",
      "RSASSA-PSS-SHA256",
      "RSASSA-PSS-SHA384",
      "RSASSA-PSS-SHA512",
    ]);
    expect(signatureAlgorithmsFor("ec-p384")).toEqual(["ecdsa-with-SHA384"]);
  });

  it("holds what CKA_EC_PARAMS holds", () => {
    expect(Buffer.from(ecParameters("ec-p256") ?? []).toString("hex")).toBe("06082a8648ce3d030107");
    expect(Buffer.from(ecParameters("ec-p384") ?? []).toString("hex")).toBe("06052b81040022");
    expect(ecParameters("rsa-2048")).toBeUndefined();
    expect(keyParameters("rsa-3072")).toEqual({ type: "rsa", modulusLength: 3072 });
  });

  it.each(["rsa-3072", "rsa-4096"] as const)("tells %s by its modulus", (name: KeyAlgorithm) => {
    const modulus = new Uint8Array(Number(name.slice(4)) / 8).fill(0xff);
    expect(keyAlgorithmOf(rsaSpki(modulus, Uint8Array.of(1, 0, 1)))).toBe(name);
  });

  it("does not know keys of other kinds and sizes", () => {
    const spki = (key: ReturnType<typeof generateKeyPairSync>) =>
      key.publicKey.export({ type: "spki", format: "der" });
    expect(
      keyAlgorithmOf(spki(generateKeyPairSync("rsa", { modulusLength: 1024 }))),
    ).toBeUndefined();
    expect(
      keyAlgorithmOf(spki(generateKeyPairSync("ec", { namedCurve: "P-521" }))),
    ).toBeUndefined();
    expect(keyAlgorithmOf(spki(generateKeyPairSync("ed25519")))).toBeUndefined();
    expect(() => keyAlgorithmOf(message)).toThrow(DerError);
  });
});

describe("signatures", () => {
  it("of RSA below 2048 bits, and by what is no key, are never valid", () => {
    const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const spki = weak.publicKey.export({ type: "spki", format: "der" });
    const signature = sign("sha256", message, weak.privateKey);
    expect(verifySignature(spki, "sha256WithRSAEncryption", message, signature)).toBe(false);
    expect(verifySignature(message, "sha256WithRSAEncryption", message, signature)).toBe(false);
  });

  it("of a token that returns r and s become DER", () => {
    for (const name of ["ec-p256", "ec-p384"] as const) {
      const [algorithm = "ecdsa-with-SHA256"] = signatureAlgorithmsFor(name);
      const key = { key: keys[name].privateKey, dsaEncoding: "ieee-p1363" as const };
      // Often enough for halves that begin with a zero, or need one before them.
      for (let count = 0; count < 50; count += 1) {
        const der = ecdsaSigValue(sign(hashOf(algorithm), message, key));
        expect(verifySignature(keys[name].spki, algorithm, message, der)).toBe(true);
      }
    }
    expect(() => ecdsaSigValue(new Uint8Array(63))).toThrow(DerError);
    expect(() => ecdsaSigValue(new Uint8Array())).toThrow(DerError);
  });

  it.each(signatureAlgorithmsFor("rsa-2048").filter((name) => name.endsWith("Encryption")))(
    "%s is a DigestInfo under CKM_RSA_PKCS",
    (algorithm) => {
      const { privateKey } = keys["rsa-2048"];
      const info = digestInfo(
        hashOf(algorithm),
        createHash(hashOf(algorithm)).update(message).digest(),
      );
      const signature = privateEncrypt(
        { key: privateKey, padding: constants.RSA_PKCS1_PADDING },
        info,
      );
      expect(signature).toEqual(sign(hashOf(algorithm), message, privateKey));
    },
  );

  it("refuses a digest of another length", () => {
    expect(() => digestInfo("sha384", new Uint8Array(32))).toThrow(
      "a sha384 digest has 48 octets, not 32",
    );
  });
});

describe("AlgorithmIdentifier", () => {
  const RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
  const read = (...parts: Uint8Array[]) => readDer(encodeSequence(...parts));

  it("is read back", () => {
    for (const name of ["rsa-2048", "ec-p256", "ec-p384"] as const) {
      for (const algorithm of signatureAlgorithmsFor(name)) {
        expect(signatureAlgorithmOf(readDer(signatureIdentifier(algorithm)))).toBe(algorithm);
      }
    }
  });

  it("may leave out RSA's NULL, and name the key alone where the hash is known", () => {
    expect(signatureAlgorithmOf(read(encodeOid("1.2.840.113549.1.1.11")))).toBe(
      "sha256WithRSAEncryption",
    );
    const rsa = read(encodeOid(RSA_ENCRYPTION), encodeNull());
    expect(signatureAlgorithmOf(rsa, "sha384")).toBe("sha384WithRSAEncryption");
    expect(signatureAlgorithmOf(rsa)).toBeUndefined();
  });

  it("is not known with parameters that do not belong there, or of another algorithm", () => {
    expect(
      signatureAlgorithmOf(read(encodeOid("1.2.840.10045.4.3.2"), encodeNull())),
    ).toBeUndefined();
    expect(
      signatureAlgorithmOf(read(encodeOid("1.2.840.113549.1.1.5"), encodeNull())),
    ).toBeUndefined();
  });
});

describe("ecSpki", () => {
  it.each([
    ["a point of another curve", new Uint8Array(97).fill(4)],
    ["a compressed point", encode(TAG.octetString, new Uint8Array(33).fill(2))],
    ["a point that is not marked as uncompressed", new Uint8Array(65)],
    ["nothing", new Uint8Array()],
  ])("refuses %s", (_, point) => {
    expect(() => ecSpki("ec-p256", point)).toThrow(DerError);
  });

  it("refuses RSA", () => {
    expect(() => ecSpki("rsa-2048", new Uint8Array(65))).toThrow("rsa-2048 has no point");
  });
});

function jwkOf({ privateKey }: SoftwareKey) {
  return createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" })).export({
    format: "jwk",
  });
}
