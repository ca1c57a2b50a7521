import type {
  DecryptionAlgorithm,
  KeyAlgorithm,
  KeyPairUsage,
  SignatureAlgorithm,
} from "../../core/domain/key-algorithm.js";
import type { KeyPair, Token } from "../../core/ports/driver.js";

/** What an own driver says of the tokens that it reaches. */
export interface DriverParts {
  /** A short name for reports. */
  readonly name: string;
  /** The tokens present now. Asked before each call of a session too, so that a removal is seen: keep it quick. */
  tokens(): Promise<readonly Token[]>;
  /** The certificates on a token, as anybody may read them. */
  certificates(token: Token): Promise<readonly StoredCertificate[]>;
  /**
   * Presents the PIN to the token, exactly once. `pin` is absent only where the token needs none (`loginRequired`), or it is
   * typed at the reader (`protectedAuthenticationPath`).
   * @throws ERR_PIN_INCORRECT, ERR_PIN_LOCKED
   */
  login(token: Token, pin: string | undefined): Promise<SessionParts>;
}

/** A certificate object. */
export interface StoredCertificate {
  /** X.509, DER. */
  readonly der: Uint8Array;
  /** CKA_ID */
  readonly keyId: Uint8Array;
  /** CKA_LABEL */
  readonly label: string;
}

/** A key pair to be made. */
export interface WantedKeyPair {
  readonly algorithm: KeyAlgorithm;
  readonly keyId: Uint8Array;
  readonly label: string;
  readonly usage: KeyPairUsage;
}

/**
 * What an own driver does on a token where it is logged in. One call is made after the other. Whatever is thrown that is no
 * `RenewalError` becomes ERR_TOKEN_FAILURE.
 */
export interface SessionParts {
  /** The key pairs whose private half is there. */
  keyPairs(): Promise<readonly KeyPair[]>;
  /** Makes one of the token's `keyAlgorithms`. @returns SubjectPublicKeyInfo, DER */
  generateKeyPair(wanted: WantedKeyPair): Promise<Uint8Array>;
  /** One of the token's `signatureAlgorithms`, which fits the key; ECDSA in DER. */
  sign(key: KeyPair, algorithm: SignatureAlgorithm, message: Uint8Array): Promise<Uint8Array>;
  /** Absent: the token does not decrypt. @throws ERR_DECRYPTION_FAILED, ERR_ALGORITHM_UNSUPPORTED */
  decrypt?(
    key: KeyPair,
    algorithm: DecryptionAlgorithm,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array>;
  importCertificate(certificate: StoredCertificate): Promise<void>;
  destroyCertificate(certificate: StoredCertificate): Promise<void>;
  destroyKeyPair(key: KeyPair): Promise<void>;
  /** Absent: there is nothing to log out of. */
  logout?(): Promise<void>;
}
