import { createHash } from "node:crypto";
import pkcs11 from "pkcs11js";
import type { SignatureAlgorithm } from "../../../core/domain/key-algorithm.js";
import { RenewalError } from "../../../core/errors.js";
import { ecdsaSigValue, hashOf } from "../../../core/pki/algorithms.js";
import { digestInfo } from "../../../core/pki/hashes.js";
import { type SigningMechanism, signingMechanism } from "./mechanisms.js";
import { tryReadAttributes } from "./objects.js";
import type { TokenSession } from "./token-session.js";

/** Room for RSA with 16,384 bits, the most that a module is known to offer. */
const MAX_SIGNATURE_BYTES = 2048;

/** @throws ERR_ALGORITHM_UNSUPPORTED when key, algorithm and token do not go together */
export function signWith(
  session: TokenSession,
  key: pkcs11.Handle,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
): Uint8Array {
  const isEc = algorithm.startsWith("ecdsa");
  const signing = signingMechanism(algorithm, session.mechanisms);
  if (signing === undefined || isEcKey(session, key) !== isEc) {
    throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED", { details: { algorithm } });
  }
  const { lib, session: handle } = session;
  const asks = asksForEachUse(session, key);
  const { mechanism, parameter } = signing;
  lib.C_SignInit(handle, parameter === undefined ? { mechanism } : { mechanism, parameter }, key);
  if (asks) session.loginForUse();
  const input = inputFor(signing, algorithm, message);
  const signature = lib.C_Sign(handle, input, Buffer.alloc(MAX_SIGNATURE_BYTES));
  return isEc ? ecdsaSigValue(signature) : new Uint8Array(signature);
}

/** CKA_ALWAYS_AUTHENTICATE: PIV 9C, many identity cards. */
export function asksForEachUse(session: TokenSession, key: pkcs11.Handle): boolean {
  const [value] = tryReadAttributes(session, key, [pkcs11.CKA_ALWAYS_AUTHENTICATE]);
  return value?.[0] === 1;
}

export function isEcKey(session: TokenSession, key: pkcs11.Handle): boolean {
  const [value] = tryReadAttributes(session, key, [pkcs11.CKA_KEY_TYPE]);
  // CK_ULONG of the machine's size; every machine with a PKCS#11 driver for tokens is little-endian.
  return value !== undefined && value.length >= 4 && value.readUInt32LE() === pkcs11.CKK_EC;
}

function inputFor(
  { input }: SigningMechanism,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
): Buffer {
  if (input === "message") return Buffer.from(message);
  const hash = hashOf(algorithm);
  const digest = createHash(hash).update(message).digest();
  return input === "hash" ? digest : Buffer.from(digestInfo(hash, digest));
}
