import type { KeyAlgorithm } from "./domain/key-algorithm.js";
import type { Recipient, Remittance } from "./domain/ledger.js";
import type { Agreement, KeyMode } from "./domain/offer.js";
import type { JsonObject } from "./domain/scalars.js";
import type { TokenIdentity } from "./ports/driver.js";
import type { CertificationRequestReason } from "./ports/transport.js";

/** What the steps are given. */

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
  /**
   * Send again although the protocol cannot tell whether the RA has it (ERR_OUTCOME_UNCLEAR). Only after asking the RA by
   * telephone, say.
   */
  readonly repeat?: boolean | undefined;
}

/** A document for the RA: a scan of a licence, say. Only its hash, type and size go under the signature. */
export interface Attachment {
  /** A `purpose` of `offer.attachments`. */
  readonly purpose: string;
  /** Such as `application/pdf`. */
  readonly mediaType: string;
  readonly content: Uint8Array;
}

/** What the holder decided on an offer. */
export interface SubmitOptions extends UnlockingStepOptions {
  /** The agreement that the holder read and accepts: `draft.offer.agreement`, or its version and hash. */
  readonly accept: Pick<Agreement, "version" | "sha256">;
  /** One of `offer.terms.years`. */
  readonly years: number;
  /** The form's values; those that the RA prefilled are taken where a field is missing. */
  readonly form?: JsonObject | undefined;
  /** What `offer.attachments` wants. Kept in the store until the RA has it. */
  readonly attachments?: readonly Attachment[] | undefined;
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
  /** Announce although the protocol cannot tell whether the RA has the one before. Only after asking the RA. */
  readonly repeat?: boolean | undefined;
}

/** What is corrected of an application that was returned. What is not named stays as it was signed. */
export interface AmendOptions extends UnlockingStepOptions {
  /** Fields to change; the others stay. */
  readonly form?: JsonObject | undefined;
  /** Documents to add, or to put in the place of those of the same purpose. */
  readonly attachments?: readonly Attachment[] | undefined;
}

export interface AttachOptions extends UnlockingStepOptions {
  /** Documents to add, or to put in the place of those of the same purpose. */
  readonly attachments: readonly Attachment[];
}

/** 在线支付 */
export interface OnlinePayment extends StepOptions {
  /** An id of `order.paymentMethods`. Default: the only one, where there is only one. */
  readonly method?: string | undefined;
  readonly recipient: Recipient;
  /** An id of `order.invoiceTypes`. Default: the only one, where there is only one. */
  readonly invoice?: string | undefined;
  /** Open another one although the protocol cannot tell whether the RA has opened the one before. */
  readonly repeat?: boolean | undefined;
}

/** Why another certificate is asked for, and for which token. */
export interface ReissueOptions extends ContinueOptions {
  /**
   * `key-lost`: the new key pair is not on the token any more. `token-replaced`: another token takes its place.
   * `certificate-unusable`: what was issued cannot be installed; the key pair stays.
   */
  readonly reason: Exclude<CertificationRequestReason, "installation">;
  /** With `token-replaced`: one of `driver.tokens()`, or a credential's, that takes the place of the one before. */
  readonly token?: TokenIdentity | undefined;
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
  /**
   * What to remove from the token: certificate and key pair of the previous signing certificate, and, where it was renewed
   * too, the previous encryption certificate. `decryption-key-pair` is every key pair of them that opens files, and must be
   * named expressly.
   */
  readonly remove: readonly (
    | "certificate"
    | "key-pair"
    | "encryption-certificate"
    | "decryption-key-pair"
  )[];
}
