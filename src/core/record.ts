import { z } from "zod";
import type { KeyAlgorithm } from "./domain/key-algorithm.js";
import { ledgerSchema, type PaymentLedger } from "./domain/ledger.js";
import {
  type KeyMode,
  keyAlgorithmSchema,
  keyModeSchema,
  type SignedOffer,
  signedOfferSchema,
} from "./domain/offer.js";
import { type Order, orderSchema } from "./domain/order.js";
import type { ReviewReason } from "./domain/progress.js";
import {
  bytes,
  dateTime,
  identifier,
  type JsonObject,
  jsonObject,
  sha256Hex,
} from "./domain/scalars.js";
import { RenewalError } from "./errors.js";
import type { CloseReason } from "./lifecycle.js";
import { isCertificate } from "./pki/certificate.js";
import type { TokenIdentity } from "./ports/driver.js";
import { type Exchange, exchangeSchema } from "./ports/transport.js";
import { problemsOf } from "./problems.js";
import { type ProcessIdentity, processIdentitySchema } from "./process-identity.js";
import type { CertificateChange } from "./views.js";

const RECORD_FORMAT = "certrenew/renewal";
export const RECORD_VERSION = 1;

/**
 * What is known of one renewal, and all that is needed to go on with it in another process. Immutable in memory; JSON in
 * the store. It keeps three facts apart (application, payment, issuance); the state is derived from them.
 * No PIN and no private key ever stands here. The one secret is in `secrets`.
 */
export interface RenewalRecord {
  readonly id: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly token: TokenIdentity;
  /** The certificate being renewed. */
  readonly previous: HeldCertificate;
  /** The encryption certificate beside it on the token, where there is one. */
  readonly encryption?: HeldCertificate | undefined;
  readonly offer: SignedOffer;
  readonly application: ApplicationFacts;
  readonly payment?: PaymentLedger | undefined;
  readonly issuance: IssuanceFacts;
  readonly order?: Order | undefined;
  /** When the RA expects to be done with the stage now. */
  readonly dueAt?: Date | undefined;
  /** The RA asked not to be asked again before. */
  readonly pollNotBefore?: Date | undefined;
  /** Exchanges that were prepared and whose outcome is not known. Sent again as they are, never made anew. */
  readonly outbox: readonly Exchange[];
  /** The announcement of transfers whose call has not returned yet: repeated, it is the same announcement. */
  readonly announcement?: Announcement | undefined;
  /** Who works on the renewal now. */
  readonly claim?: Claim | undefined;
  /** Grows with every claim. */
  readonly fence: number;
  readonly secrets: { readonly followSecret?: string | undefined };
}

export interface HeldCertificate {
  readonly der: Uint8Array;
  readonly keyId: Uint8Array;
  readonly label: string;
}

interface ApplicationFacts {
  readonly status: "draft" | "submitting" | "received" | "returned" | "approved" | CloseReason;
  readonly revision: number;
  readonly reasons: readonly ReviewReason[];
  readonly choice?: Choice | undefined;
  readonly requestedKey?: RequestedKey | undefined;
  /** PKCS#10, DER. */
  readonly request?: Uint8Array | undefined;
  /** The application as signed (CMS), DER. */
  readonly signed?: Uint8Array | undefined;
  /** The RA's signed receipt, DER. */
  readonly receipt?: Uint8Array | undefined;
  readonly submittedAt?: Date | undefined;
  /** What the RA gave to speak of the application; opaque. */
  readonly remote?: JsonObject | undefined;
}

/** What the holder agreed to, kept before anything is done with it. */
export interface Choice {
  readonly acceptedAt: Date;
  readonly years: number;
  readonly form: JsonObject;
  readonly acknowledged: readonly string[];
  readonly keyMode: KeyMode;
  readonly keyAlgorithm: KeyAlgorithm;
}

/** The key for which a certificate is asked. Chosen and saved before it is made. */
export interface RequestedKey {
  readonly keyId: Uint8Array;
  readonly label: string;
  readonly algorithm: KeyAlgorithm;
  /** SubjectPublicKeyInfo, once the pair exists. */
  readonly spki?: Uint8Array | undefined;
}

interface IssuanceFacts {
  readonly status: "none" | "ready" | "confirmed" | "revoked";
  readonly collectUntil?: Date | undefined;
  readonly collected?: CollectedCertificate | undefined;
  readonly installation?: Installation | undefined;
}

/** Collected from the RA and verified. */
export interface CollectedCertificate {
  readonly certificate: Uint8Array;
  /** Leaf first, trust anchor last. */
  readonly chain: readonly Uint8Array[];
  readonly changes: readonly CertificateChange[];
  readonly confirmBy?: Date | undefined;
}

interface Installation {
  readonly begunAt: Date;
  readonly provenAt?: Date | undefined;
  readonly proof?: Proof | undefined;
  readonly confirmedAt?: Date | undefined;
}

/** A statement of our own that the new key signed after the installation, in a fresh process. */
export interface Proof {
  readonly statement: Uint8Array;
  readonly algorithm: string;
  readonly signature: Uint8Array;
}

interface Announcement {
  readonly instructionId: string;
  /** SHA-256 of its content, hexadecimal. */
  readonly digest: string;
  /** The RA has it. */
  readonly received?: boolean | undefined;
}

export interface Claim {
  readonly owner: ProcessIdentity;
  /** The mark of one step's claims: tells a claim at work from one that was left behind. */
  readonly clientId: string;
  readonly takenAt: Date;
  /** The process in which the driver works for the owner; it may outlive it. */
  readonly host?: ProcessIdentity | undefined;
}

const tokenIdentitySchema = z.object({
  serialNumber: z.string().max(200),
  label: z.string().max(200),
  model: z.string().max(200),
  manufacturer: z.string().max(200),
});

const certificate = bytes.refine(isCertificate, "is not a certificate");
const heldCertificateSchema = z.object({ der: certificate, keyId: bytes, label: z.string() });
const reasonSchema = z.object({ pointer: z.string().optional(), text: z.string() });

const recordSchema = z.object({
  format: z.literal(RECORD_FORMAT),
  version: z.literal(RECORD_VERSION),
  id: identifier,
  createdAt: dateTime,
  updatedAt: dateTime,
  token: tokenIdentitySchema,
  previous: heldCertificateSchema,
  encryption: heldCertificateSchema.optional(),
  offer: signedOfferSchema,
  application: z.object({
    status: z.enum([
      "draft",
      "submitting",
      "received",
      "returned",
      "approved",
      "discarded",
      "cancelled",
      "refused",
      "lapsed",
    ]),
    revision: z.int().min(1),
    reasons: z.array(reasonSchema),
    choice: z
      .object({
        acceptedAt: dateTime,
        years: z.int(),
        form: jsonObject,
        acknowledged: z.array(z.string()),
        keyMode: keyModeSchema,
        keyAlgorithm: keyAlgorithmSchema,
      })
      .optional(),
    requestedKey: z
      .object({
        keyId: bytes,
        label: z.string(),
        algorithm: keyAlgorithmSchema,
        spki: bytes.optional(),
      })
      .optional(),
    request: bytes.optional(),
    signed: bytes.optional(),
    receipt: bytes.optional(),
    submittedAt: dateTime.optional(),
    remote: jsonObject.optional(),
  }),
  payment: ledgerSchema.optional(),
  issuance: z.object({
    status: z.enum(["none", "ready", "confirmed", "revoked"]),
    collectUntil: dateTime.optional(),
    collected: z
      .object({
        certificate,
        chain: z.array(bytes),
        changes: z.array(
          z.object({
            field: z.enum([
              "issuer",
              "keyAlgorithm",
              "keyUsage",
              "extendedKeyUsage",
              "certificatePolicies",
              "extension",
            ]),
            oid: z.string().optional(),
            from: z.string(),
            to: z.string(),
          }),
        ),
        confirmBy: dateTime.optional(),
      })
      .optional(),
    installation: z
      .object({
        begunAt: dateTime,
        provenAt: dateTime.optional(),
        proof: z.object({ statement: bytes, algorithm: z.string(), signature: bytes }).optional(),
        confirmedAt: dateTime.optional(),
      })
      .optional(),
  }),
  order: orderSchema.optional(),
  dueAt: dateTime.optional(),
  pollNotBefore: dateTime.optional(),
  outbox: z.array(exchangeSchema),
  announcement: z
    .object({ instructionId: identifier, digest: sha256Hex, received: z.boolean().optional() })
    .optional(),
  claim: z
    .object({
      owner: processIdentitySchema,
      clientId: identifier,
      takenAt: dateTime,
      host: processIdentitySchema.optional(),
    })
    .optional(),
  fence: z.int().min(0),
  secrets: z.object({ followSecret: z.string().optional() }),
});

/** The record as JSON, secrets included: for the store only. */
export function encodeRecord(record: RenewalRecord): JsonObject {
  const document = recordSchema.encode({
    format: RECORD_FORMAT,
    version: RECORD_VERSION,
    ...mutable(record),
  });
  // Through JSON once, so that what is absent is absent, and not `undefined`.
  return JSON.parse(JSON.stringify(document)) as JsonObject;
}

/** The record as JSON for people and programs: no secret in it. */
export function redactRecord(record: RenewalRecord): JsonObject {
  return encodeRecord({ ...record, secrets: {} });
}

/** @throws ERR_RECORD_CORRUPT, ERR_RECORD_VERSION */
export function decodeRecord(document: JsonObject): RenewalRecord {
  const version = document["version"];
  if (
    document["format"] === RECORD_FORMAT &&
    typeof version === "number" &&
    version > RECORD_VERSION
  ) {
    throw new RenewalError("ERR_RECORD_VERSION", { details: { version } });
  }
  const result = recordSchema.safeDecode(document as z.input<typeof recordSchema>);
  if (!result.success) {
    throw new RenewalError("ERR_RECORD_CORRUPT", { problems: problemsOf(result.error) });
  }
  const { format: _format, version: _version, ...record } = result.data;
  return record;
}

/** zod's types are mutable; ours are not. The codec changes nothing in place. */
function mutable(record: RenewalRecord): Omit<z.output<typeof recordSchema>, "format" | "version"> {
  return record as Omit<z.output<typeof recordSchema>, "format" | "version">;
}
