import type {
  DecryptionAlgorithm,
  KeyAlgorithm,
  KeyPairUsage,
  SignatureAlgorithm,
} from "../domain/key-algorithm.js";
import type { ProcessIdentity } from "../process-identity.js";

/**
 * The driver port: how the lifecycle reaches a token. Own drivers implement {@link Driver} and prove themselves with
 * `driverContract` of `certrenew/testing`.
 *
 * Rules for every implementation:
 * - no call blocks the event loop; native code runs in a process of its own (a *host*);
 * - a method is one round trip, and every call obeys its `signal`;
 * - failures are `RenewalError`s with a code of the catalogue (`core/errors.ts`), the native error as `cause`;
 * - a PIN is used for the call it was given to and its session, and kept, logged or repeated nowhere.
 */

/** What tells one token from another, in whatever slot it is (PKCS#11 v2.40 §3.2, CK_TOKEN_INFO). */
export interface TokenIdentity {
  readonly serialNumber: string;
  readonly label: string;
  readonly model: string;
  readonly manufacturer: string;
}

/**
 * What the token's flags say of its user PIN; PKCS#11 tells flags, not counts.
 * `low`: a wrong PIN was given since the last right one. `final`: one more wrong PIN locks it.
 */
export type PinState = "ok" | "low" | "final" | "locked" | "unknown";

export interface Token extends TokenIdentity {
  /** Where the token is now, for people. It changes when the token is moved to another port: never an identity. */
  readonly slot: string;
  readonly pinState: PinState;
  /** Whether reading private objects needs a login at all (CKF_LOGIN_REQUIRED). */
  readonly loginRequired: boolean;
  /** The PIN is typed at the reader (CKF_PROTECTED_AUTHENTICATION_PATH). */
  readonly protectedAuthenticationPath: boolean;
  /** Free memory in bytes; absent where the token does not tell. */
  readonly freeMemory?: { readonly public?: number; readonly private?: number } | undefined;
  /** Key pairs that can be generated on the token. */
  readonly keyAlgorithms: readonly KeyAlgorithm[];
  /**
   * Signatures that the token can make, by its own mechanism or with the hash computed beside it, the preferred one first:
   * of those that fit a key, the lifecycle signs with the first.
   */
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
}

/** A certificate object as it stands on a token. */
export interface TokenCertificate {
  /** The X.509 certificate (RFC 5280), DER. */
  readonly der: Uint8Array;
  /** CKA_ID; empty when the object has none. */
  readonly keyId: Uint8Array;
  /** CKA_LABEL */
  readonly label: string;
  /** Whether its private key was seen. Private keys are invisible before login: then `unknown`. */
  readonly privateKey: "present" | "absent" | "unknown";
}

/** One token, and the certificates that can be read from it. */
export interface TokenContents {
  readonly token: Token;
  readonly certificates: readonly TokenCertificate[];
  /** Objects that the module lists and cannot read. They never hide the others. */
  readonly unreadableObjects: number;
}

/** What every call of a port takes. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** How {@link Driver.unlock} logs in. */
export interface UnlockOptions extends CallOptions {
  /**
   * Absent: the PIN is typed at the reader, or the token needs none. Where it is typed at the reader
   * ({@link Token.protectedAuthenticationPath}), a PIN given here is not used.
   */
  readonly pin?: string | undefined;
  /**
   * Awaited with the session's host process once the token was found, and right before the PIN crosses; never called
   * where `unlock` fails earlier. Where it rejects, the host is ended and nothing reached the token. The lifecycle saves
   * the host here, so that a later process can end it, and that a PIN is under way: from here on only ERR_PIN_INCORRECT
   * and ERR_PIN_LOCKED tell what became of it.
   */
  readonly onHost?: ((host: ProcessIdentity) => Promise<void>) | undefined;
}

/** Reaches tokens: lists them and reads their certificates without a PIN, opens a session with one. */
export interface Driver extends AsyncDisposable {
  /** A short name for reports: `pkcs11`, `softhsm`, `mock`. */
  readonly name: string;
  /**
   * Tokens present now. No PIN.
   * @throws ERR_MODULE_MISSING, ERR_MODULE_HUNG, ERR_MODULE_CRASHED
   */
  tokens(options?: CallOptions): Promise<readonly Token[]>;
  /**
   * Certificates on every token present. No PIN; private keys are `unknown` unless the token shows them.
   * @throws ERR_MODULE_MISSING, ERR_MODULE_HUNG, ERR_MODULE_CRASHED
   */
  certificates(options?: CallOptions): Promise<readonly TokenContents[]>;
  /** Tells of insertions and removals until the returned function is called or `signal` aborts. */
  watch(listener: (event: TokenEvent) => void, options?: CallOptions): () => void;
  /**
   * Opens a session with the user logged in, in a host process of its own. Presents the PIN exactly once; when it
   * resolves, the token has looked at it. Found by {@link TokenIdentity}, wherever the token is plugged in now.
   * @throws ERR_TOKEN_NOT_PRESENT, ERR_TOKEN_WRONG (another token is present instead), ERR_TOKEN_REMOVED and ERR_TOKEN_WRONG
   *   when it was pulled out with the PIN under way, ERR_PIN_INCORRECT, ERR_PIN_LOCKED, ERR_MODULE_MISSING,
   *   ERR_MODULE_HUNG, ERR_MODULE_CRASHED
   */
  unlock(token: TokenIdentity, options?: UnlockOptions): Promise<Session>;
  /**
   * Ends the host process of another, dead, owner and waits for its exit: a native call under way outlives its parent
   * by seconds. Safe to repeat; a process that is gone or is not that host is left alone.
   */
  endHost(host: ProcessIdentity, options?: CallOptions): Promise<void>;
  /** Ends every process that the driver started. Safe to repeat. */
  close(): Promise<void>;
}

/** A token was plugged in or pulled out. */
export interface TokenEvent {
  readonly type: "inserted" | "removed";
  readonly token: TokenIdentity;
}

/** A key pair on a token. Its private half never leaves it. */
export interface KeyPair {
  /** CKA_ID of both halves. */
  readonly keyId: Uint8Array;
  readonly algorithm: KeyAlgorithm;
  /** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), DER. */
  readonly spki: Uint8Array;
}

/** How a private key is found: by CKA_ID, and by its public key where several share one or the ID is empty. */
export interface KeyReference {
  readonly keyId: Uint8Array;
  readonly spki?: Uint8Array | undefined;
}

/** What {@link Session.generateKeyPair} makes. */
export interface GenerateKeyPairOptions extends CallOptions {
  readonly algorithm: KeyAlgorithm;
  /** CKA_ID for both halves, chosen and saved by the caller before the call. */
  readonly keyId: Uint8Array;
  readonly label: string;
  /** Default `signing`. An EC pair for `encryption` agrees on keys (ECDH), which `decrypt` does not do. */
  readonly usage?: KeyPairUsage | undefined;
}

/** What {@link Session.sign} signs, and with which key. */
export interface SignOptions extends CallOptions {
  readonly key: KeyReference;
  readonly algorithm: SignatureAlgorithm;
  /** The message itself: the driver hashes. */
  readonly message: Uint8Array;
}

/** What {@link Session.decrypt} decrypts, and with which key. */
export interface DecryptOptions extends CallOptions {
  readonly key: KeyReference;
  readonly algorithm: DecryptionAlgorithm;
  /** One RSA block, as the encryptedKey of a CMS KeyTransRecipientInfo (RFC 5652 §6.2.1). */
  readonly ciphertext: Uint8Array;
}

/**
 * A private key that only the token can open: PKCS#8 (RFC 5958) under an AES key, which is encrypted to a key pair of the
 * token. It stays closed on its way through this process.
 */
export interface EnvelopedKey {
  /** The AES key (128, 192 or 256 bits), encrypted to the unwrapping key. */
  readonly encryptedKey: Uint8Array;
  readonly keyEncryption: DecryptionAlgorithm;
  /** PrivateKeyInfo, DER, wrapped with the AES key: AES key wrap with padding (RFC 5649). */
  readonly wrappedPrivateKey: Uint8Array;
}

/** What {@link Session.importKeyPair} writes. */
export interface ImportKeyPairOptions extends CallOptions {
  readonly envelopedKey: EnvelopedKey;
  /** Opens the envelope. The token must let it unwrap (CKA_UNWRAP), as those made for `encryption` may. */
  readonly unwrappingKey: KeyReference;
  /** The public half (SubjectPublicKeyInfo, DER), which is written beside the private one. */
  readonly spki: Uint8Array;
  /** CKA_ID for both halves, chosen and saved by the caller before the call. */
  readonly keyId: Uint8Array;
  readonly label: string;
  /** Default `encryption`. A key that others made does not sign then. */
  readonly usage?: KeyPairUsage | undefined;
}

/** What {@link Session.importCertificate} writes. */
export interface ImportCertificateOptions extends CallOptions {
  readonly der: Uint8Array;
  readonly keyId: Uint8Array;
  readonly label: string;
}

/** What {@link Session.destroy} removes. */
export interface DestroyOptions extends CallOptions {
  readonly kind: "certificate" | "key-pair";
  readonly keyId: Uint8Array;
  /** With `certificate`: SHA-256 of the one to remove, hexadecimal. Others under the same CKA_ID stay. */
  readonly sha256?: string | undefined;
  /**
   * With `key-pair`: the public key (SubjectPublicKeyInfo, DER) of the one to remove. Others under the same CKA_ID stay, and
   * nothing is removed where the token does not tell which one it is (ERR_TOKEN_FAILURE). Without it every key pair under
   * the CKA_ID goes.
   */
  readonly spki?: Uint8Array | undefined;
}

/**
 * A logged-in session on one token. Every method may throw ERR_TOKEN_REMOVED, ERR_TOKEN_WRONG (another token took its place),
 * ERR_MODULE_HUNG, ERR_MODULE_CRASHED,
 * ERR_TOKEN_FAILURE; the session is then of no further use.
 */
export interface Session extends AsyncDisposable {
  readonly token: Token;
  /**
   * Makes a key pair on the token: private key sensitive and not extractable. Changes the token. Not safe to repeat:
   * ask `findKeyPair` first.
   * @throws ERR_TOKEN_FULL, ERR_ALGORITHM_UNSUPPORTED
   */
  generateKeyPair(options: GenerateKeyPairOptions): Promise<KeyPair>;
  /** The key pair under this reference, when its private half is there and its public key can be told. */
  findKeyPair(key: KeyReference, options?: CallOptions): Promise<KeyPair | undefined>;
  /**
   * Signs with a private key of the token. RSA: PKCS#1 v1.5 or PSS. EC: Ecdsa-Sig-Value in DER (RFC 3279 §2.2.3).
   * Keys with CKA_ALWAYS_AUTHENTICATE get their context-specific login with the session's PIN.
   * @throws ERR_KEY_NOT_FOUND, ERR_ALGORITHM_UNSUPPORTED
   */
  sign(options: SignOptions): Promise<Uint8Array>;
  /**
   * Decrypts with a private RSA key of the token (RFC 8017 §7). Absent where the driver cannot. Whatever is wrong with the
   * ciphertext is one and the same error, without a cause: what differed would open other ciphertexts (RFC 8017 §7.2).
   * Some tokens give random bytes in place of it. Keys with CKA_ALWAYS_AUTHENTICATE get their login as for `sign`.
   * @throws ERR_KEY_NOT_FOUND, ERR_ALGORITHM_UNSUPPORTED, ERR_DECRYPTION_FAILED
   */
  decrypt?(options: DecryptOptions): Promise<Uint8Array>;
  /**
   * Writes a certificate beside whatever stands there. Changes the token. Safe to repeat: the same certificate under
   * the same CKA_ID is written once.
   * @throws ERR_TOKEN_FULL
   */
  importCertificate(options: ImportCertificateOptions): Promise<void>;
  /**
   * Writes a key pair that was made elsewhere, as CAs make those for encryption, out of its envelope: private key sensitive
   * and not extractable. Absent where the driver cannot. Changes the token. Safe to repeat: what is there is written once.
   * @throws ERR_KEY_NOT_FOUND (of the unwrapping key), ERR_ALGORITHM_UNSUPPORTED, ERR_DECRYPTION_FAILED also where `spki` is
   *   not the public key of what was in the envelope, and nothing of it stays on the token; ERR_TOKEN_FULL
   */
  importKeyPair?(options: ImportKeyPairOptions): Promise<KeyPair>;
  /** The token's certificates as a logged-in reader sees them, read from the token now. */
  certificates(options?: CallOptions): Promise<TokenContents>;
  /** Removes objects. Changes the token. Safe to repeat: what is not there is no error. */
  destroy(options: DestroyOptions): Promise<void>;
  /** Logs out and ends the session's host. Safe to repeat, never throws. */
  close(): Promise<void>;
}
