import { expect, test } from "vitest";
import {
  assertBytes,
  assertCertificate,
  assertKeyReference,
  assertSignatureAlgorithm,
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
