import { z } from "zod";
import { shortText } from "../../../core/domain/scalars.js";
import type { ErrorCode } from "../../../core/errors.js";

/**
 * Problem details (RFC 9457) with our catalogue: which codes an RA may name, and the status each is sent with.
 * A client trusts the code only from this list: an RA cannot make it say that a PIN is locked.
 */
export const PROBLEM_STATUS = {
  ERR_ARGUMENT: 400,
  ERR_RA_REFUSED: 403,
  ERR_CERTIFICATE_EXPIRED: 403,
  ERR_CERTIFICATE_INELIGIBLE: 403,
  ERR_APPLICATION_OPEN: 409,
  ERR_DEADLINE_PASSED: 409,
  ERR_OFFER_STALE: 410,
  ERR_AGREEMENT_MISMATCH: 422,
  ERR_ALGORITHM_UNSUPPORTED: 422,
  ERR_ATTACHMENT_INVALID: 422,
  ERR_FORM_INVALID: 422,
  ERR_GUARD_UNACKNOWLEDGED: 422,
  ERR_PAYMENT_INVALID: 422,
  ERR_RA_BUSY: 503,
} as const satisfies Partial<Record<ErrorCode, number>>;

export type ProblemCode = keyof typeof PROBLEM_STATUS;

export const PROBLEM_CODES = Object.keys(PROBLEM_STATUS) as readonly ProblemCode[];

export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** `urn:certrenew:problem:offer-stale` for ERR_OFFER_STALE. Never fetched; compared for equality only. */
export function problemType(code: ProblemCode): string {
  return `urn:certrenew:problem:${code.slice("ERR_".length).toLowerCase().replaceAll("_", "-")}`;
}

const CODE_OF_TYPE = new Map<string, ProblemCode>(
  PROBLEM_CODES.map((code) => [problemType(code), code]),
);

export function problemCode(type: string | undefined): ProblemCode | undefined {
  return type === undefined ? undefined : CODE_OF_TYPE.get(type);
}

export const problemSchema = z.object({
  type: shortText.optional(),
  title: shortText.optional(),
  status: z.int().optional(),
  detail: shortText.optional(),
  /** What is wrong with the request, by JSON Pointer (RFC 6901) into the form or the body. */
  errors: z
    .array(z.object({ pointer: shortText, detail: shortText }))
    .max(200)
    .optional(),
  /** What fills `{name}` in the catalogue's text, such as `notAfter`. */
  parameters: z.record(z.string().regex(/^[A-Za-z]{1,40}$/), shortText).optional(),
});

export type ProblemDetails = z.output<typeof problemSchema>;
