import { expect, test } from "vitest";
import {
  assertBytes,
  assertCertificate,
  assertDecryptionAlgorithm,
  assertKeyReference,
  assertSignatureAlgorithm,
  assertSpki,
  assertUsage,
} from "../../../src/drivers/pkcs11/arguments.js";

const bytes = Uint8Array.of(1);

test.each([
  ["bytes that are none", () => assertBytes("message", "text"), "/message"],
  [
    "a reference that would mean every key",
    () => assertKeyReference({ keyId: new Uint8Array() }),
    "/keyId",
  ],
  [
    "a public key that is no bytes",
    () => assertKeyReference({ keyId: bytes, spki: "x" as never }),
    "/spki",
  ],
  ["a certificate that is none", () => assertCertificate("der", bytes), "/der"],
  ["a public key that is none", () => assertSpki("spki", bytes), "/spki"],
  ["a usage that is none", () => assertUsage("wrapping" as never), "/usage"],
])("%s: refused, with where", (_, check, pointer) => {
  expect(check).toThrowError(
    expect.objectContaining({
      code: "ERR_ARGUMENT",
      problems: [expect.objectContaining({ pointer })],
    }),
  );
});

test("a reference by the public key alone is one", () => {
  expect(() => assertKeyReference({ keyId: new Uint8Array(), spki: bytes })).not.toThrow();
});

test("a signature algorithm that is not in the table is not supported", () => {
  expect(() => assertSignatureAlgorithm("sha1WithRSAEncryption" as never)).toThrowError(
    expect.objectContaining({
      code: "ERR_ALGORITHM_UNSUPPORTED",
      details: { algorithm: "sha1WithRSAEncryption" },
    }),
  );
});

test("a decryption algorithm that is not in the table is not supported", () => {
  expect(() => assertDecryptionAlgorithm("rsaes-oaep-md5" as never)).toThrowError(
    expect.objectContaining({ code: "ERR_ALGORITHM_UNSUPPORTED" }),
  );
});
