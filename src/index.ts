/**
 * Renews the certificate on a USB Key, smart card or HSM: from the token to the installed and proven certificate.
 *
 * Begin with {@link createRenewalClient}; the states and their steps stand in {@link Renewal}.
 */

export type { ForgetOptions, RenewalClient, StoredRenewals } from "./core/client.js";
export { createRenewalClient } from "./core/client.js";
export type { Clock } from "./core/clock.js";
export type { Credential } from "./core/credentials.js";
export type { KeyAlgorithm, SignatureAlgorithm } from "./core/domain/key-algorithm.js";
export { KEY_ALGORITHMS, SIGNATURE_ALGORITHMS } from "./core/domain/key-algorithm.js";
export type {
  PaymentInstruction,
  PaymentLedger,
  PaymentReceipt,
  PaymentStatus,
  Recipient,
  Refund,
  Remittance,
} from "./core/domain/ledger.js";
export type { Money } from "./core/domain/money.js";
export { formatMoney } from "./core/domain/money.js";
export type {
  Agreement,
  Guard,
  KeyMode,
  Offer,
  OfferTerm,
  OfferTerms,
  PreviousCertificate,
  SignedOffer,
} from "./core/domain/offer.js";
export type {
  Beneficiary,
  BusinessStatus,
  Order,
  OrderLine,
  OrderTransaction,
} from "./core/domain/order.js";
export type {
  ApplicationProgress,
  IssuanceProgress,
  Progress,
  ReviewReason,
} from "./core/domain/progress.js";
export type { JsonObject, JsonValue } from "./core/domain/scalars.js";
export type { Eligibility, EligibilityWarning, IneligibilityReason } from "./core/eligibility.js";
export type {
  ErrorCode,
  Explanation,
  Impact,
  KeySafety,
  Language,
  MoneySafety,
  Problem,
  RenewalErrorOptions,
  Retry,
} from "./core/errors.js";
export { ERROR_CATALOGUE, errorCode, RenewalError } from "./core/errors.js";
export type { Activity, ClientEvents } from "./core/events.js";
export type * from "./core/lifecycle.js";
export type { RenewalClientOptions } from "./core/options.js";
export type * from "./core/ports/driver.js";
export type { Store, Stored } from "./core/ports/store.js";
export type {
  ApplicationContent,
  ApplicationSigners,
  BankTransferContent,
  BusinessFacet,
  ConfirmationContent,
  Exchange,
  ExchangePurpose,
  Issued,
  Recovery,
  Reference,
  Reply,
  Signer,
  Transport,
  TransportCallOptions,
  TransportTraits,
} from "./core/ports/transport.js";
export type { ProcessIdentity } from "./core/process-identity.js";
export type { RenewOptions, RenewResult } from "./core/renew.js";
export type {
  CredentialReference,
  GuardsCallback,
  PinCallback,
  PinReason,
  PinRequest,
} from "./core/runtime.js";
export type * from "./core/step-options.js";
export type * from "./core/views.js";
