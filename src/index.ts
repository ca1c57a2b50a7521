/**
 * Renews the certificate on a USB Key, smart card or HSM: from the token to the installed and proven certificate.
 *
 * Begin with {@link createRenewalClient}; the states and their steps stand in {@link Renewal}.
 */

export type {
  CanDecryptOptions,
  DecryptionOutlook,
  Envelope,
  EnvelopeRecipient,
} from "./core/can-decrypt.js";
export type { ForgetOptions, RenewalClient, StoredRenewals } from "./core/client.js";
export { createRenewalClient } from "./core/client.js";
export type { Clock } from "./core/clock.js";
export type { Credential } from "./core/credentials.js";
export type { DecryptionReason } from "./core/decryption-texts.js";
export type {
  DecryptionAlgorithm,
  KeyAlgorithm,
  KeyPairUsage,
  RsaPadding,
  SignatureAlgorithm,
} from "./core/domain/key-algorithm.js";
export {
  DECRYPTION_ALGORITHMS,
  KEY_ALGORITHMS,
  KEY_PAIR_USAGES,
  RSA_PADDINGS,
  SIGNATURE_ALGORITHMS,
} from "./core/domain/key-algorithm.js";
export type {
  BankTransferInstruction,
  OnlinePaymentInstruction,
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
  EncryptionTerms,
  Guard,
  KeyMode,
  Offer,
  OfferTerm,
  OfferTerms,
  PreviousCertificate,
  SignedOffer,
  WantedAttachment,
} from "./core/domain/offer.js";
export type {
  Beneficiary,
  BusinessStatus,
  Invoice,
  Order,
  OrderLine,
  OrderTransaction,
  Shipment,
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
export type { AbsentEvidence } from "./core/evidence/collection.js";
export type { Evidence } from "./core/evidence/evidence.js";
export type { SupportBundleOptions } from "./core/evidence/make-support-bundle.js";
export type { EvidenceManifest, ManifestFile } from "./core/evidence/manifest.js";
export type * from "./core/evidence/support-bundle.js";
export type { Bilingual } from "./core/evidence/texts.js";
export type * from "./core/lifecycle.js";
export type { FinishedOrder, LookUpResult } from "./core/look-up.js";
export type { RenewalClientOptions } from "./core/options.js";
export type { RecipientIdentifier } from "./core/pki/enveloped-data.js";
export type * from "./core/ports/driver.js";
export type { Store, Stored } from "./core/ports/store.js";
export type {
  ApplicationContent,
  ApplicationSigners,
  AttachmentDocument,
  AttachmentReference,
  BankTransferContent,
  BusinessFacet,
  CertificationRequestContent,
  CertificationRequestReason,
  ConfirmationContent,
  EncryptionRequest,
  Exchange,
  ExchangePurpose,
  FoundApplication,
  Issued,
  IssuedEncryption,
  LookUpContent,
  OfferCallOptions,
  OnlinePaymentContent,
  Recovery,
  Reference,
  Reply,
  Signer,
  Transport,
  TransportCallOptions,
  TransportTraits,
} from "./core/ports/transport.js";
export { EXCHANGE_PURPOSES } from "./core/ports/transport.js";
export type { ProcessIdentity } from "./core/process-identity.js";
export { identifyThisProcess } from "./core/process-identity.js";
export type { Payment, RenewOptions, RenewResult } from "./core/renew.js";
export type {
  Continuity,
  CredentialReference,
  GuardsCallback,
  PinCallback,
  PinReason,
  PinRequest,
  RebindHook,
} from "./core/runtime.js";
export type * from "./core/step-options.js";
export type * from "./core/views.js";
