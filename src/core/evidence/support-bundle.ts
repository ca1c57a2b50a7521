import type { KeyAlgorithm, SignatureAlgorithm } from "../domain/key-algorithm.js";
import type { PaymentStatus } from "../domain/ledger.js";
import type { KeyMode, OfferTerms } from "../domain/offer.js";
import type { BusinessStatus } from "../domain/order.js";
import type { ErrorCode } from "../errors.js";
import type { CloseReason, Stage, State } from "../lifecycle.js";
import type { KeyUsage } from "../pki/certificate.js";
import type {
  CertificationRequestReason,
  ExchangePurpose,
  TransportTraits,
} from "../ports/transport.js";
import type { CertificateChange } from "../views.js";

/**
 * What a support desk may be sent: where a renewal stands, and on what it runs. No name, no subject, no form, no payer, no
 * address, no document, no serial number, no amount and no secret; `renewal.id` is random, and the RA knows it. As JSON, times
 * are ISO 8601.
 */
export interface SupportBundle {
  readonly format: "certrenew/support";
  readonly version: 1;
  readonly madeAt: Date;
  readonly environment: {
    readonly certrenew: string;
    readonly node: string;
    readonly platform: string;
    readonly arch: string;
    /** The driver's `name`. */
    readonly driver: string;
    /** Absent where there is none for this certificate. */
    readonly transport?: { readonly name: string; readonly traits: TransportTraits } | undefined;
  };
  /** Of the error that was given. */
  readonly error?: ErrorCode | undefined;
  readonly renewal: {
    readonly id: string;
    readonly state: State;
    readonly stage: Stage | undefined;
    readonly closed: CloseReason | undefined;
    readonly createdAt: Date;
    readonly updatedAt: Date;
    readonly dueAt: Date | undefined;
    readonly pollNotBefore: Date | undefined;
    /** How often the record was claimed by a step, and whether one holds it now. */
    readonly claims: number;
    readonly claimedSince: Date | undefined;
  };
  readonly certificates: {
    readonly previous: SupportCertificate;
    readonly encryption: SupportCertificate | undefined;
    readonly renewed: SupportCertificate | undefined;
    readonly renewedEncryption: SupportCertificate | undefined;
    /** What differs, by the names of the fields alone. */
    readonly changes: readonly CertificateChange["field"][];
  };
  readonly offer: {
    readonly signed: boolean;
    readonly createdAt: Date;
    readonly expiresAt: Date;
    readonly years: readonly number[];
    readonly guards: number;
    readonly attachments: number;
    readonly encryption: "together" | "kept" | undefined;
  } & Pick<
    OfferTerms,
    | "keyModes"
    | "keyAlgorithms"
    | "previous"
    | "requestAt"
    | "payment"
    | "window"
    | "notAfterRule"
    | "amendableUntil"
    | "collectUntil"
  >;
  readonly application: {
    readonly status: string;
    readonly revision: number;
    readonly reasons: number;
    readonly choice: SupportChoice | undefined;
    readonly requestedKey: SupportKey | undefined;
    readonly encryptionKey: SupportKey | undefined;
    readonly signed: boolean;
    readonly receipt: boolean;
    readonly submittedAt: Date | undefined;
    readonly amendableUntil: Date | undefined;
    readonly abandonedKeys: number;
  };
  readonly payment: SupportPayment | undefined;
  readonly businessStatus: BusinessStatus | undefined;
  readonly issuance: {
    readonly status: string;
    readonly collectUntil: Date | undefined;
    readonly reissues: number;
    readonly keyRequest: CertificationRequestReason | undefined;
    readonly collected: boolean;
    readonly confirmBy: Date | undefined;
    readonly installation: SupportInstallation | undefined;
  };
  /** Messages whose outcome is not known. */
  readonly outbox: readonly {
    readonly purpose: ExchangePurpose;
    readonly preparedAt: Date;
    readonly expiresAt: Date | undefined;
    readonly signed: boolean;
  }[];
}

/** A certificate, without the name of its holder. */
export interface SupportCertificate {
  /** `undefined`: one that is in no row of our table. */
  readonly keyAlgorithm: KeyAlgorithm | undefined;
  readonly keyUsage: readonly KeyUsage[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Of the DER, in bytes. */
  readonly size: number;
}

/** What was chosen, without what was filled in. */
export interface SupportChoice {
  readonly acceptedAt: Date;
  readonly years: number;
  readonly keyMode: KeyMode;
  readonly keyAlgorithm: KeyAlgorithm;
  readonly acknowledged: number;
  readonly attachments: number;
}

/** The key pair that was asked for. */
export interface SupportKey {
  readonly algorithm: KeyAlgorithm;
  /** Whether the pair was seen on the token. */
  readonly made: boolean;
  /** Whether its certification request is signed. */
  readonly request: boolean;
}

/** What happened in the ledger, and when: no account and no name. */
export interface SupportPayment {
  readonly status: PaymentStatus;
  readonly open: boolean;
  readonly announced: boolean;
  readonly instructions: readonly {
    readonly kind: string;
    readonly status: string;
    readonly createdAt: Date;
  }[];
  readonly receipts: readonly Date[];
  readonly refunds: readonly {
    readonly status: string;
    readonly dueAt: Date | undefined;
    readonly sentAt: Date | undefined;
  }[];
}

/** How far the installation got. */
export interface SupportInstallation {
  readonly begunAt: Date;
  readonly provenAt: Date | undefined;
  readonly confirmedAt: Date | undefined;
  readonly proof: SignatureAlgorithm | undefined;
  readonly continuity: boolean;
  readonly receipt: boolean;
  /** How many bindings the platform's hooks moved, and left. */
  readonly rebindings: { readonly moved: number; readonly left: number };
}
