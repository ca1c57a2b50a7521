import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyAlgorithmOf, verifySignature } from "../../../src/core/pki/algorithms.js";
import { parseCertificate } from "../../../src/core/pki/certificate.js";
import { encode, TAG } from "../../../src/core/pki/der.js";
import { DerError } from "../../../src/core/pki/der-error.js";
import { digestInfo } from "../../../src/core/pki/hashes.js";
import { createRequest, parseRequest } from "../../../src/core/pki/request.js";
import { signData, verifySignedData } from "../../../src/core/pki/signed-data.js";
import { verifyChain } from "../../../src/core/pki/verify.js";
import {
  authority,
  basicConstraints,
  extendedKeyUsage,
  issue,
  keyUsage,
} from "../../support/certificates.js";

const ca = authority();
const signer = issue({
  issuer: ca,
  extensions: [keyUsage(0), extendedKeyUsage("1.3.6.1.5.5.7.3.2")],
});
const content = new TextEncoder().encode("content");
const request = await createRequest({
  subjectDer: signer.name,
  signer,
  extensions: [{ ...basicConstraints(), critical: true }],
});
const message = await signData({ content, signer, signingTime: new Date("2026-11-23T00:00:00Z") });

/** Whatever it is given: it returns, or it throws a DerError. */
const readers: readonly (readonly [
  name: string,
  valid: Uint8Array,
  read: (der: Uint8Array) => unknown,
])[] = [
  ["parseCertificate", signer.certificate, parseCertificate],
  ["parseRequest", request, parseRequest],
  ["verifySignedData", message, verifySignedData],
  ["keyAlgorithmOf", signer.spki, keyAlgorithmOf],
  ["digestInfo", new Uint8Array(32), (der) => digestInfo("sha256", der)],
];

function survives(read: (der: Uint8Array) => unknown, der: Uint8Array): void {
  try {
    read(der);
  } catch (error) {
    expect(error).toBeInstanceOf(DerError);
  }
}

/** A valid structure with a few octets changed, put in, taken out, or cut off. */
function mutationsOf(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat({ max: valid.length });
  const change = fc.record({
    at,
    remove: fc.nat({ max: 3 }),
    insert: fc.uint8Array({ maxLength: 3 }),
  });
  return fc
    .tuple(fc.array(change, { minLength: 1, maxLength: 4 }), fc.option(at))
    .map(([changes, end]) => {
      const octets = [...valid];
      for (const { at: where, remove, insert } of changes) octets.splice(where, remove, ...insert);
      return Uint8Array.from(end === null ? octets : octets.slice(0, end));
    });
}

describe.each(readers)("%s", (_, valid, read) => {
  it("survives octets at random", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (der) => survives(read, der)));
  });

  it("survives a valid structure with changes", () => {
    fc.assert(
      fc.property(mutationsOf(valid), (der) => survives(read, der)),
      { numRuns: 500 },
    );
  });

  it("survives every structure that is cut off, and every octet replaced by an extreme", () => {
    for (let index = 0; index < valid.length; index += 1) {
      survives(read, valid.subarray(0, index));
      for (const octet of [0x00, 0x80, 0xff]) {
        const changed = new Uint8Array(valid);
        changed[index] = octet;
        survives(read, changed);
      }
    }
  });

  it("ends soon with structures inside each other, and with very many beside each other", () => {
    let nested: Uint8Array = new Uint8Array();
    for (let depth = 0; depth < 3000; depth += 1) nested = encode(TAG.sequence, nested);
    const wide = encode(
      TAG.sequence,
      new Uint8Array(60_000).fill(5).map((five, index) => (index % 2 ? 0 : five)),
    );
    const started = performance.now();
    survives(read, nested);
    survives(read, wide);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

it("verifySignature answers, whatever key, message and signature are", () => {
  fc.assert(
    fc.property(
      mutationsOf(signer.spki),
      fc.uint8Array(),
      fc.uint8Array(),
      (spki, bytes, signature) => {
        expect(verifySignature(spki, "ecdsa-with-SHA256", bytes, signature)).toBe(false);
        expect(verifySignature(spki, "sha256WithRSAEncryption", bytes, signature)).toBe(false);
      },
    ),
  );
});

it("verifyChain answers, whatever the certificates are", () => {
  const der = fc.oneof(
    fc.uint8Array(),
    mutationsOf(signer.certificate),
    mutationsOf(ca.certificate),
  );
  fc.assert(
    fc.property(der, fc.array(der, { maxLength: 4 }), (certificate, intermediates) => {
      const trustAnchors = [ca.certificate];
      const at = new Date("2026-06-01T00:00:00Z");
      const result = verifyChain({ certificate, intermediates, trustAnchors, at });
      // A change may fall on nothing; then, and only then, there is a chain.
      const known = [signer.certificate, ca.certificate].map((bytes) =>
        Buffer.from(bytes).toString("hex"),
      );
      if (result.chain) expect(known).toContain(Buffer.from(certificate).toString("hex"));
      else expect(result.problem).not.toBe("");
    }),
  );
});
