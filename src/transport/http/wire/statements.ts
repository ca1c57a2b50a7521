import { z } from "zod";
import { moneySchema } from "../../../core/domain/money.js";
import {
  keyAlgorithmSchema,
  keyModeSchema,
  type Offer,
  offerSchema,
} from "../../../core/domain/offer.js";
import {
  dateTime,
  identifier,
  type JsonObject,
  jsonObject,
  sha256Hex,
  shortText,
} from "../../../core/domain/scalars.js";
import { sha256Hex as sha256 } from "../../../core/pki/certificate.js";
import { attachmentSchema, CERTIFICATION_REQUEST_REASONS } from "../../../core/ports/transport.js";
import { canonicalJson } from "./json.js";

/**
 * What is signed. Each statement is canonical JSON (RFC 8785) inside a CMS SignedData (RFC 5652), and names its purpose,
 * so that no signature made for one can be shown as another. Nobody signs bytes that the other side chose: both nonces,
 * the RA's origin and the hashes stand among members of our own.
 */
export const STATEMENT_PURPOSE = {
  offer: "urn:certrenew:statement:offer:1",
  application: "urn:certrenew:statement:application:1",
  cancellation: "urn:certrenew:statement:cancellation:1",
  certificationRequest: "urn:certrenew:statement:certification-request:1",
  confirmation: "urn:certrenew:statement:confirmation:1",
  lookUp: "urn:certrenew:statement:look-up:1",
  receipt: "urn:certrenew:statement:receipt:1",
} as const;

/** What binds a statement of the applicant to one RA and moment. */
const moment = {
  /** The RA's origin, `scheme://host[:port]`. */
  origin: shortText,
  /** The certificate being renewed. */
  certificateSha256: sha256Hex,
  /** The RA's nonce: the offer's in an application, the answer's in what follows. */
  raNonce: z.string().min(16).max(256),
  /** The applicant's own. Used once. */
  nonce: z.string().min(16).max(256),
  signedAt: dateTime,
  expiresAt: dateTime,
};

/** … and to one renewal. */
const binding = { ...moment, renewalId: identifier };

const encryptionSchema = z.strictObject({
  /** The encryption certificate to be renewed together with the signing one. */
  certificateSha256: sha256Hex,
  /** Of its PKCS#10; absent where the terms want it at installation. */
  requestSha256: sha256Hex.optional(),
});

/** Signed by the old key. */
export const applicationStatementSchema = z.strictObject({
  purpose: z.literal(STATEMENT_PURPOSE.application),
  ...binding,
  revision: z.int().min(1).max(1000),
  /** `sha256` is of the offer's document, the signed bytes that the applicant archived. See `offerHash`. */
  offer: z.strictObject({ id: identifier, sha256: sha256Hex }),
  agreement: z.strictObject({ version: shortText, sha256: sha256Hex, acceptedAt: dateTime }),
  years: z.int().min(1).max(30),
  price: moneySchema,
  keyMode: keyModeSchema,
  keyAlgorithm: keyAlgorithmSchema,
  form: jsonObject,
  /** The documents that were uploaded for it. */
  attachments: z.array(attachmentSchema).max(20).optional(),
  /** Ids of the offer's guards, and of the embedding platform's. */
  acknowledged: z.array(z.string().min(1).max(128)).max(100),
  /** Of the PKCS#10 (RFC 2986) beside this statement; absent where the terms want it at installation. */
  requestSha256: sha256Hex.optional(),
  encryption: encryptionSchema.optional(),
  /** Of the follow secret's text, which authorises status, payment and collection from now on. */
  followSecretSha256: sha256Hex,
});

/** Signed by the old key. */
export const cancellationStatementSchema = z.strictObject({
  purpose: z.literal(STATEMENT_PURPOSE.cancellation),
  ...binding,
  offerId: identifier,
});

/** Signed by the old key; where that is lost, sent as it is, and a person decides. */
export const certificationRequestStatementSchema = z.strictObject({
  purpose: z.literal(STATEMENT_PURPOSE.certificationRequest),
  ...binding,
  offerId: identifier,
  reason: z.enum(CERTIFICATION_REQUEST_REASONS),
  /** Of the PKCS#10 (RFC 2986) beside this statement. */
  requestSha256: sha256Hex,
  encryptionRequestSha256: sha256Hex.optional(),
});

/** Signed by the old key, whose certificate may have expired. */
export const lookUpStatementSchema = z.strictObject({
  purpose: z.literal(STATEMENT_PURPOSE.lookUp),
  ...moment,
  /** A further follow secret for each renewal that is found. */
  followSecretSha256: sha256Hex,
});

/** Signed by the new key. */
export const confirmationStatementSchema = z.strictObject({
  purpose: z.literal(STATEMENT_PURPOSE.confirmation),
  ...binding,
  offerId: identifier,
  /** The new certificate, read back from the token and proven. */
  renewedSha256: sha256Hex,
  /** The new encryption certificate beside it. */
  encryptionRenewedSha256: sha256Hex.optional(),
  installedAt: dateTime,
});

/** Signed by the RA. Members of a later version are passed over. */
export const offerStatementSchema = z.object({
  purpose: z.literal(STATEMENT_PURPOSE.offer),
  /** The nonce of the request that this offer answers. */
  requestNonce: z.string().min(16).max(256),
  offer: offerSchema,
});

/** Signed by the RA: that it has an exchange, and will not say otherwise. */
export const receiptStatementSchema = z.object({
  purpose: z.literal(STATEMENT_PURPOSE.receipt),
  origin: shortText,
  renewalId: identifier,
  idempotencyKey: z.string().min(1).max(255),
  /** Of the body of the exchange, byte for byte. */
  exchangeSha256: sha256Hex,
  businessNumber: shortText,
  receivedAt: dateTime,
});

export type ApplicationStatement = z.output<typeof applicationStatementSchema>;
export type CancellationStatement = z.output<typeof cancellationStatementSchema>;
export type CertificationRequestStatement = z.output<typeof certificationRequestStatementSchema>;
export type LookUpStatement = z.output<typeof lookUpStatementSchema>;
export type ConfirmationStatement = z.output<typeof confirmationStatementSchema>;
export type ReceiptStatement = z.output<typeof receiptStatementSchema>;

/** What a schema writes, as our own types hold it: read-only to the bottom. */
export type Writable<T> = T extends Uint8Array | Date
  ? T
  : T extends readonly (infer Element)[]
    ? readonly Writable<Element>[]
    : T extends object
      ? { readonly [Key in keyof T]: Writable<T[Key]> }
      : T;

/** JSON of a value, as its schema writes it: what is `undefined` is absent. */
export function encodeJson<S extends z.ZodType>(
  schema: S,
  value: Writable<z.output<S>>,
): JsonObject {
  // Encoding writes into nothing; zod's types do not say so.
  const encoded = z.encode(schema, value as z.output<S>);
  return JSON.parse(JSON.stringify(encoded)) as JsonObject;
}

/** The bytes to sign. */
export function encodeStatement<S extends z.ZodType>(
  schema: S,
  statement: Writable<z.output<S>>,
): Uint8Array {
  return canonicalJson(encodeJson(schema, statement));
}

/** How an application names its offer: by the document that the RA signed, or by its canonical JSON where it signs none. */
export function offerHash(offer: Offer, document: Uint8Array | undefined): string {
  return sha256(document ?? encodeStatement(offerSchema, offer));
}
