import { z } from "zod";
import type { KeyAlgorithm, SignatureAlgorithm } from "../domain/key-algorithm.js";
import type { PaymentInstruction, Recipient, Remittance } from "../domain/ledger.js";
import type { Money } from "../domain/money.js";
import { type KeyMode, mediaTypeSchema, type Offer, type SignedOffer } from "../domain/offer.js";
import { type Progress, progressSchema } from "../domain/progress.js";
import {
  bytes,
  dateTime,
  identifier,
  type JsonObject,
  jsonObject,
  sha256Hex,
} from "../domain/scalars.js";
import type { CallOptions } from "./driver.js";

/**
 * The transport port: how the lifecycle reaches a registration authority (RA). Own transports implement
 * {@link Transport} and prove themselves with `transportContract` of `certrenew/testing`.
 *
 * Everything that changes the RA's state is an {@link Exchange}: prepared (signed, numbered, exact bytes), saved by
 * core, and only then sent. On an unclear outcome core calls `recover`, which asks before it repeats.
 *
 * Failures are `RenewalError`s: ERR_RA_UNREACHABLE (nothing is known of the outcome), ERR_RA_BUSY (try later),
 * ERR_RA_REFUSED (refused for good, nothing was changed), ERR_RA_RESPONSE (the answer is not what the protocol says), and
 * the more exact codes that the RA names, such as ERR_FORM_INVALID or ERR_OFFER_STALE.
 */
export interface Transport {
  readonly name: string;
  readonly traits: TransportTraits;
  /** Makes the signed application. Sends nothing. */
  prepare(
    application: ApplicationContent,
    signers: ApplicationSigners,
    options?: CallOptions,
  ): Promise<Exchange>;
  /**
   * Sends an exchange as prepared. Safe to repeat where `duplicateSafety` is `exact`.
   * @throws ERR_RA_UNREACHABLE when the outcome is not known, ERR_ABORTED when it was stopped under way, which leaves the
   *   outcome open too; every other error means that nothing was changed
   */
  send(exchange: Exchange, reference: Reference, options?: TransportCallOptions): Promise<Reply>;
  /**
   * Finds out what became of an exchange that was sent, or was about to be, without changing anything.
   * `not-received`: the RA does not have it, and it may be sent. `unclear`: the protocol cannot tell.
   */
  recover(
    exchange: Exchange,
    reference: Reference,
    options?: TransportCallOptions,
  ): Promise<Recovery>;
  /** What the RA says now. Changes nothing. With `polling: "signed"` a signer is given. */
  progress(
    reference: Reference,
    options?: CallOptions & { readonly signer?: Signer | undefined },
  ): Promise<Reply>;
  /** Fetches what was issued. Changes nothing, unless `collectStartsClock`. */
  collect(
    reference: Reference,
    options?: CallOptions & { readonly signer?: Signer | undefined },
  ): Promise<Issued>;
  /** Makes the confirmation that the new certificate is installed and proven, signed by the new key. Sends nothing. */
  prepareConfirmation(
    content: ConfirmationContent,
    signer: Signer,
    options?: CallOptions,
  ): Promise<Exchange>;
  /** What only an RA with a business side has. */
  readonly business?: BusinessFacet | undefined;
}

/** What a call to the RA takes. */
export interface TransportCallOptions extends CallOptions {
  /** The client's, DER: what the RA signs is verified up to these, unless the transport was given its own. */
  readonly trustAnchors?: readonly Uint8Array[] | undefined;
}

/** How a protocol behaves, where core has to know. */
export interface TransportTraits {
  /** `signed`: asking for progress needs the old key, and so the token. */
  readonly polling: "free" | "signed";
  /** Collecting starts the CA's clock for the confirmation: core then collects inside `install` only. */
  readonly collectStartsClock: boolean;
  /** `exact`: sending the same exchange twice is one exchange for the RA. */
  readonly duplicateSafety: "exact" | "best-effort";
}

/** What asking for an offer takes. */
export interface OfferCallOptions extends TransportCallOptions {
  /** The encryption certificate beside it on the token, DER: the offer tells what becomes of it. */
  readonly encryption?: Uint8Array | undefined;
}

/** The optional methods are of what not every RA has; a step that needs one that is missing says ERR_UNSUPPORTED. */
export interface BusinessFacet {
  /** @throws ERR_RA_UNREACHABLE, ERR_RA_RESPONSE, ERR_RA_REFUSED (revoked, outside the window, another CA's) */
  offer(certificate: Uint8Array, options?: OfferCallOptions): Promise<SignedOffer>;
  /** 银行转账. Authorised by the follow secret; each one appends to what the RA has. */
  prepareBankTransfer(
    reference: Reference,
    content: BankTransferContent,
    options?: CallOptions,
  ): Promise<Exchange>;
  /** 在线支付: opens a payment at the gateway. Authorised by the follow secret; closes the one that was open before. */
  prepareOnlinePayment?(
    reference: Reference,
    content: OnlinePaymentContent,
    options?: CallOptions,
  ): Promise<Exchange>;
  /** Signed by the old key. */
  prepareCancellation(
    reference: Reference,
    signer: Signer,
    options?: CallOptions,
  ): Promise<Exchange>;
  /**
   * Hands in the certification request of an approved application: the first one, where the terms want the key pair made at
   * installation, or one that takes the place of the one before. Signed by the old key; without it (`signer` absent) the
   * follow secret alone speaks for the applicant, and the RA has a person look at it again.
   */
  prepareCertificationRequest?(
    content: CertificationRequestContent,
    signer: Signer | undefined,
    options?: CallOptions,
  ): Promise<Exchange>;
  /**
   * Uploads a document before the application names it. Named by its hash, so it is safe to repeat.
   * @throws ERR_ATTACHMENT_INVALID, ERR_RA_*
   */
  upload?(reference: Reference, document: AttachmentDocument, options?: CallOptions): Promise<void>;
  /**
   * Finds what was applied for with this certificate, from any computer: signed by its key. The RA takes the new follow
   * secret for each of them from now on, beside those that it knows.
   */
  lookUp?(
    content: LookUpContent,
    signer: Signer,
    options?: TransportCallOptions,
  ): Promise<readonly FoundApplication[]>;
}

/** A document that stands under the application's signature by its hash. */
export interface AttachmentReference {
  /** A `purpose` of the offer's attachments. */
  readonly purpose: string;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  readonly mediaType: string;
  /** In bytes. */
  readonly size: number;
}

/** A document to be uploaded. */
export interface AttachmentDocument extends AttachmentReference {
  readonly content: Uint8Array;
}

/** What a transport needs to speak of one application again, bearer secret included. Never stored as one piece. */
export interface Reference {
  readonly renewalId: string;
  /** 256 bits, base64url; its hash stands in the signed application. Kept in `record.secrets`. */
  readonly followSecret: string;
  /** The hash of the old certificate and of the offer, for what is signed later. */
  readonly certificateSha256: string;
  readonly offer: { readonly id: string; readonly origin: string };
  /** What the RA gave back; JSON, opaque to core. */
  readonly remote?: JsonObject | undefined;
}

/** A key that signs, never the key itself. */
export interface Signer {
  readonly certificate?: Uint8Array | undefined;
  readonly spki: Uint8Array;
  /** In the order of preference. */
  readonly algorithms: readonly SignatureAlgorithm[];
  sign(message: Uint8Array, algorithm: SignatureAlgorithm): Promise<Uint8Array>;
}

/** The keys that sign an application and its PKCS#10. */
export interface ApplicationSigners {
  /** The old certificate's key. */
  readonly previous: Signer;
  /** The key for which a certificate is asked: the same one with `renew`; absent where it is made at installation. */
  readonly requested?: Signer | undefined;
}

/** What the applicant agreed to and asks for. The transport puts it under the old key's signature. */
export interface ApplicationContent {
  readonly renewalId: string;
  /** 1, and one more with each amendment. */
  readonly revision: number;
  readonly idempotencyKey: string;
  readonly offer: Offer;
  /** The bytes that the RA signed for the offer ({@link SignedOffer}), where it signed some: bound by their hash. */
  readonly offerDocument?: Uint8Array | undefined;
  readonly certificate: Uint8Array;
  /** PKCS#10 (RFC 2986), DER, signed by the requested key; absent where the terms want it at installation. */
  readonly request?: Uint8Array | undefined;
  /** The encryption certificate to be renewed together with it, and the request for the new one. */
  readonly encryption?: EncryptionRequest | undefined;
  readonly agreement: {
    readonly version: string;
    readonly sha256: string;
    readonly acceptedAt: Date;
  };
  readonly years: number;
  readonly price: Money;
  readonly keyMode: KeyMode;
  readonly keyAlgorithm: KeyAlgorithm;
  readonly form: JsonObject;
  readonly attachments: readonly AttachmentReference[];
  readonly acknowledged: readonly string[];
  readonly followSecret: string;
  /** Our nonce; the RA's is `offer.nonce`. */
  readonly nonce: string;
  readonly signedAt: Date;
  readonly expiresAt: Date;
}

/** What is asked for beside the signing certificate. */
export interface EncryptionRequest {
  /** The encryption certificate of the credential, DER. */
  readonly certificate: Uint8Array;
  /** PKCS#10, DER; absent where the terms want it at installation. */
  readonly request?: Uint8Array | undefined;
}

/** 在线支付: which payment is to be opened. */
export interface OnlinePaymentContent {
  readonly idempotencyKey: string;
  readonly instructionId: PaymentInstruction["id"];
  readonly recipient: Recipient;
  readonly invoiceType: string;
  /** An `id` of the order's payment methods. */
  readonly method: string;
}

export const CERTIFICATION_REQUEST_REASONS = [
  "installation",
  "key-lost",
  "token-replaced",
  "certificate-unusable",
] as const;

/**
 * Why a certification request is handed in after the application. `installation`: the terms want it then. `key-lost`: the
 * requested key is not on the token any more. `token-replaced`: another token takes its place. `certificate-unusable`: what
 * was issued cannot be installed.
 */
export type CertificationRequestReason = (typeof CERTIFICATION_REQUEST_REASONS)[number];

/** A certification request of an application that the RA has. */
export interface CertificationRequestContent {
  readonly idempotencyKey: string;
  readonly reference: Reference;
  readonly reason: CertificationRequestReason;
  /** PKCS#10, DER. */
  readonly request: Uint8Array;
  /** PKCS#10, DER, for the encryption certificate. */
  readonly encryptionRequest?: Uint8Array | undefined;
}

/** What an applicant shows who has the Key, and nothing else. */
export interface LookUpContent {
  /** DER. May have expired. */
  readonly certificate: Uint8Array;
  /** A fresh one: from now on the RA takes it for each renewal that it found. */
  readonly followSecret: string;
}

/** One application as the RA has it, and as its applicant signed it. */
export interface FoundApplication {
  readonly renewalId: string;
  /** As the RA signed it then. */
  readonly offer: SignedOffer;
  /** What the applicant signed, read back. */
  readonly applied: Pick<
    ApplicationContent,
    | "revision"
    | "agreement"
    | "years"
    | "keyMode"
    | "keyAlgorithm"
    | "form"
    | "attachments"
    | "acknowledged"
  > & {
    /** CMS SignedData, DER. */
    readonly signed: Uint8Array;
    readonly request?: Uint8Array | undefined;
    readonly encryption?: EncryptionRequest | undefined;
  };
  /** The latest certification request that was handed in after the application, PKCS#10. */
  readonly handedIn?:
    | { readonly request: Uint8Array; readonly encryptionRequest?: Uint8Array | undefined }
    | undefined;
  readonly reply: Reply;
}

/** 银行转账信息: which transfers the applicant made. */
export interface BankTransferContent {
  readonly idempotencyKey: string;
  readonly instructionId: PaymentInstruction["id"];
  readonly recipient: Recipient;
  readonly invoiceType: string;
  readonly remittances: readonly Remittance[];
}

/** Which certificate was installed, and when. */
export interface ConfirmationContent {
  readonly idempotencyKey: string;
  readonly reference: Reference;
  /** The new certificate, DER. */
  readonly certificate: Uint8Array;
  /** The new encryption certificate, DER, where one was installed beside it. */
  readonly encryption?: Uint8Array | undefined;
  readonly installedAt: Date;
}

/** What changes something at the RA. */
export const EXCHANGE_PURPOSES = [
  "application",
  "bank-transfer",
  "online-payment",
  "cancellation",
  "certification-request",
  "confirmation",
] as const;

/** What an {@link Exchange} does at the RA. */
export type ExchangePurpose = (typeof EXCHANGE_PURPOSES)[number];

/** One message to the RA, ready to send: exact bytes, since ECDSA signatures differ each time they are made. */
export interface Exchange {
  readonly id: string;
  readonly purpose: ExchangePurpose;
  readonly idempotencyKey: string;
  readonly preparedAt: Date;
  /** After this the RA takes it no more (its signed expiry). */
  readonly expiresAt?: Date | undefined;
  /** The signed message for the archive, DER; absent where the message is not signed. */
  readonly signed?: Uint8Array | undefined;
  /** What the transport sends, without the follow secret (`send` is given it). The transport's own shape; JSON. */
  readonly message: JsonObject;
}

/** The RA's answer to an exchange, or to a look. */
export interface Reply {
  readonly progress: Progress;
  readonly remote?: JsonObject | undefined;
  /** The RA's signed receipt, where it gives one: kept as evidence. */
  readonly receipt?: Uint8Array | undefined;
  /** When to ask again, as the RA wishes; already capped. */
  readonly retryAfterMs?: number | undefined;
}

/** What became of an {@link Exchange}; see {@link Transport.recover}. */
export type Recovery =
  | { readonly outcome: "done"; readonly reply: Reply }
  | { readonly outcome: "not-received" }
  | { readonly outcome: "unclear" };

/** What the RA issued. Nothing of it is trusted until it was verified. */
export interface Issued {
  /** The new certificate, DER. */
  readonly certificate: Uint8Array;
  /** Untrusted intermediates, DER. */
  readonly chain: readonly Uint8Array[];
  /** The RA revokes what is not confirmed by then. */
  readonly confirmBy?: Date | undefined;
  /** The new encryption certificate, where one was asked for. */
  readonly encryption?: IssuedEncryption | undefined;
}

/** The encryption certificate that was issued beside the signing one. */
export interface IssuedEncryption {
  /** DER. */
  readonly certificate: Uint8Array;
  /** Untrusted intermediates, DER. */
  readonly chain: readonly Uint8Array[];
}

export const attachmentSchema = z.strictObject({
  purpose: identifier,
  sha256: sha256Hex,
  mediaType: mediaTypeSchema,
  size: z.int().min(0),
}) satisfies z.ZodType<AttachmentReference, unknown>;

export const replySchema = z.object({
  progress: progressSchema,
  remote: jsonObject.optional(),
  receipt: bytes.optional(),
  retryAfterMs: z.number().min(0).optional(),
}) satisfies z.ZodType<Reply, unknown>;

export const exchangeSchema = z.object({
  id: identifier,
  purpose: z.enum(EXCHANGE_PURPOSES),
  idempotencyKey: z.string().min(1).max(255),
  preparedAt: dateTime,
  expiresAt: dateTime.optional(),
  signed: bytes.optional(),
  message: jsonObject,
}) satisfies z.ZodType<Exchange, unknown>;
