import { z } from "zod";
import { ledgerSchema } from "../core/domain/ledger.js";
import { offerSchema } from "../core/domain/offer.js";
import { bytes, dateTime, identifier, sha256Hex } from "../core/domain/scalars.js";
import { RenewalError } from "../core/errors.js";
import { ROUTE_NAMES } from "../transport/http/wire/route-names.js";
import { applicationStatementSchema } from "../transport/http/wire/statements.js";
import type { Files } from "./files.js";
import { policySchema } from "./policy.js";

/** All that the RA and the CA remember. One JSON document, saved whole after each change. */

const certificateSchema = z.object({
  der: bytes,
  /** The renewal that it was issued for; absent for one that was provisioned. */
  renewalId: identifier.optional(),
  revokedAt: dateTime.optional(),
});

const exchangeSchema = z.object({
  route: z.enum(ROUTE_NAMES),
  /** The fingerprint: of the body, byte for byte. */
  sha256: sha256Hex,
  /** CMS over the receipt. */
  receipt: bytes,
});

const applicationSchema = z.object({
  renewalId: identifier,
  certificateSha256: sha256Hex,
  followSecretSha256: sha256Hex,
  /** For what the applicant signs after the application. */
  nonce: z.string(),
  businessNumber: z.string(),
  orderNumber: z.string(),
  appliedAt: dateTime,
  /** As last accepted: what the applicant signed, and the request beside it. */
  statement: applicationStatementSchema,
  signed: bytes,
  request: bytes,
  term: offerSchema.shape.terms.shape.years.element,
  status: z.enum(["received", "returned", "approved", "refused", "cancelled", "lapsed"]),
  reasons: z.array(z.object({ pointer: z.string().optional(), text: z.string() })),
  /** `open` is decided anew whenever it is shown. */
  ledger: ledgerSchema,
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
    z.object({ offer: offerSchema, sha256: sha256Hex, usedBy: identifier.optional() }),
  ),
  applications: z.record(identifier, applicationSchema),
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
    certificates: {},
    nonces: [],
  };
}

function decode(text: string): State {
  try {
    return stateSchema.decode(JSON.parse(text));
  } catch (cause) {
    throw new RenewalError("ERR_RECORD_CORRUPT", { cause });
  }
}
