import { z } from "zod";
import { ledgerSchema } from "./domain/ledger.js";
import { keyAlgorithmSchema, keyModeSchema, signedOfferSchema } from "./domain/offer.js";
import { orderSchema } from "./domain/order.js";
import {
  bytes,
  dateTime,
  identifier,
  type JsonObject,
  jsonObject,
  sha256Hex,
} from "./domain/scalars.js";
import { RenewalError } from "./errors.js";
import { isCertificate } from "./pki/certificate.js";
import {
  attachmentSchema,
  CERTIFICATION_REQUEST_REASONS,
  exchangeSchema,
} from "./ports/transport.js";
import { problemsOf } from "./problems.js";
import { processIdentitySchema } from "./process-identity.js";
import type { RenewalRecord } from "./record.js";

const RECORD_FORMAT = "certrenew/renewal";
/**
 * 1: bank transfers and one signing certificate. 2: amendments, documents, online payment, later requests, encryption
 * certificates; a program that knows only 1 would lose them, and must not write. Either is read.
 */
export const RECORD_VERSION = 2;
const READABLE_VERSIONS = [1, RECORD_VERSION] as const;

const tokenIdentitySchema = z.object({
  serialNumber: z.string().max(200),
  label: z.string().max(200),
  model: z.string().max(200),
  manufacturer: z.string().max(200),
});

const certificate = bytes.refine(isCertificate, "is not a certificate");
const heldCertificateSchema = z.object({ der: certificate, keyId: bytes, label: z.string() });
const reasonSchema = z.object({ pointer: z.string().optional(), text: z.string() });

const choiceSchema = z.object({
  acceptedAt: dateTime,
  years: z.int(),
  form: jsonObject,
  attachments: z.array(attachmentSchema).default([]),
  acknowledged: z.array(z.string()),
  keyMode: keyModeSchema,
  keyAlgorithm: keyAlgorithmSchema,
});

const keyRequestReason = z.enum(CERTIFICATION_REQUEST_REASONS);

const requestedKeySchema = z.object({
  keyId: bytes,
  label: z.string(),
  algorithm: keyAlgorithmSchema,
  spki: bytes.optional(),
});

const verifiedSchema = z.object({
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
});

const recordSchema = z.object({
  format: z.literal(RECORD_FORMAT),
  version: z.literal(READABLE_VERSIONS),
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
    choice: choiceSchema.optional(),
    requestedKey: requestedKeySchema.optional(),
    request: bytes.optional(),
    encryption: z.object({ key: requestedKeySchema, request: bytes.optional() }).optional(),
    signed: bytes.optional(),
    receipt: bytes.optional(),
    submittedAt: dateTime.optional(),
    remote: jsonObject.optional(),
    amendableUntil: dateTime.optional(),
    returned: z
      .array(
        z.object({
          revision: z.int().min(1),
          choice: choiceSchema,
          signed: bytes.optional(),
          receipt: bytes.optional(),
          reasons: z.array(reasonSchema),
        }),
      )
      .optional(),
    handedIn: z
      .array(
        z.object({
          reason: keyRequestReason,
          signed: bytes.optional(),
          receipt: bytes.optional(),
          replaced: z.object({ request: bytes, encryptionRequest: bytes.optional() }).optional(),
        }),
      )
      .optional(),
    abandonedKeys: z.array(requestedKeySchema).optional(),
  }),
  payment: ledgerSchema.optional(),
  issuance: z.object({
    status: z.enum(["none", "ready", "confirmed", "revoked"]),
    collectUntil: dateTime.optional(),
    keyRequest: z
      .object({
        reason: keyRequestReason,
        token: tokenIdentitySchema,
        key: requestedKeySchema,
        encryptionKey: requestedKeySchema.optional(),
        request: bytes.optional(),
        encryptionRequest: bytes.optional(),
      })
      .optional(),
    reissues: z.int().min(0).optional(),
    collected: verifiedSchema
      .extend({ encryption: verifiedSchema.optional(), confirmBy: dateTime.optional() })
      .optional(),
    installation: z
      .object({
        begunAt: dateTime,
        provenAt: dateTime.optional(),
        proof: z.object({ statement: bytes, algorithm: z.string(), signature: bytes }).optional(),
        continuity: bytes.optional(),
        confirmedAt: dateTime.optional(),
        confirmation: z.object({ signed: bytes.optional(), receipt: bytes.optional() }).optional(),
        rebindings: z
          .array(
            z.object({
              id: identifier,
              title: z.string(),
              status: z.enum(["moved", "left"]),
              reason: z.string().optional(),
              at: dateTime,
            }),
          )
          .optional(),
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
