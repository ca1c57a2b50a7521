import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { KeyAlgorithm, SignatureAlgorithm } from "../../src/core/domain/key-algorithm.js";
import {
  cryptoKey,
  hashOf,
  keyAlgorithmOf,
  signatureAlgorithmsFor,
  signatureIdentifier,
} from "../../src/core/pki/algorithms.js";
import {
  context,
  encode,
  encodeBits,
  encodeBoolean,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeUnsigned,
  TAG,
} from "../../src/core/pki/der.js";
import { encodeTime } from "../../src/core/pki/time.js";
import type { Signer } from "../../src/core/ports/transport.js";

/** A key outside of any token, and what it signs with. */
export interface SoftwareKey extends Signer {
  readonly privateKey: KeyObject;
}

/** A certificate and its key. */
export interface Identity extends SoftwareKey {
  readonly certificate: Uint8Array;
  readonly name: Uint8Array;
}

export interface TestExtension {
  readonly oid: string;
  readonly critical?: boolean;
  readonly value: Uint8Array;
}

export interface IssueOptions {
  readonly subject?: string | Uint8Array;
  readonly key?: SoftwareKey;
  /** Default: self-signed. */
  readonly issuer?: Identity | undefined;
  readonly serialNumber?: Uint8Array;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly extensions?: readonly TestExtension[];
  /** AlgorithmIdentifier to put beside a signature that it does not describe. */
  readonly claimedAlgorithm?: Uint8Array;
}

const CURVES: Partial<Record<KeyAlgorithm, string>> = { "ec-p256": "P-256", "ec-p384": "P-384" };

export function softwareKey(algorithm: KeyAlgorithm = "ec-p256"): SoftwareKey {
  const namedCurve = CURVES[algorithm];
  const { privateKey } =
    namedCurve === undefined
      ? generateKeyPairSync("rsa", { modulusLength: Number(algorithm.slice(4)) })
      : generateKeyPairSync("ec", { namedCurve });
  return signerOf(privateKey);
}

export function signerOf(privateKey: KeyObject): SoftwareKey {
  const spki = new Uint8Array(createPublicKey(privateKey).export({ type: "spki", format: "der" }));
  const algorithm = keyAlgorithmOf(spki);
  return {
    privateKey,
    spki,
    algorithms: algorithm === undefined ? [] : signatureAlgorithmsFor(algorithm),
    sign: async (message, name) => signed(message, name, privateKey),
  };
}

/** A certificate as a CA would make it, or as none should: nothing is checked. */
export function issue(options: IssueOptions = {}): Identity {
  const key = options.key ?? softwareKey();
  const { subject = "Sample Applicant", issuer } = options;
  const name = typeof subject === "string" ? commonName(subject) : subject;
  const [algorithm = "ecdsa-with-SHA256"] = (issuer ?? key).algorithms;
  const identifier = options.claimedAlgorithm ?? signatureIdentifier(algorithm);
  const tbs = encodeSequence(
    encode(context(0), encodeUnsigned(Uint8Array.of(2))),
    encodeUnsigned(options.serialNumber ?? Uint8Array.of(1)),
    identifier,
    issuer?.name ?? name,
    encodeSequence(
      encodeTime(options.notBefore ?? new Date("2026-01-01T00:00:00Z")),
      encodeTime(options.notAfter ?? new Date("2027-01-01T00:00:00Z")),
    ),
    name,
    key.spki,
    ...extensionField(options.extensions ?? []),
  );
  const signature = signed(tbs, algorithm, (issuer ?? key).privateKey);
  const certificate = encodeSequence(tbs, identifier, encodeBits(signature));
  return { ...key, certificate, name };
}

export function authority(options: IssueOptions & { readonly pathLength?: number } = {}): Identity {
  const { pathLength, extensions = [], ...rest } = options;
  return issue({
    subject: "Sample CA",
    ...rest,
    extensions: [basicConstraints(pathLength), keyUsage(5, 6), ...extensions],
  });
}

export function commonName(value: string): Uint8Array {
  return nameOf([["2.5.4.3", encode(TAG.utf8String, Buffer.from(value))]]);
}

/** A Name of one attribute in each RDN, the least specific first. */
export function nameOf(
  attributes: readonly (readonly [oid: string, value: Uint8Array])[],
): Uint8Array {
  return encodeSequence(
    ...attributes.map(([oid, value]) => encodeSetOf([encodeSequence(encodeOid(oid), value)])),
  );
}

export function basicConstraints(pathLength?: number): TestExtension {
  const limit = pathLength === undefined ? [] : [encodeUnsigned(Uint8Array.of(pathLength))];
  return { oid: "2.5.29.19", critical: true, value: encodeSequence(encodeBoolean(true), ...limit) };
}

/** By bit number, RFC 5280 §4.2.1.3. */
export function keyUsage(...bits: readonly number[]): TestExtension {
  const octets = new Uint8Array(Math.max(...bits) >= 8 ? 2 : 1);
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  const unused = 7 - (Math.max(...bits) & 7);
  return {
    oid: "2.5.29.15",
    critical: true,
    value: encode(TAG.bitString, Uint8Array.of(unused), octets),
  };
}

export function extendedKeyUsage(...oids: readonly string[]): TestExtension {
  return { oid: "2.5.29.37", value: encodeSequence(...oids.map(encodeOid)) };
}

function extensionField(extensions: readonly TestExtension[]): Uint8Array[] {
  if (extensions.length === 0) return [];
  const encoded = extensions.map(({ oid, critical = false, value }) =>
    encodeSequence(
      encodeOid(oid),
      ...(critical ? [encodeBoolean(true)] : []),
      encode(TAG.octetString, value),
    ),
  );
  return [encode(context(3), encodeSequence(...encoded))];
}

function signed(message: Uint8Array, name: SignatureAlgorithm, key: KeyObject): Uint8Array {
  return new Uint8Array(sign(hashOf(name), message, cryptoKey(key, name)));
}
