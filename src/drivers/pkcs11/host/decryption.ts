import * as graphene from "graphene-pk11";
import pkcs11 from "pkcs11js";
import type { DecryptionAlgorithm } from "../../../core/domain/key-algorithm.js";
import { RenewalError } from "../../../core/errors.js";
import { ckrOf, fromNative } from "../errors.js";
import type { Params } from "../rpc.js";
import { findPrivateKey } from "./keys.js";
import type { Mechanisms } from "./mechanisms.js";
import { tryReadAttributes } from "./objects.js";
import { asksForEachUse, isEcKey } from "./signing.js";
import type { TokenSession } from "./token-session.js";

/** CK_RSA_PKCS_OAEP_PARAMS (PKCS#11 v2.40 mechanisms §2.1.7). PKCS#1 v1.5 has none. */
const OAEP_HASHES: Readonly<Record<DecryptionAlgorithm, readonly [number, number] | undefined>> = {
  "rsaes-pkcs1-v1_5": undefined,
  "rsaes-oaep-sha1": [pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1],
  "rsaes-oaep-sha256": [pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256],
  "rsaes-oaep-sha384": [pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384],
  "rsaes-oaep-sha512": [pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512],
};

/** The label, which is empty. The binding does not name it. */
const CKZ_DATA_SPECIFIED = 1;

/** Room for RSA with 16,384 bits. */
const MAX_PLAINTEXT_BYTES = 2048;

/** @throws ERR_KEY_NOT_FOUND, ERR_ALGORITHM_UNSUPPORTED, ERR_DECRYPTION_FAILED */
export function decrypt(
  session: TokenSession,
  { key: reference, algorithm, ciphertext }: Params<"decrypt">,
): Uint8Array {
  const key = findPrivateKey(session, reference);
  const mechanism = decryptionMechanism(algorithm, session.mechanisms, "DECRYPT");
  if (isEcKey(session, key)) throw unsupported(algorithm);
  // Not left to the module: some keep the operation open after it, so that the next one fails.
  if (!isOneBlock(session, key, ciphertext)) throw new RenewalError("ERR_DECRYPTION_FAILED");
  const asks = asksForEachUse(session, key);
  const { lib, session: handle } = session;
  begin(algorithm, () => lib.C_DecryptInit(handle, mechanism, key));
  if (asks) session.loginForUse();
  return opened(
    () =>
      new Uint8Array(
        lib.C_Decrypt(handle, Buffer.from(ciphertext), Buffer.alloc(MAX_PLAINTEXT_BYTES)),
      ),
  );
}

/** @throws ERR_ALGORITHM_UNSUPPORTED where the token has no such mechanism for this */
export function decryptionMechanism(
  algorithm: DecryptionAlgorithm,
  mechanisms: Mechanisms,
  purpose: "DECRYPT" | "UNWRAP",
): pkcs11.Mechanism {
  const hashes = OAEP_HASHES[algorithm];
  const mechanism = hashes === undefined ? pkcs11.CKM_RSA_PKCS : pkcs11.CKM_RSA_PKCS_OAEP;
  const { flags } = mechanisms.get(mechanism) ?? { flags: 0 };
  if ((flags & graphene.MechanismFlag[purpose]) === 0) throw unsupported(algorithm);
  if (hashes === undefined) return { mechanism };
  const [hashAlg, mgf] = hashes;
  const type = pkcs11.CK_PARAMS_RSA_OAEP;
  const parameter = { type, hashAlg, mgf, source: CKZ_DATA_SPECIFIED };
  return { mechanism, parameter };
}

/**
 * Runs what fails with the ciphertext. That failure has one face: no result of the module and no cause, from which somebody
 * who sends many ciphertexts could learn to decrypt another (RFC 8017 §7.2).
 */
export function opened<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    const native = fromNative(error);
    const isAboutSession = ckrOf(error) === "CKR_USER_NOT_LOGGED_IN";
    if (native.code !== "ERR_TOKEN_FAILURE" || isAboutSession) throw native;
    throw new RenewalError("ERR_DECRYPTION_FAILED");
  }
}

function isOneBlock(session: TokenSession, key: pkcs11.Handle, ciphertext: Uint8Array): boolean {
  const [modulus] = tryReadAttributes(session, key, [pkcs11.CKA_MODULUS]);
  // Tokens that do not tell the modulus get whatever is there.
  if (!modulus?.length) return ciphertext.length > 0;
  return ciphertext.length === modulus.length - modulus.findIndex((octet) => octet !== 0);
}

/** Modules that know OAEP with some hashes only do not all say so in the same words. */
function begin(algorithm: DecryptionAlgorithm, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (ckrOf(error) !== "CKR_ARGUMENTS_BAD") throw error;
    throw unsupported(algorithm, error);
  }
}

function unsupported(algorithm: DecryptionAlgorithm, cause?: unknown): RenewalError {
  return new RenewalError("ERR_ALGORITHM_UNSUPPORTED", { cause, details: { algorithm } });
}
