import type { Offer } from "./domain/offer.js";
import type { Order } from "./domain/order.js";
import type { ReviewReason } from "./domain/progress.js";
import type { JsonObject } from "./domain/scalars.js";
import type { TokenIdentity } from "./ports/driver.js";
import type {
  AmendOptions,
  AttachOptions,
  BankTransfer,
  ContinueOptions,
  InstallOptions,
  OnlinePayment,
  ReissueOptions,
  RetireOptions,
  StepOptions,
  SubmitOptions,
  UnlockingStepOptions,
  WaitOptions,
} from "./step-options.js";
import type { CertificateSummary, GuardQuestion, PaymentView, RenewalReport } from "./views.js";

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

/** The methods that take a renewal further. Events and errors name the step at work. */
export type StepName =
  | "submit"
  | "refresh"
  | "discard"
  | "continue"
  | "payByBankTransfer"
  | "payOnline"
  | "amend"
  | "attach"
  | "wait"
  | "cancel"
  | "install"
  | "requestReissue"
  | "rebind"
  | "retirePrevious";

/** Why a renewal is over: given up before anything was sent, withdrawn, turned down by the RA, or out of time. */
/** `elsewhere`: another computer went on with it, and the new certificate is installed and confirmed. */
export type CloseReason = "discarded" | "cancelled" | "refused" | "lapsed" | "elsewhere";

/** What every handle shows, whatever its state. */
export interface RenewalBase<S extends State> {
  /** Chosen before anything is sent; `client.resume(id)` takes it, in any process with the same store. */
  readonly id: string;
  readonly state: S;
  /** `undefined` once it is closed. */
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
  /**
   * Questions whose ids `submit` and `install` want in `acknowledge`, which ask again. The platform's stand here in `draft`
   * and in `ready-to-install`, where it answered in time; not on the handle that an event carries.
   */
  readonly guards: readonly GuardQuestion[];
  /**
   * When the stage should be over, at the latest when something is to be done: pay, review, collect, confirm.
   * `estimated`: our own count of working days, not the RA's word.
   */
  readonly due: { readonly at: Date; readonly estimated: boolean } | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** The stored record as JSON, without its secrets. */
  toJSON(): JsonObject;
}

/** Offer fetched, nothing sent. */
export interface Draft extends RenewalBase<"draft"> {
  /**
   * Checks everything, makes the key pair (with `re-key`; two where an encryption certificate is renewed together), signs
   * requests and application, uploads its documents, and sends it.
   * Changes the token: a new key pair beside the old one, unless the terms want it made at installation. Asks for the PIN
   * once. Safe to repeat after a failure: the same key pair is used, and nothing is sent twice.
   * @throws ERR_OFFER_STALE, ERR_AGREEMENT_MISMATCH, ERR_GUARD_UNACKNOWLEDGED, ERR_FORM_INVALID, ERR_FORM_SCHEMA,
   *   ERR_ATTACHMENT_INVALID, ERR_ARGUMENT, ERR_CERTIFICATE_EXPIRED, ERR_TOKEN_*, ERR_PIN_*, ERR_MODULE_*,
   *   ERR_KEY_NOT_FOUND, ERR_ALGORITHM_UNSUPPORTED, ERR_UNSUPPORTED, ERR_RA_*, ERR_APPLICATION_OPEN
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
   * when the process ends: resume and wait again. Where another program noticed the change first, and perhaps went on, it
   * returns the handle of the state now all the same.
   * @throws ERR_TIMEOUT, ERR_ABORTED, ERR_HANDLE_SPENT when this handle had been spent before
   */
  wait(
    options?: WaitOptions & UnlockingStepOptions,
  ): Promise<InProgress | Installing | Confirming | Completed>;
}

interface Payable {
  /**
   * 银行转账: tells the RA which transfers were made. Moves no money itself. A further call appends
   * (添加更多银行转账信息). Repeated with the same content after a failure, it is one announcement, until a call has returned.
   * @throws ERR_PAYMENT_INVALID, ERR_RA_*
   */
  payByBankTransfer(transfer: BankTransfer): Promise<InProgress>;
  /**
   * 在线支付: has the RA open a payment at its gateway; `payment.online` then tells where to pay, and until when. Moves no money
   * itself: `wait` or `refresh` tells when it came in. One payment is open at a time: asked again for the same method, it
   * is the same one while it can be paid; another method, or one that has expired, closes it and opens a new one.
   * @throws ERR_PAYMENT_INVALID, ERR_UNSUPPORTED, ERR_RA_*
   */
  payOnline(payment: OnlinePayment): Promise<InProgress>;
}

interface Reissuable {
  /**
   * Asks for another certificate in the place of one that is of no use: its key is lost, the token is another one now, or what
   * was issued cannot be installed. Makes a new key pair where the key is lost, and hands in its request, signed by the old
   * key; where that is lost too, the follow secret speaks, and the RA reviews again. What was issued before is revoked by the
   * RA; nothing on the token is removed. Safe to repeat.
   * @throws ERR_UNSUPPORTED, ERR_ARGUMENT, ERR_TOKEN_*, ERR_PIN_*, ERR_RA_*
   */
  requestReissue(options: ReissueOptions): Promise<AwaitingReview | ReadyToInstall | Closed>;
}

/** The order is open. */
export interface AwaitingPayment
  extends RenewalBase<"awaiting-payment">,
    Waitable,
    Cancellable,
    Payable {}

/** The RA, or its bank, is looking: nothing to do but wait. */
export interface AwaitingReview extends RenewalBase<"awaiting-review">, Waitable, Cancellable {}

/** The RA wants a correction, a document, or the rest of the money: see `reasons` and `payment`. */
export interface ActionRequired
  extends RenewalBase<"action-required">,
    Waiting,
    Cancellable,
    Payable {
  /**
   * Corrects what the RA returned: signs and sends the next revision. Same key pair, same years, same price. Asks for the PIN
   * once. Nothing is written to the token. Safe to repeat after a failure: what was signed is sent again as it is.
   * @throws ERR_DEADLINE_PASSED, ERR_FORM_INVALID, ERR_ATTACHMENT_INVALID, ERR_TRANSITION where nothing was returned,
   *   ERR_TOKEN_*, ERR_PIN_*, ERR_RA_*
   */
  amend(options: AmendOptions): Promise<InProgress>;
  /**
   * Adds documents that the RA asks for: `amend` with documents alone, signed as the next revision.
   * @throws as `amend`
   */
  attach(options: AttachOptions): Promise<InProgress>;
}

/** Approved or issued. */
export interface ReadyToInstall extends RenewalBase<"ready-to-install">, Cancellable, Reissuable {
  /**
   * Where the terms want it, makes the key pair now and hands in its request (one certificate and one key pair more).
   * Collects, verifies, writes beside the old, reads back, proves in a fresh process, records, confirms. Removes nothing.
   * Changes the token: one certificate more. Asks for the PIN once. Interrupted anywhere, `error.renewal` goes on.
   * @throws ERR_ISSUED_*, ERR_PROOF_FAILED, ERR_TOKEN_*, ERR_PIN_*, ERR_MODULE_*, ERR_RA_*
   */
  install(options?: InstallOptions): Promise<Completed>;
}

/** Writing to the token has begun. */
export interface Installing extends RenewalBase<"installing">, Reissuable {
  /** Goes on where `install` stopped. Safe to repeat: what is written is not written again. */
  continue(options?: ContinueOptions): Promise<Completed>;
}

/** The new pair is proven and usable; the RA has not acknowledged it. */
export interface Confirming extends RenewalBase<"confirming"> {
  /** Confirms to the RA. Asks for the PIN only when the saved confirmation has expired. */
  continue(options?: ContinueOptions): Promise<Completed>;
}

/** The new pair is installed and proven, and the RA has acknowledged it. */
export interface Completed extends RenewalBase<"completed"> {
  readonly report: RenewalReport;
  /** Asks the RA what became of the invoice, of a parcel, or of money that goes back, as long as there is something to follow. */
  refresh(options?: StepOptions): Promise<Completed>;
  /** Calls the client's `rebind` hooks again that did not move their binding. Needs no token. Safe to repeat. */
  rebind(options?: StepOptions): Promise<Completed>;
  /**
   * Removes what is named of the previous pair from the token, for good. Only on demand, and only after looking that the
   * new pair is there and valid. Files encrypted to a removed decryption key can never be opened again.
   */
  retirePrevious(options: RetireOptions): Promise<Completed>;
}

/** Over. A refund may be under way: `payment.refunds`. */
export interface Closed extends RenewalBase<"closed"> {
  readonly reason: CloseReason;
  /** Asks the RA what became of money that goes back, as long as there is something to follow. */
  refresh(options?: StepOptions): Promise<Closed>;
}

/** Where an accepted application can stand. */
export type Submitted = AwaitingPayment | AwaitingReview | ReadyToInstall;

/** Where the RA's answer can lead. */
export type InProgress = Submitted | ActionRequired | Closed;

/** A renewal in whatever state it is: test `state`, and TypeScript knows the steps. */
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
