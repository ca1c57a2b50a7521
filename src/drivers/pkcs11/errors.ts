import type { JsonObject } from "../../core/domain/scalars.js";
import { type ErrorCode, RenewalError } from "../../core/errors.js";

interface Row {
  readonly code: ErrorCode;
  /**
   * `may-be-gone`: also seen when the token was pulled out, so presence is looked at before the code is believed.
   * `is-gone`: nothing more can be done with the session, whichever object was asked for.
   */
  readonly token?: "may-be-gone" | "is-gone";
}

/** PKCS#11 v2.40 §5.1 results → codes. What is not here is ERR_TOKEN_FAILURE. */
const CKR_TABLE: Readonly<Record<string, Row>> = {
  CKR_PIN_INCORRECT: { code: "ERR_PIN_INCORRECT" },
  CKR_PIN_INVALID: { code: "ERR_PIN_INCORRECT" },
  CKR_PIN_LEN_RANGE: { code: "ERR_PIN_INCORRECT" },
  CKR_PIN_LOCKED: { code: "ERR_PIN_LOCKED" },

  // The holder pressed “cancel” at the reader.
  CKR_FUNCTION_CANCELED: { code: "ERR_ABORTED" },
  CKR_CANCEL: { code: "ERR_ABORTED" },

  CKR_DEVICE_MEMORY: { code: "ERR_TOKEN_FULL" },

  CKR_DEVICE_REMOVED: { code: "ERR_TOKEN_REMOVED", token: "is-gone" },
  CKR_TOKEN_NOT_PRESENT: { code: "ERR_TOKEN_REMOVED", token: "is-gone" },
  CKR_SESSION_HANDLE_INVALID: { code: "ERR_TOKEN_REMOVED", token: "is-gone" },
  CKR_SESSION_CLOSED: { code: "ERR_TOKEN_REMOVED", token: "is-gone" },
  CKR_SLOT_ID_INVALID: { code: "ERR_TOKEN_REMOVED", token: "is-gone" },
  CKR_DEVICE_ERROR: { code: "ERR_TOKEN_FAILURE", token: "may-be-gone" },
  CKR_GENERAL_ERROR: { code: "ERR_TOKEN_FAILURE", token: "may-be-gone" },
  CKR_FUNCTION_FAILED: { code: "ERR_TOKEN_FAILURE", token: "may-be-gone" },
  CKR_TOKEN_NOT_RECOGNIZED: { code: "ERR_TOKEN_FAILURE", token: "may-be-gone" },
  CKR_USER_NOT_LOGGED_IN: { code: "ERR_TOKEN_FAILURE", token: "may-be-gone" },

  CKR_MECHANISM_INVALID: { code: "ERR_ALGORITHM_UNSUPPORTED" },
  CKR_MECHANISM_PARAM_INVALID: { code: "ERR_ALGORITHM_UNSUPPORTED" },
  CKR_KEY_SIZE_RANGE: { code: "ERR_ALGORITHM_UNSUPPORTED" },
  CKR_KEY_TYPE_INCONSISTENT: { code: "ERR_ALGORITHM_UNSUPPORTED" },
  CKR_KEY_FUNCTION_NOT_PERMITTED: { code: "ERR_ALGORITHM_UNSUPPORTED" },
  CKR_DOMAIN_PARAMS_INVALID: { code: "ERR_ALGORITHM_UNSUPPORTED" },
  CKR_FUNCTION_NOT_SUPPORTED: { code: "ERR_ALGORITHM_UNSUPPORTED" },
};

/**
 * The name of a PKCS#11 result, `undefined` for an error of another kind. Some calls of the binding throw plain errors
 * that hold the name in their message only.
 */
export function ckrOf(error: unknown): string | undefined {
  return error instanceof Error ? /CKR_[A-Z0-9_]+/.exec(error.message)?.[0] : undefined;
}

/** The error for what a native call threw; a RenewalError stays what it is. */
export function fromNative(error: unknown, details: JsonObject = {}): RenewalError {
  if (error instanceof RenewalError) return error;
  const ckr = ckrOf(error);
  const code = (ckr && CKR_TABLE[ckr]?.code) || "ERR_TOKEN_FAILURE";
  return new RenewalError(code, { cause: error, details: { ...details, ...(ckr && { ckr }) } });
}

/** Whether a result is no matter of one object, but ends the session. */
export function endsSession(error: unknown): boolean {
  const ckr = ckrOf(error);
  return ckr !== undefined && CKR_TABLE[ckr]?.token === "is-gone";
}

/** Whether the failure could come from a token that was pulled out. */
export function mayBeRemoval({ code, details }: RenewalError): boolean {
  const { ckr } = details;
  return (
    // Its result was left out on purpose.
    code === "ERR_DECRYPTION_FAILED" ||
    code === "ERR_TOKEN_REMOVED" ||
    (typeof ckr === "string" && CKR_TABLE[ckr]?.token !== undefined)
  );
}
