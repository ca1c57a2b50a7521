import pkcs11 from "pkcs11js";
import { RenewalError } from "../../../core/errors.js";
import { keyAlgorithmOf, verifySignature } from "../../../core/pki/algorithms.js";
import { parseCertificate } from "../../../core/pki/certificate.js";
import { bytesEqual } from "../../../core/pki/der.js";
import type { KeyPair, KeyReference } from "../../../core/ports/driver.js";
import type { Params } from "../rpc.js";
import { type Entry, kindEntries, privateKeyEntries, publicKeyEntries } from "./key-templates.js";
import { generationMechanism, keyAlgorithmsOf } from "./mechanisms.js";
import { findObjects, type ObjectAccess, template, tryReadAttributes } from "./objects.js";
import {
  isCertainly,
  isPublicKeyOf,
  mayBePublicKeyOf,
  ownSpki,
  publicKeyOf,
} from "./public-keys.js";
import { signWith } from "./signing.js";
import type { TokenSession } from "./token-session.js";

/**
 * Makes a key pair: the private half sensitive and not extractable.
 * @throws ERR_ALGORITHM_UNSUPPORTED, also for an EC key that is to decrypt
 */
export function generateKeyPair(
  session: TokenSession,
  { algorithm, keyId, label, usage = "signing" }: Params<"generate">,
): KeyPair {
  if (!keyAlgorithmsOf(session.mechanisms).includes(algorithm)) {
    throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED", { details: { algorithm } });
  }
  sweepOrphans(session, keyId);
  const description = { algorithm, keyId, label, usage, origin: "generated" } as const;
  const keys = session.lib.C_GenerateKeyPair(
    session.session,
    { mechanism: generationMechanism(algorithm) },
    template(new Map([...publicKeyEntries(description), ...kindEntries(algorithm)])),
    template(new Map(privateKeyEntries(description))),
  );
  const spki = ownSpki(session, keys.publicKey);
  const pair = spki && asKeyPair(keyId, spki);
  if (pair === undefined) {
    const reason = "the token does not tell the public key that it made";
    throw new RenewalError("ERR_TOKEN_FAILURE", { details: { reason } });
  }
  return pair;
}

/** The key pair under a reference, when its private half is there and its public key can be told. */
export function findKeyPair(session: TokenSession, reference: KeyReference): KeyPair | undefined {
  for (const key of privateKeys(session, reference.keyId)) {
    if (reference.spki !== undefined && !isPublicKeyOf(session, key, reference.spki)) continue;
    const spki = reference.spki ?? publicKeyOf(session, key);
    const [keyId] = tryReadAttributes(session, key, [pkcs11.CKA_ID]);
    const pair = spki && asKeyPair(keyId ?? reference.keyId, spki);
    if (pair !== undefined) return pair;
  }
  session.assertPresent();
  return undefined;
}

/** The private key that a reference means. @throws ERR_KEY_NOT_FOUND */
export function findPrivateKey(
  session: TokenSession,
  { keyId, spki }: KeyReference,
): pkcs11.Handle {
  const found = privateKeys(session, keyId).find(
    (key) => spki === undefined || isPublicKeyOf(session, key, spki),
  );
  if (found !== undefined) return found;
  session.assertPresent();
  throw new RenewalError("ERR_KEY_NOT_FOUND");
}

/** Whether this public key stands on the token as an object of its own. */
export function hasPublicKey(
  session: TokenSession,
  { keyId, spki }: KeyReference & { readonly spki: Uint8Array },
): boolean {
  return publicHalves(session, keyObjects(session, pkcs11.CKO_PUBLIC_KEY, keyId), spki).length > 0;
}

/**
 * Where a public key is given, the signature is verified with it: that tells keys under one CKA_ID apart.
 * @throws ERR_KEY_NOT_FOUND, ERR_ALGORITHM_UNSUPPORTED
 */
export function sign(
  session: TokenSession,
  { key: { keyId, spki }, algorithm, message }: Params<"sign">,
): Uint8Array {
  for (const key of privateKeys(session, keyId)) {
    if (spki !== undefined && !mayBePublicKeyOf(session, key, spki)) continue;
    const signature = signWith(session, key, algorithm, message);
    if (spki === undefined || verifySignature(spki, algorithm, message, signature))
      return signature;
  }
  session.assertPresent();
  throw new RenewalError("ERR_KEY_NOT_FOUND");
}

/**
 * Removes both halves, the private one first: all under a CKA_ID, or those of one public key.
 * @throws ERR_TOKEN_FAILURE, with nothing removed, when a private key may be the one that is meant and nothing tells
 */
export function destroyKeyPairs(session: TokenSession, { keyId, spki }: KeyReference): void {
  const privates = privateKeys(session, keyId);
  const publics = keyObjects(session, pkcs11.CKO_PUBLIC_KEY, keyId);
  const objects =
    spki === undefined
      ? [...privates, ...publics]
      : [...privateHalves(session, privates, spki), ...publicHalves(session, publics, spki)];
  for (const object of objects) session.lib.C_DestroyObject(session.session, object);
}

/** What is destroyed is gone, so a private key counts only where it is certain. */
function privateHalves(
  session: TokenSession,
  keys: readonly pkcs11.Handle[],
  spki: Uint8Array,
): pkcs11.Handle[] {
  const candidates = keys.map((key) => ({ key, fits: isCertainly(session, key, spki) }));
  const found = candidates.filter(({ fits }) => fits === true);
  if (found.length === 0 && candidates.some(({ fits }) => fits === undefined)) {
    const reason = "the token does not tell which private key is meant; nothing was removed";
    throw new RenewalError("ERR_TOKEN_FAILURE", { details: { reason } });
  }
  return found.map(({ key }) => key);
}

function publicHalves(
  session: TokenSession,
  keys: readonly pkcs11.Handle[],
  spki: Uint8Array,
): pkcs11.Handle[] {
  return keys.filter((key) => {
    const own = ownSpki(session, key);
    return own !== undefined && bytesEqual(own, spki);
  });
}

/** Tells of a certificate whether a private key under its CKA_ID is seen. Never of one without CKA_ID. */
export function privateKeyLookup(
  access: ObjectAccess,
): (certificate: { readonly keyId: Uint8Array }) => boolean {
  const objects = findObjects(access, new Map([[pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY]]));
  const ids = objects.map(
    (object) => tryReadAttributes(access, object, [pkcs11.CKA_ID])[0]?.toString("hex") ?? "",
  );
  const known = new Set(ids);
  return ({ keyId }) => keyId.length > 0 && known.has(Buffer.from(keyId).toString("hex"));
}

/** The same by the public key, for a certificate without CKA_ID. */
export function hasPrivateKey(
  session: TokenSession,
  { der }: { readonly der: Uint8Array },
): boolean {
  const spki = spkiOf(der);
  return (
    spki !== undefined &&
    privateKeys(session, new Uint8Array()).some((key) => isPublicKeyOf(session, key, spki))
  );
}

function privateKeys(session: TokenSession, keyId: Uint8Array): pkcs11.Handle[] {
  return keyObjects(session, pkcs11.CKO_PRIVATE_KEY, keyId);
}

/** Under an empty CKA_ID, every key: the public key then tells which is meant. */
function keyObjects(session: TokenSession, kind: number, keyId: Uint8Array): pkcs11.Handle[] {
  const having: Entry[] = [[pkcs11.CKA_CLASS, kind]];
  if (keyId.length > 0) having.push([pkcs11.CKA_ID, keyId]);
  return findObjects(session, new Map(having));
}

/**
 * A generation that was interrupted may leave its public half. The CKA_ID was chosen for this one pair, so a public key
 * under it without a private one is nobody else's.
 */
function sweepOrphans(session: TokenSession, keyId: Uint8Array): void {
  if (privateKeys(session, keyId).length > 0) return;
  for (const object of keyObjects(session, pkcs11.CKO_PUBLIC_KEY, keyId)) {
    session.lib.C_DestroyObject(session.session, object);
  }
}

function spkiOf(certificate: Uint8Array): Uint8Array | undefined {
  try {
    return parseCertificate(certificate).spki;
  } catch {
    return undefined;
  }
}

function asKeyPair(keyId: Uint8Array, spki: Uint8Array): KeyPair | undefined {
  const algorithm = keyAlgorithmOf(spki);
  return algorithm && { keyId: new Uint8Array(keyId), algorithm, spki: new Uint8Array(spki) };
}
