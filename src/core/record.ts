import type { KeyAlgorithm } from "./domain/key-algorithm.js";
import type { PaymentLedger } from "./domain/ledger.js";
import type { KeyMode, SignedOffer } from "./domain/offer.js";
import type { Order } from "./domain/order.js";
import type { ReviewReason } from "./domain/progress.js";
import type { JsonObject } from "./domain/scalars.js";
import type { CloseReason } from "./lifecycle.js";
import type { TokenIdentity } from "./ports/driver.js";
import type {
  AttachmentReference,
  CertificationRequestReason,
  Exchange,
} from "./ports/transport.js";
import type { ProcessIdentity } from "./process-identity.js";
import type { CertificateChange, Rebinding } from "./views.js";

/**
 * What is known of one renewal, and all that is needed to go on with it in another process. Immutable in memory; JSON in
 * the store. It keeps three facts apart (application, payment, issuance); the state is derived from them.
 * No PIN and no private key ever stands here. The one secret is in `secrets`.
 */
export interface RenewalRecord {
  readonly id: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly token: TokenIdentity;
  /** The certificate being renewed. */
  readonly previous: HeldCertificate;
  /** The encryption certificate beside it on the token, where there is one. */
  readonly encryption?: HeldCertificate | undefined;
  readonly offer: SignedOffer;
  readonly application: ApplicationFacts;
  readonly payment?: PaymentLedger | undefined;
  readonly issuance: IssuanceFacts;
  readonly order?: Order | undefined;
  /** When the RA expects to be done with the stage now. */
  readonly dueAt?: Date | undefined;
  /** The RA asked not to be asked again before. */
  readonly pollNotBefore?: Date | undefined;
  /** Exchanges that were prepared and whose outcome is not known. Sent again as they are, never made anew. */
  readonly outbox: readonly Exchange[];
  /** The announcement of transfers whose call has not returned yet: repeated, it is the same announcement. */
  readonly announcement?: Announcement | undefined;
  /** Who works on the renewal now. */
  readonly claim?: Claim | undefined;
  /** Grows with every claim. */
  readonly fence: number;
  readonly secrets: { readonly followSecret?: string | undefined };
}

export interface HeldCertificate {
  readonly der: Uint8Array;
  readonly keyId: Uint8Array;
  readonly label: string;
}

interface ApplicationFacts {
  readonly status:
    | "draft"
    | "submitting"
    | "received"
    | "returned"
    | "approved"
    | Exclude<CloseReason, "elsewhere">;
  readonly revision: number;
  readonly reasons: readonly ReviewReason[];
  readonly choice?: Choice | undefined;
  readonly requestedKey?: RequestedKey | undefined;
  /** PKCS#10, DER. */
  readonly request?: Uint8Array | undefined;
  /** The same for the encryption certificate, where it is renewed together with the signing one. */
  readonly encryption?: RequestedEncryption | undefined;
  /** The application as signed (CMS), DER. */
  readonly signed?: Uint8Array | undefined;
  /** The RA's signed receipt, DER. */
  readonly receipt?: Uint8Array | undefined;
  readonly submittedAt?: Date | undefined;
  /** What the RA gave to speak of the application; opaque. */
  readonly remote?: JsonObject | undefined;
  readonly amendableUntil?: Date | undefined;
  /** Earlier revisions, oldest first: what was signed, and why the RA gave it back. */
  readonly returned?: readonly ReturnedRevision[] | undefined;
  /** Certification requests after the application, oldest first, as they were signed, with the RA's receipts. */
  readonly handedIn?: readonly HandedInRequest[] | undefined;
  /** Key pairs on the token that this renewal made and will not use. */
  readonly abandonedKeys?: readonly RequestedKey[] | undefined;
}

interface ReturnedRevision {
  readonly revision: number;
  readonly choice: Choice;
  readonly signed?: Uint8Array | undefined;
  readonly receipt?: Uint8Array | undefined;
  readonly reasons: readonly ReviewReason[];
}

export interface HandedInRequest {
  readonly reason: CertificationRequestReason;
  /** CMS SignedData, DER; absent where the old key was lost. */
  readonly signed?: Uint8Array | undefined;
  readonly receipt?: Uint8Array | undefined;
  /** The requests in whose place it came, PKCS#10; absent where it was the first. */
  readonly replaced?:
    | { readonly request: Uint8Array; readonly encryptionRequest?: Uint8Array | undefined }
    | undefined;
}

interface RequestedEncryption {
  readonly key: RequestedKey;
  /** PKCS#10, DER. */
  readonly request?: Uint8Array | undefined;
}

/** What the holder agreed to, kept before anything is done with it. */
export interface Choice {
  readonly acceptedAt: Date;
  readonly years: number;
  readonly form: JsonObject;
  readonly attachments: readonly AttachmentReference[];
  readonly acknowledged: readonly string[];
  readonly keyMode: KeyMode;
  readonly keyAlgorithm: KeyAlgorithm;
}

/** The key for which a certificate is asked. Chosen and saved before it is made. */
export interface RequestedKey {
  readonly keyId: Uint8Array;
  readonly label: string;
  readonly algorithm: KeyAlgorithm;
  /** SubjectPublicKeyInfo, once the pair exists. */
  readonly spki?: Uint8Array | undefined;
}

interface IssuanceFacts {
  readonly status: "none" | "ready" | "confirmed" | "revoked";
  readonly collectUntil?: Date | undefined;
  /** A certification request after the application, until the RA has it. */
  readonly keyRequest?: KeyRequest | undefined;
  /** How many were handed in because the one before was of no use. */
  readonly reissues?: number | undefined;
  readonly collected?: CollectedCertificate | undefined;
  readonly installation?: Installation | undefined;
}

/** Planned and saved before the key pair is made. */
export interface KeyRequest {
  readonly reason: CertificationRequestReason;
  /** The token on which it is made. */
  readonly token: TokenIdentity;
  readonly key: RequestedKey;
  readonly encryptionKey?: RequestedKey | undefined;
  /** PKCS#10, DER, once they are signed. */
  readonly request?: Uint8Array | undefined;
  readonly encryptionRequest?: Uint8Array | undefined;
}

/** What was collected and verified, for one key. */
export interface VerifiedCertificate {
  readonly certificate: Uint8Array;
  /** Leaf first, trust anchor last. */
  readonly chain: readonly Uint8Array[];
  readonly changes: readonly CertificateChange[];
}

/** Collected from the RA and verified. */
export interface CollectedCertificate extends VerifiedCertificate {
  readonly encryption?: VerifiedCertificate | undefined;
  readonly confirmBy?: Date | undefined;
}

interface SignedAndReceipted {
  readonly signed?: Uint8Array | undefined;
  readonly receipt?: Uint8Array | undefined;
}

export interface Installation {
  readonly begunAt: Date;
  readonly provenAt?: Date | undefined;
  readonly proof?: Proof | undefined;
  /** The continuity statement: see `steps/continuity.ts`. DER. */
  readonly continuity?: Uint8Array | undefined;
  readonly confirmedAt?: Date | undefined;
  /** The confirmation as signed, and the RA's receipt for it, DER. */
  readonly confirmation?: SignedAndReceipted | undefined;
  /** What the platform's hooks moved to the new certificate. */
  readonly rebindings?: readonly Rebinding[] | undefined;
}

/** A statement of our own that the new key signed after the installation, in a fresh process. */
export interface Proof {
  readonly statement: Uint8Array;
  readonly algorithm: string;
  readonly signature: Uint8Array;
}

interface Announcement {
  readonly instructionId: string;
  /** SHA-256 of its content, hexadecimal. */
  readonly digest: string;
  /** The RA has it. */
  readonly received?: boolean | undefined;
}

export interface Claim {
  readonly owner: ProcessIdentity;
  /** The mark of one step's claims: tells a claim at work from one that was left behind. */
  readonly clientId: string;
  readonly takenAt: Date;
  /** The process in which the driver works for the owner; it may outlive it. */
  readonly host?: ProcessIdentity | undefined;
}
