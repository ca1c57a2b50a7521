import {
  KEY_ALGORITHMS,
  type KeyAlgorithm,
  type KeyPairUsage,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
} from "../../core/domain/key-algorithm.js";
import { RenewalError } from "../../core/errors.js";
import { bytesEqual } from "../../core/pki/der.js";
import type {
  DestroyOptions,
  KeyPair,
  KeyReference,
  PinState,
  TokenCertificate,
  TokenIdentity,
} from "../../core/ports/driver.js";
import { publicKeyOf, sha256Of } from "./certificates.js";
import { exportPrivateKey, generateSoftwareKey, type SoftwareKey } from "./keys.js";

/** What {@link MockToken} is like. By default a well-behaved token with the PIN `123456`. */
export interface MockTokenOptions extends Partial<TokenIdentity>, Partial<MockTokenSettings> {}

/** How a token behaves. */
export interface MockTokenSettings {
  /** Default `123456`. */
  readonly pin: string;
  /** Wrong PINs in a row that lock it. Default 3; `Infinity` never locks. */
  readonly pinTries: number;
  readonly loginRequired: boolean;
  readonly protectedAuthenticationPath: boolean;
  /** Whether private keys are seen before login. Default false, as on most tokens. */
  readonly privateKeysVisible: boolean;
  /** Room for objects in bytes, which the token then also tells of. Default: endless and not told. */
  readonly memory?: number | undefined;
  readonly keyAlgorithms: readonly KeyAlgorithm[];
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
}

export interface TokenKey extends SoftwareKey {
  readonly keyId: Uint8Array;
  readonly label: string;
  /** Absent: for both. */
  readonly usage?: KeyPairUsage | undefined;
  /** Absent: made on the token. */
  readonly origin?: "imported" | undefined;
}

/** A certificate as the token keeps it. */
export interface TokenCertificateObject {
  readonly der: Uint8Array;
  readonly keyId: Uint8Array;
  readonly label: string;
}

/** What the token said of a PIN that was presented. */
export type PinPresentation = "right" | "wrong";

/**
 * A token in memory, which outlives the drivers it is plugged into as a token outlives a process. What is done on it
 * directly needs no PIN: that is how a test prepares it and looks at it.
 *
 * @example
 * const token = new MockToken({ label: "Sample" });
 * const { keyId, spki } = await token.generateKeyPair({ algorithm: "ec-p256", keyId: Uint8Array.of(1), label: "old" });
 * token.importCertificate({ der: await ra.issue({ spki, subject: "CN=Sample Applicant" }), keyId, label: "old" });
 * const driver = mockDriver({ tokens: [token] });
 */
export class MockToken {
  readonly identity: TokenIdentity;
  readonly settings: MockTokenSettings;
  readonly #presentations: PinPresentation[] = [];
  #wrongTries = 0;
  #keys: readonly TokenKey[] = [];
  #certificates: readonly TokenCertificateObject[] = [];

  constructor(options: MockTokenOptions = {}) {
    const { serialNumber = "0001", label = "Mock token" } = options;
    const { model = "Mock", manufacturer = "certrenew" } = options;
    this.identity = { serialNumber, label, model, manufacturer };
    this.settings = {
      pin: options.pin ?? "123456",
      pinTries: options.pinTries ?? 3,
      loginRequired: options.loginRequired ?? true,
      protectedAuthenticationPath: options.protectedAuthenticationPath ?? false,
      privateKeysVisible: options.privateKeysVisible ?? false,
      memory: options.memory,
      keyAlgorithms: options.keyAlgorithms ?? KEY_ALGORITHMS,
      signatureAlgorithms: options.signatureAlgorithms ?? SIGNATURE_ALGORITHMS,
    };
  }

  get keys(): readonly TokenKey[] {
    return this.#keys;
  }

  get certificates(): readonly TokenCertificateObject[] {
    return this.#certificates;
  }

  /** Every PIN presented so far, by whichever driver: that it was right or wrong, never the PIN. */
  get pinPresentations(): readonly PinPresentation[] {
    return this.#presentations;
  }

  /** Wrong PINs since the last right one. */
  get wrongTries(): number {
    return this.#wrongTries;
  }

  get pinState(): PinState {
    const left = this.settings.pinTries - this.#wrongTries;
    if (left <= 0) return "locked";
    if (this.#wrongTries === 0) return "ok";
    return left === 1 ? "final" : "low";
  }

  /** Free memory in bytes; `undefined` where it is endless. */
  get freeMemory(): number | undefined {
    if (this.settings.memory === undefined) return undefined;
    const sizes = [...this.#keys.map(sizeOfKey), ...this.#certificates.map(sizeOfCertificate)];
    return this.settings.memory - sizes.reduce((sum, size) => sum + size, 0);
  }

  /** `undefined`: typed at the reader, and right. A locked token takes none for right. */
  presentPin(pin: string | undefined): PinPresentation {
    const right = this.pinState !== "locked" && (pin === undefined || pin === this.settings.pin);
    this.#wrongTries = right ? 0 : this.#wrongTries + 1;
    const result = right ? "right" : "wrong";
    this.#presentations.push(result);
    return result;
  }

  /** What its issuer does with the SO PIN, or `wrongTries` left by somebody else. */
  setWrongTries(wrongTries: number): void {
    this.#wrongTries = wrongTries;
  }

  async generateKeyPair(wanted: {
    readonly algorithm: KeyAlgorithm;
    readonly keyId: Uint8Array;
    readonly label: string;
    readonly usage?: KeyPairUsage | undefined;
  }): Promise<KeyPair> {
    const key = { ...(await generateSoftwareKey(wanted.algorithm)), ...wanted };
    return this.addKey(key);
  }

  /** @throws ERR_TOKEN_FULL */
  addKey(key: TokenKey): KeyPair {
    this.#makeRoom(sizeOfKey(key));
    const { algorithm, spki } = key;
    const keyId = Uint8Array.from(key.keyId);
    this.#keys = [...this.#keys, { ...key, keyId }];
    return { keyId, algorithm, spki };
  }

  /** @throws ERR_TOKEN_FULL */
  importCertificate(certificate: TokenCertificateObject): void {
    const { der, keyId, label } = certificate;
    if (this.#certificates.some((each) => bytesEqual(each.der, der) && sameId(each, keyId))) return;
    this.#makeRoom(sizeOfCertificate(certificate));
    const copy = { der: Uint8Array.from(der), keyId: Uint8Array.from(keyId), label };
    this.#certificates = [...this.#certificates, copy];
  }

  /** By CKA_ID, and by public key where it is given; with neither there is nothing to find it by. */
  findKey({ keyId, spki }: KeyReference): TokenKey | undefined {
    return this.#keys.find((key) => isMeant(key, { keyId, spki }));
  }

  destroy({ kind, keyId, sha256, spki }: Omit<DestroyOptions, "signal">): void {
    if (kind === "key-pair") {
      this.#keys = this.#keys.filter((key) => !isMeant(key, { keyId, spki }));
    } else {
      this.#certificates = this.#certificates.filter(
        (each) => !sameId(each, keyId) || (sha256 !== undefined && sha256Of(each.der) !== sha256),
      );
    }
  }

  /** The certificates as a reader sees them who is logged in, or who is not. */
  list(loggedIn: boolean): readonly TokenCertificate[] {
    const sees = loggedIn || this.settings.privateKeysVisible;
    return this.#certificates.map(({ der, keyId, label }) => {
      const present = () => this.findKey({ keyId, spki: publicKeyOf(der) }) !== undefined;
      const privateKey = sees ? (present() ? "present" : "absent") : "unknown";
      return { der: Uint8Array.from(der), keyId: Uint8Array.from(keyId), label, privateKey };
    });
  }

  #makeRoom(size: number): void {
    if ((this.freeMemory ?? size) < size) throw new RenewalError("ERR_TOKEN_FULL");
  }
}

/** What the attributes of one object take besides its value. */
const OBJECT_OVERHEAD = 128;

const sizeOfCertificate = ({ der }: TokenCertificateObject): number => der.length + OBJECT_OVERHEAD;

const sizeOfKey = (key: TokenKey): number =>
  exportPrivateKey(key).length + key.spki.length + 2 * OBJECT_OVERHEAD;

function isMeant(key: TokenKey, { keyId, spki }: KeyReference): boolean {
  if (keyId.length === 0 && spki === undefined) return false;
  return (
    (keyId.length === 0 || sameId(key, keyId)) && (spki === undefined || bytesEqual(key.spki, spki))
  );
}

const sameId = (object: { readonly keyId: Uint8Array }, keyId: Uint8Array): boolean =>
  bytesEqual(object.keyId, keyId);
