import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { signatureIdentifier } from "../core/pki/algorithms.js";
import {
  context,
  encode,
  encodeBits,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeUnsigned,
  TAG,
} from "../core/pki/der.js";
import { encodeTime } from "../core/pki/time.js";

/**
 * A certificate for a public key, issued by a sample CA that is made on the spot: well-formed (RFC 5280 §4.1), and worth
 * nothing. Two calls give two certificates.
 */
export function sampleCertificate(spki: Uint8Array): Uint8Array {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = signatureIdentifier("ecdsa-with-SHA256");
  const now = Date.now();
  const tbsCertificate = encodeSequence(
    encode(context(0), encodeUnsigned(Uint8Array.of(2))),
    encodeUnsigned(randomBytes(16)),
    algorithm,
    commonName("Sample CA"),
    encodeSequence(encodeTime(new Date(now - DAY_MS)), encodeTime(new Date(now + 365 * DAY_MS))),
    commonName("Sample Applicant"),
    spki,
  );
  const signature = sign("sha256", tbsCertificate, privateKey);
  return encodeSequence(tbsCertificate, algorithm, encodeBits(signature));
}

const DAY_MS = 24 * 60 * 60 * 1000;
const COMMON_NAME = "2.5.4.3";

function commonName(text: string): Uint8Array {
  const value = encode(TAG.utf8String, new TextEncoder().encode(text));
  return encodeSequence(encodeSetOf([encodeSequence(encodeOid(COMMON_NAME), value)]));
}
