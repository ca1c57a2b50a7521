import type { KeyAlgorithm, SignatureAlgorithm } from "../domain/key-algorithm.js";
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
  /** Signatures that the token can make, by its own mechanism or with the hash computed beside it. */
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

export interface TokenContents {
  readonly token: Token;
  readonly certificates: readonly TokenCertificate[];
  /** Objects that the module lists and cannot read. They never hide the others. */
  readonly unreadableObjects: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface UnlockOptions extends CallOptions {
  /** Absent: the PIN is typed at the reader, or the token needs none. */
  readonly pin?: string | undefined;
  /**
   * Awaited with the session's host process once the token was found, and right before the PIN crosses; never called
   * where `unlock` fails earlier. Where it rejects, the host is ended and nothing reached the token. The lifecycle saves
   * the host here, so that a later process can end it, and that a PIN is under way: from here on only ERR_PIN_INCORRECT
   * and ERR_PIN_LOCKED tell what became of it.
   */
  readonly onHost?: ((host: ProcessIdentity) => Promise<void>) | undefined;
}

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

export interface TokenEvent {
  readonly type: "inserted" | "removed";
  readonly token: TokenIdentity;
}

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

export interface GenerateKeyPairOptions extends CallOptions {
  readonly algorithm: KeyAlgorithm;
  /** CKA_ID for both halves, chosen and saved by the caller before the call. */
  readonly keyId: Uint8Array;
  readonly label: string;
}

export interface SignOptions extends CallOptions {
  readonly key: KeyReference;
  readonly algorithm: SignatureAlgorithm;
  /** The message itself: the driver hashes. */
  readonly message: Uint8Array;
}

export interface ImportCertificateOptions extends CallOptions {
  readonly der: Uint8Array;
  readonly keyId: Uint8Array;
  readonly label: string;
}

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
 * A logged-in session on one token. Every method may throw ERR_TOKEN_REMOVED, ERR_MODULE_HUNG, ERR_MODULE_CRASHED,
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
   * Signs with a private key of the token. RSA: PKCS#1 v1.5. EC: Ecdsa-Sig-Value in DER (RFC 3279 §2.2.3).
   * Keys with CKA_ALWAYS_AUTHENTICATE get their context-specific login with the session's PIN.
   * @throws ERR_KEY_NOT_FOUND, ERR_ALGORITHM_UNSUPPORTED
   */
  sign(options: SignOptions): Promise<Uint8Array>;
  /**
   * Writes a certificate beside whatever stands there. Changes the token. Safe to repeat: the same certificate under
   * the same CKA_ID is written once.
   * @throws ERR_TOKEN_FULL
   */
  importCertificate(options: ImportCertificateOptions): Promise<void>;
  /** The token's certificates as a logged-in reader sees them, read from the token now. */
  certificates(options?: CallOptions): Promise<TokenContents>;
  /** Removes objects. Changes the token. Safe to repeat: what is not there is no error. */
  destroy(options: DestroyOptions): Promise<void>;
  /** Logs out and ends the session's host. Safe to repeat, never throws. */
  close(): Promise<void>;
}
