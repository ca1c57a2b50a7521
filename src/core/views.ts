import type { OnlinePaymentInstruction, PaymentLedger, PaymentStatus } from "./domain/ledger.js";
import type { Money } from "./domain/money.js";
import type { KeyMode } from "./domain/offer.js";
import type { TokenIdentity } from "./ports/driver.js";

/** What a renewal shows of itself, beside its order. */

/** A certificate, as people and programs speak of it. */
export interface CertificateSummary {
  /** RFC 4514. */
  readonly subject: string;
  readonly issuer: string;
  /** Hexadecimal, upper case. */
  readonly serialNumber: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The thumbprint: SHA-256 of the DER, hexadecimal. */
  readonly sha256: string;
  /** CKA_ID, hexadecimal. */
  readonly keyId: string;
  readonly label: string;
  readonly der: Uint8Array;
}

/** A question to be answered before `submit` and before `install`, from the RA or from the embedding platform. */
export interface GuardQuestion {
  readonly id: string;
  /** `ra`: of its offer. `terms`: from what they agree. `token`: from what stands on it. `platform`: the client's `guards`. */
  readonly from: "ra" | "platform" | "terms" | "token";
  readonly en: string;
  readonly zh: string;
}

/** The ledger and what follows from it. */
export interface PaymentView extends PaymentLedger {
  readonly status: PaymentStatus;
  readonly received: Money;
  /** What the RA's receipts leave to be paid. */
  readonly outstanding: Money;
  /** What is covered neither by a receipt nor by an announced transfer. */
  readonly uncovered: Money;
  /** The payment that is open at the gateway: where to pay, and until when. */
  readonly online: OnlinePaymentInstruction | undefined;
}

/** Something about the new certificate that differs from the previous one, beyond key, serial number and dates. */
export interface CertificateChange {
  readonly field:
    | "issuer"
    | "keyAlgorithm"
    | "keyUsage"
    | "extendedKeyUsage"
    | "certificatePolicies"
    | "extension";
  /** Which `extension`: its object identifier. */
  readonly oid?: string | undefined;
  /** Of an extension as OpenSSL writes it, `critical,DER:…` in hexadecimal; empty where there was none. */
  readonly from: string;
  readonly to: string;
}

/** What a hook of the platform made of one login, seal or other binding to the old certificate. */
export interface Rebinding {
  /** The hook's `id` and `title`. */
  readonly id: string;
  readonly title: string;
  readonly status: "moved" | "left";
  /** Why it was left. */
  readonly reason?: string | undefined;
  readonly at: Date;
}

/** What became of the encryption certificate beside the signing one. */
export type EncryptionOutcome =
  | {
      readonly outcome: "renewed";
      readonly previous: CertificateSummary;
      readonly renewed: CertificateSummary;
      readonly changes: readonly CertificateChange[];
    }
  /** It stays as it is, and `reason` says why; the key stays on the token and opens what it opened. */
  | { readonly outcome: "kept"; readonly previous: CertificateSummary; readonly reason: string };

/** What `install` achieved, for the holder's files. */
export interface RenewalReport {
  readonly renewalId: string;
  readonly businessNumber: string | undefined;
  readonly token: TokenIdentity;
  readonly previous: CertificateSummary;
  readonly renewed: CertificateSummary;
  readonly keyMode: KeyMode;
  readonly changes: readonly CertificateChange[];
  /** `undefined` where the credential had none. */
  readonly encryption: EncryptionOutcome | undefined;
  /** From when the new certificate is valid: an RA may issue for a time to come. */
  readonly validFrom: Date;
  /**
   * CMS SignedData, DER: the old key signed the new certificate, and the new key signed that. Absent where the old key was
   * not on the token any more.
   */
  readonly continuity: Uint8Array | undefined;
  /** What the client's `rebind` hooks moved, and what they left. */
  readonly rebindings: readonly Rebinding[];
  /** What logins, seals and platforms bound to the old certificate must be bound to again. */
  readonly bindAgain: readonly ("serialNumber" | "thumbprint" | "publicKey")[];
  /** When the new pair was proven on the token: written, read back, and a signature of it verified, by a fresh process. */
  readonly provenAt: Date;
  readonly confirmedAt: Date;
}
