import type { z } from "zod";
import { parseCertificate } from "../core/pki/certificate.js";
import { DerError } from "../core/pki/der-error.js";
import { type VerifiedData, verifySignedData } from "../core/pki/signed-data.js";
import { JsonError, parseCanonicalJson } from "../transport/http/wire/json.js";
import { DAY_MS, later, type Office } from "./office.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";

/** How far an applicant's clock may be ahead, and how long a statement may be good for. */
const CLOCK_SKEW_MS = 5 * 60_000;
const MAX_LIFETIME_MS = 31 * DAY_MS;

/** What every statement of an applicant binds. */
interface Bound {
  readonly origin: string;
  readonly nonce: string;
  readonly signedAt: Date;
  readonly expiresAt: Date;
}

/** … and those about an application that is there. */
interface Following extends Bound {
  readonly renewalId: string;
  readonly certificateSha256: string;
  readonly offerId: string;
  readonly raNonce: string;
}

export interface OpenedStatement<T> {
  readonly statement: T;
  /** SHA-256 of the certificate that came along and whose key signed. */
  readonly signer: string;
}

/**
 * Opens a statement that an applicant signed: the signature and its attributes, the purpose and shape, the addressee, the
 * time. Whether the signer is the right one, its certificate tells.
 * @throws Refusal
 */
export function openStatement<S extends z.ZodType<Bound, unknown>>(
  office: Office,
  schema: S,
  document: Uint8Array,
): OpenedStatement<z.output<S>> {
  const signed = verifySignature(document);
  const statement = readStatement(schema, signed.content);
  checkFreshness(office, statement, signed.signingTime);
  return { statement, signer: signed.signerCertificate.sha256 };
}

/** A statement that nobody signed: its shape, addressee and time. @throws Refusal */
export function readUnsigned<S extends z.ZodType<Bound, unknown>>(
  office: Office,
  schema: S,
  content: Uint8Array,
): z.output<S> {
  const statement = readStatement(schema, content);
  checkFreshness(office, statement, statement.signedAt);
  return statement;
}

/** Whether a statement is about this application, and follows the RA's last word on it. @throws Refusal */
export function checkBound(application: Application, statement: Following): void {
  if (statement.renewalId !== application.renewalId) {
    refuse("the statement is for another renewal");
  }
  const bound =
    statement.certificateSha256 === application.certificateSha256 &&
    statement.offerId === application.statement.offer.id &&
    statement.raNonce === application.nonce;
  if (!bound) refuse("the statement is not bound to this renewal");
}

export interface SignerRules {
  /** The certificate's end, or its beginning, does not matter. */
  readonly anyTime?: boolean;
  /** What this renewal itself ended may still speak for it. */
  readonly revokedFor?: (renewalId: string | undefined) => boolean;
}

/**
 * The certificate that a statement is signed with must be this one, of our CA, and valid now.
 * @throws Refusal
 */
export function checkSigner(
  { state, clock }: Office,
  signer: string,
  expected: string,
  { anyTime = false, revokedFor = () => false }: SignerRules = {},
): void {
  const entry = state.certificates[expected];
  if (signer !== expected || !entry) {
    throw new Refusal(
      "ERR_RA_REFUSED",
      "the statement is not signed by the certificate that it is about",
    );
  }
  if (entry.revokedAt && !revokedFor(entry.revokedFor)) {
    refuse("the signer's certificate is revoked");
  }
  if (anyTime) return;
  const { notBefore, notAfter } = parseCertificate(entry.der);
  const now = clock.now();
  if (now < notBefore) refuse("the signer's certificate is not valid yet");
  if (now > notAfter) refuse("the signer's certificate has expired");
}

function verifySignature(document: Uint8Array): VerifiedData {
  try {
    return verifySignedData(document, { requireSigningCertificate: true });
  } catch (error) {
    if (error instanceof DerError) refuse(`the signature is not valid: ${error.message}`);
    throw error;
  }
}

function readStatement<S extends z.ZodType>(schema: S, content: Uint8Array): z.output<S> {
  try {
    const result = schema.safeDecode(parseCanonicalJson(content) as z.input<S>);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    refuse(
      `the statement is not as agreed: /${issue?.path.join("/") ?? ""} ${issue?.message ?? ""}`,
    );
  } catch (error) {
    if (error instanceof JsonError) refuse(`the statement is ${error.message}`);
    throw error;
  }
}

function checkFreshness(
  { clock, origin, state }: Office,
  statement: Bound,
  signingTime: Date | undefined,
): void {
  const { signedAt, expiresAt } = statement;
  const now = clock.now();
  if (statement.origin !== origin) refuse("the statement is for another RA");
  if (state.nonces.includes(statement.nonce)) refuse("the statement was used before");
  if (signedAt > later(now, CLOCK_SKEW_MS)) refuse("the statement is from the future");
  if (expiresAt <= now) refuse("the statement has expired");
  if (expiresAt > later(signedAt, MAX_LIFETIME_MS)) refuse("the statement is good for too long");
  const claimed = signingTime?.getTime() ?? Number.NaN;
  if (!(Math.abs(claimed - signedAt.getTime()) <= CLOCK_SKEW_MS)) {
    refuse("signing-time is not the statement's time");
  }
}

function refuse(detail: string): never {
  throw new Refusal("ERR_RA_REFUSED", detail);
}
