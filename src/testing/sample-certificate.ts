import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/**
 * A certificate for a public key, issued by a sample CA that is made on the spot: well-formed (RFC 5280 §4.1), and worth
 * nothing. Two calls give two certificates.
 */
export function sampleCertificate(spki: Uint8Array): Uint8Array {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const tbsCertificate = sequence(
    der(0xa0, integer(Buffer.of(2))),
    integer(randomBytes(16)),
    ECDSA_WITH_SHA256,
    commonName("Sample CA"),
    sequence(utcTime(new Date(Date.now() - DAY_MS)), utcTime(new Date(Date.now() + 365 * DAY_MS))),
    commonName("Sample Applicant"),
    Buffer.from(spki),
  );
  const signature = sign("sha256", tbsCertificate, privateKey);
  const certificate = sequence(
    tbsCertificate,
    ECDSA_WITH_SHA256,
    der(0x03, Buffer.of(0), signature),
  );
  return new Uint8Array(certificate);
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** A DER value (X.690 §8.1, definite length). */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const octets = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...octets), content]);
}

const sequence = (...contents: readonly Uint8Array[]) => der(0x30, ...contents);

/** Positive, and so that DER's shortest form holds: the first octet is between 0x01 and 0x7f. */
function integer(octets: Buffer): Buffer {
  const [first = 0, ...rest] = octets;
  return der(0x02, Buffer.of((first & 0x3f) | (octets.length > 1 ? 0x40 : first), ...rest));
}

const ECDSA_WITH_SHA256 = sequence(der(0x06, Buffer.from("2a8648ce3d040302", "hex")));
const COMMON_NAME = der(0x06, Buffer.from("550403", "hex"));

function commonName(text: string): Buffer {
  return sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(text, "utf8")))));
}

function utcTime(date: Date): Buffer {
  const digits = date.toISOString().replace(/\D/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`, "ascii"));
}
