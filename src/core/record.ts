import type { KeyAlgorithm } from "./domain/key-algorithm.js";
import type { PaymentLedger } from "./domain/ledger.js";
import type { KeyMode, SignedOffer } from "./domain/offer.js";
import type { Order } from "./domain/order.js";
import type { ReviewReason } from "./domain/progress.js";
import type { JsonObject } from "./domain/scalars.js";
import type { CloseReason } from "./lifecycle.js";
import type { TokenIdentity } from "./ports/driver.js";
import type { Exchange } from "./ports/transport.js";
import type { ProcessIdentity } from "./process-identity.js";
import type { CertificateChange } from "./views.js";

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
  readonly status: "draft" | "submitting" | "received" | "returned" | "approved" | CloseReason;
  readonly revision: number;
  readonly reasons: readonly ReviewReason[];
  readonly choice?: Choice | undefined;
  readonly requestedKey?: RequestedKey | undefined;
  /** PKCS#10, DER. */
  readonly request?: Uint8Array | undefined;
  /** The application as signed (CMS), DER. */
  readonly signed?: Uint8Array | undefined;
  /** The RA's signed receipt, DER. */
  readonly receipt?: Uint8Array | undefined;
  readonly submittedAt?: Date | undefined;
  /** What the RA gave to speak of the application; opaque. */
  readonly remote?: JsonObject | undefined;
}

/** What the holder agreed to, kept before anything is done with it. */
export interface Choice {
  readonly acceptedAt: Date;
  readonly years: number;
  readonly form: JsonObject;
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
  readonly collected?: CollectedCertificate | undefined;
  readonly installation?: Installation | undefined;
}

/** Collected from the RA and verified. */
export interface CollectedCertificate {
  readonly certificate: Uint8Array;
  /** Leaf first, trust anchor last. */
  readonly chain: readonly Uint8Array[];
  readonly changes: readonly CertificateChange[];
  readonly confirmBy?: Date | undefined;
}

interface Installation {
  readonly begunAt: Date;
  readonly provenAt?: Date | undefined;
  readonly proof?: Proof | undefined;
  readonly confirmedAt?: Date | undefined;
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
