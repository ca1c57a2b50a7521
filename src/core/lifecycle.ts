import type { KeyAlgorithm } from "./domain/key-algorithm.js";
import type {
  PaymentInstruction,
  PaymentLedger,
  PaymentStatus,
  Recipient,
  Remittance,
} from "./domain/ledger.js";
import type { Money } from "./domain/money.js";
import type { Agreement, KeyMode, Offer } from "./domain/offer.js";
import type { Order } from "./domain/order.js";
import type { ReviewReason } from "./domain/progress.js";
import type { JsonObject } from "./domain/scalars.js";
import type { TokenIdentity } from "./ports/driver.js";

/**
 * The lifecycle of one renewal: the page to read first.
 *
 * A renewal is in one {@link State}; each state is an interface with only the steps that are legal there, and
 * {@link Renewal} is their union on `state`. A step that succeeded spends its handle and returns the next one; a step that
 * failed throws a `RenewalError` whose `renewal` is the handle to go on with. Which state a step may lead to stands in
 * `transitions.ts`.
 */
export type State =
  | "draft"
  | "submitting"
  | "awaiting-payment"
  | "awaiting-review"
  | "action-required"
  | "ready-to-install"
  | "installing"
  | "confirming"
  | "completed"
  | "closed";

/** The guide's five stages: 用户申请, 用户缴费, 管理员审核, 安装新证书, 完成. */
export type Stage = "application" | "payment" | "review" | "installation" | "completed";

export type StepName =
  | "submit"
  | "refresh"
  | "discard"
  | "continue"
  | "payByBankTransfer"
  | "wait"
  | "cancel"
  | "install"
  | "retirePrevious";

export type CloseReason = "discarded" | "cancelled" | "refused" | "lapsed";

export interface StepOptions {
  /** Stops the step; it throws ERR_ABORTED, and the renewal can be gone on with. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a step that unlocks the token. */
export interface UnlockingStepOptions extends StepOptions {
  /**
   * Present a PIN although the last one failed or its result is not known. `"final"`: even if it is the last try before
   * the token locks. Ask the holder first.
   */
  readonly retryPin?: boolean | "final" | undefined;
}

export interface ContinueOptions extends UnlockingStepOptions {
  /** Send again although the protocol cannot tell whether the RA has it. Only after asking the RA. */
  readonly repeat?: boolean | undefined;
}

/** What the holder decided on an offer. */
export interface SubmitOptions extends UnlockingStepOptions {
  /** The agreement that the holder read and accepts: `draft.offer.agreement`, or its version and hash. */
  readonly accept: Pick<Agreement, "version" | "sha256">;
  /** One of `offer.terms.years`. */
  readonly years: number;
  /** The form's values; those that the RA prefilled are taken where a field is missing. */
  readonly form?: JsonObject | undefined;
  /** The ids of all of `draft.guards`. */
  readonly acknowledge?: readonly string[] | undefined;
  /** Default: `re-key` where the terms allow it. */
  readonly keyMode?: KeyMode | undefined;
  /** Of the new key pair. Default: the old one's, where token and terms allow it, else the first that both do. */
  readonly keyAlgorithm?: KeyAlgorithm | undefined;
}

/** The guide's payment page: 收件人信息, 发票类型, 银行转账信息. */
export interface BankTransfer extends StepOptions {
  readonly recipient: Recipient;
  /** An id of `order.invoiceTypes`. Default: the only one, where there is only one. */
  readonly invoice?: string | undefined;
  readonly remittances: readonly Remittance[];
}

export interface InstallOptions extends UnlockingStepOptions {
  /** The ids of all of `renewal.guards`, asked again. */
  readonly acknowledge?: readonly string[] | undefined;
}

export interface WaitOptions extends StepOptions {
  /** Give up with ERR_TIMEOUT after this time, in milliseconds. Default: never. */
  readonly timeoutMs?: number | undefined;
}

export interface RetireOptions extends UnlockingStepOptions {
  /** What to remove from the token. The key pair of an encryption certificate must be named expressly. */
  readonly remove: readonly ("certificate" | "key-pair" | "decryption-key-pair")[];
}

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
  readonly from: "ra" | "platform" | "terms";
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
}

/** Something about the new certificate that differs from the previous one, beyond key, serial number and dates. */
export interface CertificateChange {
  readonly field:
    | "issuer"
    | "keyAlgorithm"
    | "keyUsage"
    | "extendedKeyUsage"
    | "certificatePolicies";
  readonly from: string;
  readonly to: string;
}

/** What `install` achieved, for the holder's files. */
export interface RenewalReport {
  readonly renewalId: string;
  readonly businessNumber: string | undefined;
  readonly token: TokenIdentity;
  readonly previous: CertificateSummary;
  readonly renewed: CertificateSummary;
  readonly keyMode: KeyMode;
  readonly changes: readonly CertificateChange[];
  /** What logins, seals and platforms bound to the old certificate must be bound to again. */
  readonly bindAgain: readonly ("serialNumber" | "thumbprint" | "publicKey")[];
  /** When the new pair was proven on the token: written, read back, and a signature of it verified, by a fresh process. */
  readonly provenAt: Date;
  readonly confirmedAt: Date;
}

export interface RenewalBase<S extends State> {
  /** Chosen before anything is sent; `client.resume(id)` takes it, in any process with the same store. */
  readonly id: string;
  readonly state: S;
  readonly stage: Stage | undefined;
  readonly token: TokenIdentity;
  /** The certificate being renewed. */
  readonly previous: CertificateSummary;
  readonly offer: Offer;
  /** The guide's business and payment pages; there is none before the RA accepted the application. */
  readonly order: Order | undefined;
  readonly payment: PaymentView | undefined;
  /** What the RA wants changed, or why it refused. */
  readonly reasons: readonly ReviewReason[];
  /** Questions whose ids `submit` and `install` want in `acknowledge`. */
  readonly guards: readonly GuardQuestion[];
  /** When the stage should be over. `estimated`: our own count of working days, not the RA's word. */
  readonly due: { readonly at: Date; readonly estimated: boolean } | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** The stored record as JSON, without its secrets. */
  toJSON(): JsonObject;
}

/** Offer fetched, nothing sent. */
export interface Draft extends RenewalBase<"draft"> {
  /**
   * Checks everything, makes the key pair (with `re-key`), signs request and application, and sends them.
   * Changes the token: a new key pair beside the old one. Asks for the PIN once. Safe to repeat after a failure: the
   * same key pair is used, and nothing is sent twice.
   * @throws ERR_OFFER_STALE, ERR_AGREEMENT_MISMATCH, ERR_GUARD_UNACKNOWLEDGED, ERR_FORM_INVALID, ERR_CERTIFICATE_EXPIRED,
   *   ERR_TOKEN_*, ERR_PIN_*, ERR_MODULE_*, ERR_KEY_NOT_FOUND, ERR_ALGORITHM_UNSUPPORTED, ERR_RA_*, ERR_APPLICATION_OPEN
   */
  submit(options: SubmitOptions): Promise<Submitted>;
  /** Fetches a fresh offer. Changes nothing on the token or at the RA. */
  refresh(options?: StepOptions): Promise<Draft>;
  /** Gives the renewal up. Nothing was sent, so nothing is to be undone at the RA. */
  discard(options?: StepOptions): Promise<Closed>;
}

/** The application was sent, or was about to be, and its outcome is not known. */
export interface Submitting extends RenewalBase<"submitting"> {
  /**
   * Asks the RA whether it has the application, and sends the very same bytes if not. Never a new application. Leads back
   * to `draft` where nothing was opened.
   * @throws ERR_RA_UNREACHABLE, ERR_OUTCOME_UNCLEAR, and what `submit` throws where the signing was interrupted
   */
  continue(options?: ContinueOptions): Promise<InProgress | Draft>;
}

interface Cancellable {
  /**
   * 撤销申请: withdraws the application; what was paid is refunded by the RA. Signed by the old key: asks for the PIN once.
   * Safe to repeat.
   */
  cancel(options?: ContinueOptions): Promise<Closed>;
}

interface Waiting {
  /** Asks the RA once. Changes nothing at the RA or on the token. @throws ERR_RA_*, ERR_TRANSITION */
  refresh(options?: UnlockingStepOptions): Promise<InProgress>;
}

interface Waitable extends Waiting {
  /**
   * Asks the RA, as often as it likes to be asked, until the state is another. Survives outages of the RA. Nothing is lost
   * when the process ends: resume and wait again.
   * @throws ERR_TIMEOUT, ERR_ABORTED
   */
  wait(options?: WaitOptions & UnlockingStepOptions): Promise<InProgress>;
}

interface Payable {
  /**
   * 银行转账: tells the RA which transfers were made. Moves no money itself. A further call appends
   * (添加更多银行转账信息). Repeated with the same content after a failure, it is one announcement.
   * @throws ERR_PAYMENT_INVALID, ERR_RA_*
   */
  payByBankTransfer(transfer: BankTransfer): Promise<InProgress>;
}

/** The order is open. */
export interface AwaitingPayment
  extends RenewalBase<"awaiting-payment">,
    Waitable,
    Cancellable,
    Payable {}

export interface AwaitingReview extends RenewalBase<"awaiting-review">, Waitable, Cancellable {}

/** The RA wants a correction or the rest of the money: see `reasons` and `payment`. */
export interface ActionRequired
  extends RenewalBase<"action-required">,
    Waiting,
    Cancellable,
    Payable {}

/** Approved or issued. */
export interface ReadyToInstall extends RenewalBase<"ready-to-install">, Cancellable {
  /**
   * Collects, verifies, writes beside the old, reads back, proves in a fresh process, records, confirms. Removes nothing.
   * Changes the token: one certificate more. Asks for the PIN once. Interrupted anywhere, `error.renewal` goes on.
   * @throws ERR_ISSUED_*, ERR_PROOF_FAILED, ERR_TOKEN_*, ERR_PIN_*, ERR_MODULE_*, ERR_RA_*
   */
  install(options?: InstallOptions): Promise<Completed>;
}

/** Writing to the token has begun. */
export interface Installing extends RenewalBase<"installing"> {
  /** Goes on where `install` stopped. Safe to repeat: what is written is not written again. */
  continue(options?: ContinueOptions): Promise<Completed>;
}

/** The new pair is proven and usable; the RA has not acknowledged it. */
export interface Confirming extends RenewalBase<"confirming"> {
  /** Confirms to the RA. Asks for the PIN only when the saved confirmation has expired. */
  continue(options?: ContinueOptions): Promise<Completed>;
}

export interface Completed extends RenewalBase<"completed"> {
  readonly report: RenewalReport;
  /**
   * Removes what is named of the previous pair from the token, for good. Only on demand, and only after looking that the
   * new pair is there. Files encrypted to a removed decryption key can never be opened again.
   */
  retirePrevious(options: RetireOptions): Promise<Completed>;
}

/** Over. A refund may be under way: `payment.refunds`. */
export interface Closed extends RenewalBase<"closed"> {
  readonly reason: CloseReason;
  /** Asks the RA for the refund's progress. */
  refresh(options?: StepOptions): Promise<Closed>;
}

/** Where an accepted application can stand. */
export type Submitted = AwaitingPayment | AwaitingReview | ReadyToInstall;

/** Where the RA's answer can lead. */
export type InProgress = Submitted | ActionRequired | Closed;

export type Renewal =
  | Draft
  | Submitting
  | AwaitingPayment
  | AwaitingReview
  | ActionRequired
  | ReadyToInstall
  | Installing
  | Confirming
  | Completed
  | Closed;

export type { PaymentInstruction };
