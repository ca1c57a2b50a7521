import { z } from "zod";
import { KEY_ALGORITHMS, type KeyAlgorithm } from "./key-algorithm.js";
import { amountSchema, type Money } from "./money.js";
import { type OrderLine, orderLineSchema } from "./order.js";
import {
  bytes,
  dateTime,
  identifier,
  type JsonObject,
  jsonObject,
  longText,
  sha256Hex,
  shortText,
} from "./scalars.js";

/** RFC 3647 §4.4.6 and §4.4.7: `renew` keeps the key pair, `re-key` makes a new one. */
export type KeyMode = "renew" | "re-key";

/** What happens to the previous certificate, and when. */
export type PreviousCertificate = "keep" | "revoke-at-issuance" | "revoke-after-confirmation";

/** 电子认证服务协议. Accepting it means to name its version and hash; the text is archived in the record. */
export interface Agreement {
  readonly version: string;
  readonly title: string;
  readonly text: string;
  /** SHA-256 of `text` in UTF-8, lower-case hexadecimal. Checked against the text when the offer is read. */
  readonly sha256: string;
}

/** One choice of validity and its price. */
export interface OfferTerm {
  readonly years: number;
  readonly lines: readonly OrderLine[];
  readonly total: Money;
  /** The notAfter that the RA promises for this term when it is issued in time. */
  readonly notAfter: Date;
}

/** A question to be answered by its `id` before `submit`, and again before `install`. */
export interface Guard {
  readonly id: string;
  /** The question in English. */
  readonly en: string;
  /** The same question in Chinese. */
  readonly zh: string;
}

/** A document that the RA takes with an application. */
export interface WantedAttachment {
  /** What it is: the name under which it is attached. */
  readonly purpose: string;
  /** The same, for people. */
  readonly title: string;
  readonly required: boolean;
  /** Such as `application/pdf` (RFC 6838). */
  readonly mediaTypes: readonly string[];
  readonly maxBytes: number;
}

/** What becomes of the encryption certificate beside the one being renewed. */
export interface EncryptionTerms {
  /** Of the encryption certificate that the RA was shown, lower-case hexadecimal. */
  readonly certificateSha256: string;
  /** `together`: a second request goes with the application, and both are issued. `kept`: it stays as it is, and `note` says why. */
  readonly renewal: "together" | "kept";
  readonly note?: string | undefined;
}

/** On which terms the RA renews: prices, dates, keys, and what becomes of the old certificate. */
export interface OfferTerms {
  readonly years: readonly OfferTerm[];
  /** How notAfter is counted, and by how much the issued one may differ. */
  readonly notAfterRule: {
    readonly basis: "previous-not-after" | "issuance";
    readonly toleranceSeconds: number;
  };
  /** When the RA takes applications for this certificate. */
  readonly window: { readonly opensAt: Date; readonly closesAt: Date };
  readonly keyModes: readonly KeyMode[];
  /** Algorithms that the RA accepts for a new key pair. */
  readonly keyAlgorithms: readonly KeyAlgorithm[];
  readonly previous: PreviousCertificate;
  /**
   * When key pair and certification request are made. `installation`: once all is approved, so that no key pair lies about
   * on the token for the days of a review.
   */
  readonly requestAt: "application" | "installation";
  readonly payment: "before-review" | "after-review" | "none";
  readonly amendableUntil?: Date | undefined;
  readonly collectUntil?: Date | undefined;
}

/** What the RA offers for one certificate: fetched by `start`, agreed to by `submit`. */
export interface Offer {
  readonly id: string;
  /** The RA's own name, for people. */
  readonly issuer: string;
  /** The RA's origin, `scheme://host[:port]`; every signed message names it. */
  readonly origin: string;
  readonly createdAt: Date;
  /** After this the offer is stale: `draft.refresh()` fetches another. */
  readonly expiresAt: Date;
  /** The certificate for which it was made. */
  readonly certificateSha256: string;
  /** Bound into the signed application. */
  readonly nonce: string;
  readonly agreement: Agreement;
  readonly terms: OfferTerms;
  readonly form: {
    /** JSON Schema (draft 7) of the form's values. Hostile until checked: see `core/form.ts`. */
    readonly schema: JsonObject;
    /** What the RA already knows. */
    readonly values: JsonObject;
    /** 填写的注意事项: notes by JSON Pointer (RFC 6901) into the form's values. */
    readonly notes: readonly { readonly pointer: string; readonly text: string }[];
  };
  readonly attachments: readonly WantedAttachment[];
  /** Present where the credential has an encryption certificate and the RA told of it. */
  readonly encryption?: EncryptionTerms | undefined;
  readonly guards: readonly Guard[];
  readonly support: {
    readonly hotline?: string | undefined;
    readonly counter?: string | undefined;
  };
}

/** An offer and the bytes that the RA signed for it, kept as evidence. */
export interface SignedOffer {
  readonly offer: Offer;
  /** CMS SignedData (RFC 5652) of the RA over the offer's JSON; absent where the transport has none. */
  readonly document?: Uint8Array | undefined;
}

/** What one attachment may have at the most, whatever the RA says: it passes through memory and the store. */
const MOST_ATTACHMENT_BYTES = 20 * 1024 * 1024;

/** RFC 6838 §4.2, without parameters. */
export const mediaTypeSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$/);

export const keyModeSchema = z.enum(["renew", "re-key"]);
export const keyAlgorithmSchema = z.enum(KEY_ALGORITHMS);

export const offerSchema = z.object({
  id: identifier,
  issuer: shortText,
  origin: shortText.min(1),
  createdAt: dateTime,
  expiresAt: dateTime,
  certificateSha256: sha256Hex,
  nonce: z.string().min(16).max(256),
  agreement: z.object({
    version: shortText.min(1),
    title: shortText,
    text: longText,
    sha256: sha256Hex,
  }),
  terms: z.object({
    years: z
      .array(
        z.object({
          years: z.int().min(1).max(30),
          lines: z.array(orderLineSchema).max(50),
          total: amountSchema,
          notAfter: dateTime,
        }),
      )
      .min(1)
      .max(30),
    notAfterRule: z.object({
      basis: z.enum(["previous-not-after", "issuance"]),
      toleranceSeconds: z
        .int()
        .min(0)
        .max(366 * 86_400),
    }),
    window: z.object({ opensAt: dateTime, closesAt: dateTime }),
    keyModes: z.array(keyModeSchema).min(1).max(2),
    keyAlgorithms: z.array(keyAlgorithmSchema).max(20),
    previous: z.enum(["keep", "revoke-at-issuance", "revoke-after-confirmation"]),
    requestAt: z.enum(["application", "installation"]),
    payment: z.enum(["before-review", "after-review", "none"]),
    amendableUntil: dateTime.optional(),
    collectUntil: dateTime.optional(),
  }),
  form: z.object({
    schema: jsonObject,
    values: jsonObject,
    notes: z.array(z.object({ pointer: shortText, text: shortText })).max(200),
  }),
  attachments: z
    .array(
      z.object({
        purpose: identifier,
        title: shortText,
        required: z.boolean(),
        mediaTypes: z.array(mediaTypeSchema).min(1).max(20),
        maxBytes: z.int().min(1).max(MOST_ATTACHMENT_BYTES),
      }),
    )
    .max(20)
    .default([]),
  encryption: z
    .object({
      certificateSha256: sha256Hex,
      renewal: z.enum(["together", "kept"]),
      note: shortText.optional(),
    })
    .optional(),
  guards: z.array(z.object({ id: identifier, en: shortText, zh: shortText })).max(50),
  support: z.object({ hotline: shortText.optional(), counter: shortText.optional() }),
}) satisfies z.ZodType<Offer, unknown>;

export const signedOfferSchema = z.object({
  offer: offerSchema,
  document: bytes.optional(),
});
