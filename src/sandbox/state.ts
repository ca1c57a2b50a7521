import { z } from "zod";
import { ledgerSchema, recipientSchema } from "../core/domain/ledger.js";
import { mediaTypeSchema, offerSchema } from "../core/domain/offer.js";
import { orderSchema } from "../core/domain/order.js";
import { bytes, dateTime, identifier, sha256Hex } from "../core/domain/scalars.js";
import { RenewalError } from "../core/errors.js";
import { documentSchema } from "../transport/http/wire/messages.js";
import { ROUTE_NAMES } from "../transport/http/wire/route-names.js";
import { applicationStatementSchema } from "../transport/http/wire/statements.js";
import type { Files } from "./files.js";
import { DEMONSTRATION_POLICY, ISSUER_NAMES, policySchema } from "./policy.js";

/** All that the RA and the CA remember. One JSON document, saved whole after each change. */

const certificateSchema = z.object({
  der: bytes,
  /** The renewal that it was issued for; absent for one that was provisioned. */
  renewalId: identifier.optional(),
  revokedAt: dateTime.optional(),
  /** The renewal whose new certificate took its place. */
  revokedFor: identifier.optional(),
  /** Default: the first issuing CA. */
  issuedBy: z.enum(ISSUER_NAMES).optional(),
});

/** What was uploaded for one renewal. The documents themselves are files. */
const uploadsSchema = z.object({
  /** Of whoever uploaded first, and will have to apply with it. */
  followSecretSha256: sha256Hex,
  documents: z.record(
    sha256Hex,
    z.object({
      mediaType: mediaTypeSchema,
      size: z.int(),
      uploadedAt: dateTime,
      /** An application has named it: it is kept. */
      named: z.boolean(),
    }),
  ),
});

const exchangeSchema = z.object({
  route: z.enum(ROUTE_NAMES),
  /** The fingerprint: of the body, byte for byte. */
  sha256: sha256Hex,
  /** CMS over the receipt. */
  receipt: bytes,
});

const invoiceSchema = orderSchema.shape.invoices
  .unwrap()
  .element.extend({ recipient: recipientSchema });

const applicationSchema = z.object({
  renewalId: identifier,
  certificateSha256: sha256Hex,
  followSecretSha256: sha256Hex,
  /** Of later ones, from look-ups; the oldest goes first. */
  furtherSecrets: z.array(sha256Hex).default([]),
  /** For what the applicant signs after the application. */
  nonce: z.string(),
  businessNumber: z.string(),
  orderNumber: z.string(),
  appliedAt: dateTime,
  /** As last accepted: what the applicant signed, and the request beside it. */
  statement: applicationStatementSchema,
  signed: bytes,
  /** Absent where it is handed in at installation. */
  request: bytes.optional(),
  encryptionRequest: bytes.optional(),
  /** The latest certification request after the application: it takes the place of the application's. */
  handedIn: z.object({ request: bytes, encryptionRequest: bytes.optional() }).optional(),
  /** A request that the follow secret alone vouches for, until a person has approved it. */
  asked: z
    .object({
      request: bytes,
      encryptionRequest: bytes.optional(),
      /** What was issued before. */
      issued: z.array(sha256Hex),
    })
    .optional(),
  /** What was issued and given up for another issue. */
  replaced: z.array(sha256Hex).default([]),
  term: offerSchema.shape.terms.shape.years.element,
  status: z.enum(["received", "returned", "approved", "refused", "cancelled", "lapsed"]),
  reasons: z.array(z.object({ pointer: z.string().optional(), text: z.string() })),
  /** Where it was returned. */
  amendableUntil: dateTime.optional(),
  /** `open` is decided anew whenever it is shown. */
  ledger: ledgerSchema,
  /** What the gateway told, or will tell, by the id of its message. */
  callbacks: z
    .array(
      z.object({
        id: z.string(),
        instructionId: identifier,
        arrivesAt: dateTime,
        booked: z.boolean(),
      }),
    )
    .default([]),
  invoices: z.array(invoiceSchema).default([]),
  shipments: orderSchema.shape.shipments,
  /** When the reviewer could begin. */
  reviewableAt: dateTime.optional(),
  /** Scenario: this application's own delay, and reasons to return it once. */
  reviewDelayMs: z.int().min(0).optional(),
  returnFirst: z.array(z.string()).optional(),
  issuance: z
    .object({
      collectUntil: dateTime,
      /** From the first collection on. */
      certificateSha256: sha256Hex.optional(),
      encryptionSha256: sha256Hex.optional(),
      confirmedAt: dateTime.optional(),
      revokedAt: dateTime.optional(),
    })
    .optional(),
  exchanges: z.record(z.string(), exchangeSchema),
});

const stateSchema = z.object({
  format: z.literal("certrenew/sandbox"),
  version: z.literal(1),
  port: z.int().optional(),
  policy: policySchema,
  /** The last number given on a day (YYYYMMDD). */
  sequence: z.object({ day: z.string(), last: z.int() }),
  offers: z.record(
    identifier,
    z.object({
      offer: offerSchema,
      /** As it was signed, for a later look-up. */
      document: documentSchema.optional(),
      sha256: sha256Hex,
      usedBy: identifier.optional(),
    }),
  ),
  applications: z.record(identifier, applicationSchema),
  /** By renewal. */
  uploads: z.record(identifier, uploadsSchema).default({}),
  /** The RA's own nonces that no look-up has used yet. */
  lookUpNonces: z.array(z.object({ nonce: z.string(), expiresAt: dateTime })).default([]),
  certificates: z.record(sha256Hex, certificateSchema),
  /** Applicants' nonces, each good for one statement. */
  nonces: z.array(z.string()),
  adminToken: z.string().optional(),
});

export type State = z.output<typeof stateSchema>;
export type Application = z.output<typeof applicationSchema>;
export type CertificateEntry = z.output<typeof certificateSchema>;

export interface StateFile {
  /** Changed in place, then saved. */
  readonly state: State;
  save(): void;
}

const FILE = "state.json";

/** @throws ERR_RECORD_CORRUPT when the folder holds a state that cannot be read */
export function openState(files: Files, initialPolicy: State["policy"]): StateFile {
  const text = files.read(FILE);
  const state = text === undefined ? emptyState(initialPolicy) : decode(text);
  return {
    state,
    save: () => files.write(FILE, JSON.stringify(stateSchema.encode(state))),
  };
}

function emptyState(policy: State["policy"]): State {
  return {
    format: "certrenew/sandbox",
    version: 1,
    policy,
    sequence: { day: "", last: 0 },
    offers: {},
    applications: {},
    uploads: {},
    lookUpNonces: [],
    certificates: {},
    nonces: [],
  };
}

function decode(text: string): State {
  try {
    const json = JSON.parse(text);
    // A rule that is newer than the folder is the demonstration's.
    return stateSchema.decode({ ...json, policy: { ...DEMONSTRATION_POLICY, ...json.policy } });
  } catch (cause) {
    throw new RenewalError("ERR_RECORD_CORRUPT", { cause });
  }
}
