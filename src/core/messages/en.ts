import type { ErrorCode, KeySafety, MoneySafety, Retry } from "../errors.js";

/** The texts of one language, by code. */
export interface Catalogue {
  readonly errors: Readonly<Record<ErrorCode, { readonly what: string; readonly next: string }>>;
  readonly key: Readonly<Record<KeySafety, string>>;
  readonly money: Readonly<Record<MoneySafety, string>>;
  readonly retry: Readonly<Record<Retry, string>>;
}

export const en: Catalogue = {
  errors: {
    ERR_TOKEN_NOT_PRESENT: {
      what: "The token “{token}” is not plugged in.",
      next: "Plug in the token that holds this certificate and try again.",
    },
    ERR_TOKEN_WRONG: {
      what: "Another token is plugged in: expected “{token}”, found “{found}”.",
      next: "Plug in the token that holds this certificate, and only that one.",
    },
    ERR_TOKEN_REMOVED: {
      what: "The token “{token}” was removed while it was in use.",
      next: "Plug the same token in again, into any port, and go on with the renewal.",
    },
    ERR_TOKEN_FULL: {
      what: "The token has no room for the new key pair and certificate.",
      next: "Free room on the token without removing a key that still opens files, or ask the RA for another token.",
    },
    ERR_TOKEN_FAILURE: {
      what: "The token refused an operation.",
      next: "Try again. If it happens again, give the PKCS#11 result in the details to the token's vendor.",
    },
    ERR_KEY_NOT_FOUND: {
      what: "The private key of this certificate is not on the token.",
      next: "Plug in the token on which the key was made; without it the certificate cannot be renewed online. Where the new key of a renewal under way is lost, requestReissue() asks for another certificate. Do not delete anything, and call the RA if the key is nowhere.",
    },
    ERR_ALGORITHM_UNSUPPORTED: {
      what: "The token or the RA does not support the algorithm {algorithm}.",
      next: "Choose an algorithm that both the token and the offer list.",
    },
    ERR_DECRYPTION_FAILED: {
      what: "The key on the token does not decrypt what it was given.",
      next: "Check that it was encrypted to this key, and that it arrived whole.",
    },
    ERR_CERTIFICATE_EXPIRED: {
      what: "The certificate expired on {notAfter} and can no longer be renewed online.",
      next: "Apply at the service counter, or call the hotline. What was applied for before can still be followed and installed.",
    },
    ERR_CERTIFICATE_INELIGIBLE: {
      what: "This certificate cannot be renewed.",
      next: "Choose another certificate, or ask at the service counter or the hotline what can be done for this one.",
    },
    ERR_PIN_REQUIRED: {
      what: "The token's PIN is needed and was not given.",
      next: "Give the client a pin callback that asks the holder, and try again.",
    },
    ERR_PIN_INCORRECT: {
      what: "The token refused the PIN.",
      next: "Ask the holder for the PIN again and repeat the step with retryPin: true. Do not guess: tokens lock after a few wrong tries.",
    },
    ERR_PIN_RETRY: {
      what: "The last PIN given to this token failed, or its result is not known.",
      next: "Ask the holder whether to try again, then repeat the step with retryPin: true.",
    },
    ERR_PIN_FINAL_TRY: {
      what: "One more wrong PIN locks the token.",
      next: 'Make sure of the PIN first; then repeat the step with retryPin: "final".',
    },
    ERR_PIN_LOCKED: {
      what: "The token's PIN is locked.",
      next: "Have the token unlocked by its issuer (with the SO PIN or at the counter). The renewal waits.",
    },
    ERR_NATIVE_UNAVAILABLE: {
      what: "The native PKCS#11 binding could not be loaded.",
      next: "Install a C++ compiler and python3, then install pkcs11js and graphene-pk11 again.",
    },
    ERR_MODULE_MISSING: {
      what: "The PKCS#11 module {module} could not be loaded.",
      next: "Install the token's driver, give the path of its PKCS#11 module, and use one of this program's architecture.",
    },
    ERR_MODULE_HUNG: {
      what: "The PKCS#11 module did not answer within {deadlineMs} ms and was ended.",
      next: "Unplug the token, plug it in again and repeat the step.",
    },
    ERR_MODULE_CRASHED: {
      what: "The PKCS#11 module crashed.",
      next: "Repeat the step. If it crashes again, update the token's driver.",
    },
    ERR_RA_UNREACHABLE: {
      what: "The RA did not answer, so what became of the request is not known.",
      next: "Check the network and go on with the same renewal: it asks before it repeats anything.",
    },
    ERR_RA_BUSY: {
      what: "The RA cannot answer now.",
      next: "Try again after a while.",
    },
    ERR_RA_REFUSED: {
      what: "The RA refused the request.",
      next: "Read the RA's reason; call its hotline if it is not clear.",
    },
    ERR_RA_RESPONSE: {
      what: "The RA's answer is not what the protocol says; nothing of it was used.",
      next: "Try again later; if it stays, tell the RA's operator.",
    },
    ERR_RA_UNTRUSTED: {
      what: "What the RA signed cannot be verified with the trust anchors.",
      next: "Check that trustAnchors holds the right root and that the address is the RA's. Pay nothing until this is clear.",
    },
    ERR_APPLICATION_OPEN: {
      what: "The RA already has an open application for this certificate.",
      next: "Call lookUp() to find that application and go on with it, or cancel it where it was made.",
    },
    ERR_UNSUPPORTED: {
      what: "The transport or driver does not offer this.",
      next: "Use one that does; its documentation has a table.",
    },
    ERR_OFFER_STALE: {
      what: "The offer has expired.",
      next: "Call refresh() on the draft, show the new offer, and submit again.",
    },
    ERR_AGREEMENT_MISMATCH: {
      what: "What was accepted is not the agreement of this offer.",
      next: "Show the offer's agreement and pass it as accept.",
    },
    ERR_GUARD_UNACKNOWLEDGED: {
      what: "There are questions that were not answered.",
      next: "Show each guard's question to the holder and pass its id in acknowledge.",
    },
    ERR_FORM_INVALID: {
      what: "The form is not filled in correctly.",
      next: "Correct the fields that are named and try again.",
    },
    ERR_FORM_SCHEMA: {
      what: "The RA's form description cannot be used safely.",
      next: "Tell the RA's operator; nothing was sent.",
    },
    ERR_ATTACHMENT_INVALID: {
      what: "The documents are not what the authority wants.",
      next: "Attach the documents that are named, in the type and size that the offer allows.",
    },
    ERR_DEADLINE_PASSED: {
      what: "The time for this has passed[: {until}].",
      next: "Ask the authority's hotline; otherwise cancel this renewal and start another.",
    },
    ERR_PAYMENT_INVALID: {
      what: "The payment details are not complete.",
      next: "Correct the fields that are named and try again.",
    },
    ERR_PAYMENT_SHORT: {
      what: "Less was paid than the order asks: {outstanding} is missing.",
      next: "Transfer the rest and announce it; what was paid stays booked.",
    },
    ERR_OUTCOME_UNCLEAR: {
      what: "What became of a request cannot be found out by this protocol.",
      next: "Ask the RA whether it has the request. Only if it does not, call the same step again with repeat: true.",
    },
    ERR_ISSUED_WRONG_KEY: {
      what: "The certificate that the RA issued is for another key. It was not installed.",
      next: "Ask the RA to issue it again for this application, or call requestReissue() with the reason certificate-unusable.",
    },
    ERR_ISSUED_UNTRUSTED: {
      what: "The certificate that the RA issued does not chain to the trust anchors. It was not installed.",
      next: "Check trustAnchors; if they are right, tell the RA.",
    },
    ERR_ISSUED_MISMATCH: {
      what: "The certificate that the RA issued is not what was agreed. It was not installed.",
      next: "Read the problems; ask the RA to issue it again, or call requestReissue() with the reason certificate-unusable.",
    },
    ERR_PROOF_FAILED: {
      what: "The new certificate could not be proven on the token.",
      next: "Repeat the step. If a fresh process still sees the old state, the module's cache is stale: plug the token in again.",
    },
    ERR_RECORD_NOT_FOUND: {
      what: "There is no renewal {id} in this store.",
      next: "List the renewals of this store, or look in the store that the renewal was begun with.",
    },
    ERR_RECORD_CORRUPT: {
      what: "The stored record cannot be read.",
      next: "Restore the file from a copy. Do not apply again: the application may be open at the RA.",
    },
    ERR_RECORD_VERSION: {
      what: "The record was written by a newer version.",
      next: "Update certrenew.",
    },
    ERR_RECORD_CLAIMED: {
      what: "Another step is working on this renewal[, in process {pid}][ on {machine}].",
      next: "Wait until it is done. If its process is stuck, end that and resume again.",
    },
    ERR_STORE_CONFLICT: {
      what: "The record was changed by somebody else in between.",
      next: "Resume the renewal and go on from there.",
    },
    ERR_STORE_FAILURE: {
      what: "The record could not be stored.",
      next: "Free disk space or mend the permissions of the store, then repeat the step.",
    },
    ERR_RENEWAL_IN_PROGRESS: {
      what: "A renewal of this certificate is under way: {id}.",
      next: "Resume that renewal instead of starting another.",
    },
    ERR_HANDLE_SPENT: {
      what: "This step belongs to an earlier state of the renewal.",
      next: "Go on with error.renewal, the handle of the state now.",
    },
    ERR_TRANSITION: {
      what: "The renewal cannot go from {from} to {to} by {step}; the answer was not used.",
      next: "Nothing has changed: go on with the renewal from where it stands. If the RA keeps answering so, tell its operator.",
    },
    ERR_ARGUMENT: {
      what: "An argument is not valid.",
      next: "Correct the call; see the problems.",
    },
    ERR_TIMEOUT: {
      what: "The wait ended before the RA was done.",
      next: "Wait again later; the renewal goes on at the RA.",
    },
    ERR_ABORTED: {
      what: "The step was stopped by its signal.",
      next: "Go on with the same renewal whenever you like.",
    },
    ERR_UNEXPECTED: {
      what: "Something failed that should not have.",
      next: "Go on with the same renewal. If it happens again, report the error's cause to the maintainers of certrenew or of the adapter.",
    },
  },
  key: {
    untouched: "The key is safe: nothing was written to the token.",
    "old-usable": "The key is safe: the present key pair and certificate work as before.",
    "both-usable": "The key is safe: the old and the new key pair both work.",
    "old-revoked":
      "The key pairs are on the token. The old certificate ends with the issuance of the new one, as agreed: install the new one.",
    "new-usable":
      "The key is safe: the new key pair and certificate work. The old certificate is revoked, as agreed.",
    "both-revoked":
      "The key pairs are on the token, but the old certificate and the new one are revoked: ask the RA for another.",
    missing: "A key that this step needs was not found on the token. Nothing was removed from it.",
    blocked: "The keys are all there, but the PIN is locked.",
  },
  money: {
    none: "No money is involved so far.",
    unpaid: "Nothing was paid; the order is open.",
    announced: "The transfer was announced to the RA and will be booked to this renewal.",
    received: "The payment is booked to this renewal and will not be asked for again.",
    refund: "The payment is to be refunded.",
    refunded: "The payment was refunded.",
    unclear:
      "Whether the RA has the payment details is not known yet; they will not be sent twice unasked.",
  },
  retry: {
    now: "Try again now.",
    later: "Try again later.",
    "after-action": "Try again after the next step below.",
    never: "The same call will not succeed.",
  },
};
