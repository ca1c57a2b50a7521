import type { JsonObject } from "./domain/scalars.js";
import type { Renewal } from "./lifecycle.js";
import { en } from "./messages/en.js";
import { zhCN } from "./messages/zh-cn.js";
import { printable } from "./text.js";

/**
 * What a retry is good for. `now`: call the same step again. `later`: the same step, after a while. `after-action`: once
 * somebody did what `next` says. `never`: the same call cannot succeed.
 */
export type Retry = "now" | "later" | "after-action" | "never";

/** The catalogue: every code with what a retry is good for. The texts stand in `messages/`, by code. */
export const ERROR_CATALOGUE = {
  // The token and its certificate
  ERR_TOKEN_NOT_PRESENT: "after-action",
  ERR_TOKEN_WRONG: "after-action",
  ERR_TOKEN_REMOVED: "after-action",
  ERR_TOKEN_FULL: "after-action",
  ERR_TOKEN_FAILURE: "now",
  ERR_KEY_NOT_FOUND: "never",
  ERR_ALGORITHM_UNSUPPORTED: "never",
  ERR_DECRYPTION_FAILED: "never",
  ERR_CERTIFICATE_EXPIRED: "never",
  ERR_CERTIFICATE_INELIGIBLE: "never",
  // The PIN
  ERR_PIN_REQUIRED: "after-action",
  ERR_PIN_INCORRECT: "after-action",
  ERR_PIN_RETRY: "after-action",
  ERR_PIN_FINAL_TRY: "after-action",
  ERR_PIN_LOCKED: "after-action",
  // The module
  ERR_NATIVE_UNAVAILABLE: "after-action",
  ERR_MODULE_MISSING: "after-action",
  ERR_MODULE_HUNG: "now",
  ERR_MODULE_CRASHED: "now",
  // The RA
  ERR_RA_UNREACHABLE: "later",
  ERR_RA_BUSY: "later",
  ERR_RA_REFUSED: "never",
  ERR_RA_RESPONSE: "later",
  ERR_RA_UNTRUSTED: "never",
  ERR_APPLICATION_OPEN: "after-action",
  ERR_UNSUPPORTED: "never",
  // The application
  ERR_OFFER_STALE: "after-action",
  ERR_AGREEMENT_MISMATCH: "after-action",
  ERR_GUARD_UNACKNOWLEDGED: "after-action",
  ERR_FORM_INVALID: "after-action",
  ERR_FORM_SCHEMA: "never",
  ERR_ATTACHMENT_INVALID: "after-action",
  ERR_DEADLINE_PASSED: "never",
  ERR_PAYMENT_INVALID: "after-action",
  ERR_PAYMENT_SHORT: "after-action",
  ERR_OUTCOME_UNCLEAR: "after-action",
  // The new certificate
  ERR_ISSUED_WRONG_KEY: "after-action",
  ERR_ISSUED_UNTRUSTED: "after-action",
  ERR_ISSUED_MISMATCH: "after-action",
  ERR_PROOF_FAILED: "now",
  // Records and handles
  ERR_RECORD_NOT_FOUND: "never",
  ERR_RECORD_CORRUPT: "never",
  ERR_RECORD_VERSION: "after-action",
  ERR_RECORD_CLAIMED: "later",
  ERR_STORE_CONFLICT: "now",
  ERR_STORE_FAILURE: "after-action",
  ERR_RENEWAL_IN_PROGRESS: "after-action",
  ERR_HANDLE_SPENT: "after-action",
  ERR_TRANSITION: "never",
  ERR_ARGUMENT: "never",
  ERR_TIMEOUT: "later",
  ERR_ABORTED: "now",
  ERR_UNEXPECTED: "now",
} as const satisfies Record<string, Retry>;

/** A row of {@link ERROR_CATALOGUE}. Codes are never renamed. */
export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** One thing wrong with what was given, by JSON Pointer (RFC 6901); `""` is the whole. */
export interface Problem {
  readonly pointer: string;
  readonly message: string;
}

/**
 * The keys on the token. `untouched`: nothing was written. `old-usable`: the old pair works, something new may stand beside
 * it. `both-usable`: the new pair is proven as well. `old-revoked`: the old certificate ends with the issuance of the new
 * one, which is to be installed. `new-usable`: the new pair is proven, and the old certificate is revoked as agreed.
 * `both-revoked`: so is the new certificate. `missing`: the step did not find a key that it needs. `blocked`: all there, but
 * the PIN is locked.
 */
export type KeySafety =
  | "untouched"
  | "old-usable"
  | "both-usable"
  | "old-revoked"
  | "new-usable"
  | "both-revoked"
  | "missing"
  | "blocked";

/**
 * The money. `none`: nothing was paid or is owed. `unpaid`: an order is open. `announced`: a transfer was announced to the
 * RA. `received`: the RA has it, and it stays booked to this renewal. `refund`: it goes back. `refunded`: it went back. `unclear`: an announcement's
 * outcome is not known; the SDK asks before it repeats it.
 */
export type MoneySafety =
  | "none"
  | "unpaid"
  | "announced"
  | "received"
  | "refund"
  | "refunded"
  | "unclear";

/** Computed from the record at the moment of the failure. */
export interface Impact {
  readonly key: KeySafety;
  readonly money: MoneySafety;
  readonly retry: Retry;
}

/** What an error says to a person: texts in one language, and what others said in theirs, fit for a terminal. */
export interface Explanation {
  readonly what: string;
  readonly key: string;
  readonly money: string;
  readonly retry: string;
  readonly next: string;
  /** Why: the RA's own words, the driver's, or ours; in their language. */
  readonly reason?: string | undefined;
  /** All that is wrong with what was given, or with what was issued; empty where the failure is of another kind. */
  readonly problems: readonly Problem[];
  /** Whom to call, where the RA's offer tells. */
  readonly hotline?: string | undefined;
}

/** What {@link RenewalError.explain} speaks. */
export type Language = "en" | "zh-CN";

/** Where the record cannot be read: no step leaves the present key worse off, and of the money nothing is known here. */
export const UNKNOWN_IMPACT = { key: "old-usable", money: "unclear" } as const;

/** What the failure itself says of the key, whatever the record says. */
export const KEY_OF_CODE: { readonly [code in ErrorCode]?: KeySafety } = {
  ERR_KEY_NOT_FOUND: "missing",
  ERR_PIN_LOCKED: "blocked",
};

const RECORD_UNREADABLE: ReadonlySet<ErrorCode> = new Set([
  "ERR_RECORD_CORRUPT",
  "ERR_RECORD_VERSION",
  "ERR_STORE_FAILURE",
]);

/** What an own driver, transport or store says besides the code. */
export interface RenewalErrorOptions {
  readonly cause?: unknown;
  /** Facts for programs and support; they fill `{name}` in the texts. `reason` is shown as it is. Never a secret. */
  readonly details?: JsonObject | undefined;
  readonly problems?: readonly Problem[] | undefined;
  readonly impact?: Partial<Impact> | undefined;
  readonly renewal?: Renewal | undefined;
}

/**
 * Every failure of `certrenew`. `code` is the contract; texts may change.
 *
 * @example
 * try { await draft.submit(choice) } catch (error) {
 *   if (error instanceof RenewalError && error.code === "ERR_PIN_INCORRECT") show(error.explain("zh-CN").next);
 * }
 */
export class RenewalError extends Error {
  override readonly name = "RenewalError";
  readonly code: ErrorCode;
  readonly details: JsonObject;
  /** All that is wrong with the input, at once; empty where the failure is of another kind. */
  readonly problems: readonly Problem[];
  readonly impact: Impact;
  /** The handle to go on with, where the failure belongs to a renewal. */
  readonly renewal: Renewal | undefined;

  constructor(code: ErrorCode, options: RenewalErrorOptions = {}) {
    const details = options.details ?? {};
    const problems = options.problems ?? [];
    super(
      messageOf(code, details, problems),
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.code = code;
    this.details = details;
    this.problems = problems;
    this.impact = {
      ...(RECORD_UNREADABLE.has(code)
        ? UNKNOWN_IMPACT
        : { key: KEY_OF_CODE[code] ?? "untouched", money: "none" }),
      retry: ERROR_CATALOGUE[code],
      ...options.impact,
    };
    // The handle holds the ports; it is there to go on with, not to be printed.
    Object.defineProperty(this, "renewal", { value: options.renewal, enumerable: false });
  }

  /** What happened, whether key and money are safe, whether to try again, and what to do next. */
  explain(language: Language = "en"): Explanation {
    const texts = language === "zh-CN" ? zhCN : en;
    const { what, next } = texts.errors[this.code];
    const reason = this.details["reason"];
    const hotline = this.renewal?.offer.support.hotline;
    return {
      what: fill(what, this.details),
      key: texts.key[this.impact.key],
      money: texts.money[this.impact.money],
      retry: texts.retry[this.impact.retry],
      next: fill(next, this.details),
      ...(typeof reason === "string" && { reason: printable(reason) }),
      problems: this.problems.map(({ pointer, message }) => ({
        pointer: printable(pointer),
        message: printable(message),
      })),
      ...(hotline !== undefined && { hotline: printable(hotline) }),
    };
  }

  toJSON(): JsonObject {
    const problems = this.problems.map(({ pointer, message }) => ({ pointer, message }));
    return {
      code: this.code,
      message: this.message,
      details: this.details,
      impact: { ...this.impact },
      ...(problems.length > 0 && { problems }),
    };
  }
}

/** The code of an error of ours, `undefined` for any other value. */
export function errorCode(error: unknown): ErrorCode | undefined {
  return error instanceof RenewalError ? error.code : undefined;
}

/** Throws ERR_ABORTED, with the signal's reason as cause, when the signal was aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new RenewalError("ERR_ABORTED", { cause: signal.reason });
}

function messageOf(code: ErrorCode, details: JsonObject, problems: readonly Problem[]): string {
  const what = fill(en.errors[code].what, details);
  const reason = typeof details["reason"] === "string" ? ` (${details["reason"]})` : "";
  const list = problems.map(({ pointer, message }) => `${pointer || "/"}: ${message}`).join("; ");
  return what + reason + (list && ` ${list}`);
}

/** `{name}` is a fact; what stands in `[ ]` is left out where its fact is not known. */
function fill(text: string, details: JsonObject): string {
  const isKnown = (part: string) =>
    [...part.matchAll(FACT)].every(([, name = ""]) => details[name] !== undefined);
  return text
    .replace(/\[([^\]]*)\]/g, (_, part: string) => (isKnown(part) ? part : ""))
    .replace(FACT, (_, name: string) => printable(String(details[name] ?? "–")));
}

const FACT = /\{(\w+)\}/g;
