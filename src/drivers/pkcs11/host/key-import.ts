import { createPublicKey } from "node:crypto";
import * as graphene from "graphene-pk11";
import pkcs11 from "pkcs11js";
import type { KeyAlgorithm } from "../../../core/domain/key-algorithm.js";
import { RenewalError } from "../../../core/errors.js";
import { keyAlgorithmOf } from "../../../core/pki/algorithms.js";
import type { KeyPair } from "../../../core/ports/driver.js";
import type { Params } from "../rpc.js";
import { decryptionMechanism, opened } from "./decryption.js";
import {
  isRsa,
  type KeyPairDescription,
  privateKeyEntries,
  publicKeyEntries,
} from "./key-templates.js";
import { findKeyPair, findPrivateKey, hasPublicKey } from "./keys.js";
import { template } from "./objects.js";
import { isCertainly } from "./public-keys.js";
import type { TokenSession } from "./token-session.js";

/**
 * AES key wrap with padding (RFC 5649): CKM_AES_KEY_WRAP_KWP of PKCS#11 v3.0, and the number under which modules of v2.40
 * have it. The binding names neither.
 */
const KEY_WRAP_MECHANISMS: readonly number[] = [0x210b, 0x210a];

/**
 * Unwraps the AES key, and the private key with it: neither is ever outside of the token. The private half is written first,
 * so that what was interrupted is completed by the next call.
 * @throws ERR_KEY_NOT_FOUND, ERR_ALGORITHM_UNSUPPORTED, ERR_DECRYPTION_FAILED
 */
export function importKeyPair(session: TokenSession, wanted: Params<"unwrap">): KeyPair {
  const { spki, keyId, label, usage = "encryption" } = wanted;
  const algorithm = rsaAlgorithmOf(spki);
  const origin = "imported";
  const description: KeyPairDescription = { algorithm, keyId, label, usage, origin };
  if (findKeyPair(session, { keyId, spki }) === undefined) {
    unwrapPrivateKey(session, wanted, description);
  }
  if (!hasPublicKey(session, { keyId, spki })) writePublicKey(session, spki, description);
  return { keyId, algorithm, spki };
}

function unwrapPrivateKey(
  session: TokenSession,
  { envelopedKey, unwrappingKey, spki }: Params<"unwrap">,
  description: KeyPairDescription,
): void {
  const { encryptedKey, keyEncryption, wrappedPrivateKey } = envelopedKey;
  const mechanism = decryptionMechanism(keyEncryption, session.mechanisms, "UNWRAP");
  const keyWrap = keyWrapMechanism(session);
  const opening = findPrivateKey(session, unwrappingKey);
  const { lib, session: handle } = session;
  const aesKey = opened(() =>
    lib.C_UnwrapKey(handle, mechanism, opening, Buffer.from(encryptedKey), AES_KEY()),
  );
  try {
    const entries = new Map([
      ...privateKeyEntries(description),
      [pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA] as const,
    ]);
    const privateKey = opened(() =>
      lib.C_UnwrapKey(handle, keyWrap, aesKey, Buffer.from(wrappedPrivateKey), template(entries)),
    );
    assertIsPrivateKeyOf(session, privateKey, spki);
  } finally {
    lib.C_DestroyObject(handle, aesKey);
  }
}

/** An object of the session: it is gone with it. */
const AES_KEY = () =>
  template(
    new Map<number, boolean | number>([
      [pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY],
      [pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES],
      [pkcs11.CKA_TOKEN, false],
      [pkcs11.CKA_PRIVATE, true],
      [pkcs11.CKA_SENSITIVE, true],
      [pkcs11.CKA_EXTRACTABLE, false],
      [pkcs11.CKA_UNWRAP, true],
    ]),
  );

function keyWrapMechanism({ mechanisms }: TokenSession): pkcs11.Mechanism {
  const mechanism = KEY_WRAP_MECHANISMS.find((type) => {
    const { flags } = mechanisms.get(type) ?? { flags: 0 };
    return (flags & graphene.MechanismFlag.UNWRAP) !== 0;
  });
  if (mechanism !== undefined) return { mechanism };
  throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED", { details: { algorithm: "AES key wrap" } });
}

/** Another key than the certificate's would be found only when something cannot be opened with it. */
function assertIsPrivateKeyOf(session: TokenSession, key: pkcs11.Handle, spki: Uint8Array): void {
  const fits = isCertainly(session, key, spki);
  if (fits === true) return;
  session.lib.C_DestroyObject(session.session, key);
  if (fits === false) throw new RenewalError("ERR_DECRYPTION_FAILED");
  const reason = "the token does not tell which private key came out of the envelope";
  throw new RenewalError("ERR_TOKEN_FAILURE", { details: { reason } });
}

function writePublicKey(
  session: TokenSession,
  spki: Uint8Array,
  description: KeyPairDescription,
): void {
  const key = createPublicKey({ key: Buffer.from(spki), type: "spki", format: "der" });
  const { n = "", e = "" } = key.export({ format: "jwk" });
  session.lib.C_CreateObject(
    session.session,
    template(
      new Map([
        ...publicKeyEntries(description),
        [pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA] as const,
        [pkcs11.CKA_MODULUS, Buffer.from(n, "base64url")] as const,
        [pkcs11.CKA_PUBLIC_EXPONENT, Buffer.from(e, "base64url")] as const,
      ]),
    ),
  );
}

/** @throws ERR_ALGORITHM_UNSUPPORTED for a key that is not RSA, or of a size that is in no table */
function rsaAlgorithmOf(spki: Uint8Array): KeyAlgorithm {
  const algorithm = keyAlgorithmOf(spki);
  if (algorithm !== undefined && isRsa(algorithm)) return algorithm;
  throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED", {
    details: { algorithm: algorithm ?? "of the key" },
  });
}
