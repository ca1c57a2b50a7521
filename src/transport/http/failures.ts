import type { JsonObject } from "../../core/domain/scalars.js";
import { type ErrorCode, RenewalError } from "../../core/errors.js";
import { type ProblemDetails, problemCode } from "./wire/problem.js";
import type { RouteName } from "./wire/route-names.js";
import { ROUTES } from "./wire/routes.js";

/**
 * What a failed call means. The port's contract draws one line: after a writing call, ERR_RA_UNREACHABLE says that the
 * outcome is not known, and every other error that nothing was changed.
 */

/** An answer that is not a success. */
export interface FailedAnswer {
  readonly status: number;
  readonly problem: ProblemDetails | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Statuses without one of our problem types, such as a gateway's. What is not here goes by its class. */
const STATUS_CODES: Readonly<
  Record<
    number,
    { readonly code: ErrorCode; readonly only?: RouteName; readonly elsewhere?: ErrorCode }
  >
> = {
  // Elsewhere: a call with the same Idempotency-Key is still at work.
  409: { code: "ERR_APPLICATION_OPEN", only: "submitApplication", elsewhere: "ERR_RA_BUSY" },
  410: { code: "ERR_OFFER_STALE", only: "submitApplication" },
  429: { code: "ERR_RA_BUSY" },
};

export function failureOf(
  route: RouteName,
  { status, problem, retryAfterMs }: FailedAnswer,
): RenewalError {
  const details: JsonObject = {
    ...problem?.parameters,
    status,
    reason: problem?.detail ?? `HTTP ${status}`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
  const problems = (problem?.errors ?? []).map(({ pointer, detail }) => ({
    pointer,
    message: detail,
  }));
  return new RenewalError(codeOf(route, status, problem), { details, problems });
}

function codeOf(route: RouteName, status: number, problem: ProblemDetails | undefined): ErrorCode {
  const { writes } = ROUTES[route];
  const named = problemCode(problem?.type);
  // A 503 in the RA's own words was decided by the RA; a bare one may come from a gateway that lost a working RA.
  if (named !== undefined && (isClientError(status) || status === 503)) return named;
  const known = STATUS_CODES[status];
  if (known !== undefined && (known.only ?? route) === route) return known.code;
  if (known?.elsewhere !== undefined && writes) return known.elsewhere;
  if (isClientError(status) && status !== 408) return "ERR_RA_REFUSED";
  if (writes) return "ERR_RA_UNREACHABLE";
  return status >= 500 || status === 408 ? "ERR_RA_BUSY" : "ERR_RA_RESPONSE";
}

const isClientError = (status: number): boolean => status >= 400 && status < 500;

/** No answer arrived, or not all of it. */
export function connectionFailure(route: RouteName, reason: string, cause: unknown): RenewalError {
  return new RenewalError("ERR_RA_UNREACHABLE", { cause, details: { reason, route } });
}

/**
 * A success whose content cannot be used. To a reader that is all; after a writing call the RA did something, and what it
 * did must be asked.
 */
export function unusableAnswer(route: RouteName, failure: RenewalError): RenewalError {
  if (!ROUTES[route].writes) return failure;
  const reason = failure.details["reason"];
  return new RenewalError("ERR_RA_UNREACHABLE", {
    cause: failure,
    details: { route, reason: typeof reason === "string" ? reason : failure.code },
  });
}

/** @see unusableAnswer */
export function responseFailure(reason: string, cause?: unknown): RenewalError {
  return new RenewalError("ERR_RA_RESPONSE", { cause, details: { reason } });
}
