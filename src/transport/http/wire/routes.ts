import type { z } from "zod";
import {
  applicationBodySchema,
  bankTransferBodySchema,
  cancellationBodySchema,
  confirmationBodySchema,
  issuedAnswerSchema,
  offerAnswerSchema,
  offerRequestSchema,
  progressAnswerSchema,
  receivedAnswerSchema,
  recoveryAnswerSchema,
} from "./messages.js";
import type { RouteName } from "./route-names.js";

/** One call of the RA's interface. */
export interface Route {
  readonly method: "GET" | "POST";
  /** Under the base URL; `:name` is a parameter. */
  readonly path: string;
  readonly summary: string;
  /** Changes the RA's state: carries an `Idempotency-Key`, and a failure may leave its outcome open. */
  readonly writes: boolean;
  /** Carries the follow secret: `Authorization: Bearer …`. */
  readonly bearer: boolean;
  readonly request?: z.ZodType;
  readonly answer: z.ZodType;
  readonly status: 200 | 201;
}

/** The RA's whole interface, once: client and sandbox both go by this table. */
export const ROUTES = {
  requestOffer: {
    method: "POST",
    path: "/v1/offers",
    summary: "Agreement, terms, form and guards for one certificate, signed by the RA.",
    writes: false,
    bearer: false,
    request: offerRequestSchema,
    answer: offerAnswerSchema,
    status: 200,
  },
  submitApplication: {
    method: "POST",
    path: "/v1/renewals/:renewalId/applications",
    summary: "Opens the renewal (revision 1), or amends one that was returned.",
    writes: true,
    bearer: true,
    request: applicationBodySchema,
    answer: receivedAnswerSchema,
    status: 201,
  },
  readProgress: {
    method: "GET",
    path: "/v1/renewals/:renewalId",
    summary: "Where the renewal stands.",
    writes: false,
    bearer: true,
    answer: progressAnswerSchema,
    status: 200,
  },
  announceTransfer: {
    method: "POST",
    path: "/v1/renewals/:renewalId/bank-transfers",
    summary: "Tells which bank transfers were made; each call appends.",
    writes: true,
    bearer: true,
    request: bankTransferBodySchema,
    answer: receivedAnswerSchema,
    status: 201,
  },
  cancel: {
    method: "POST",
    path: "/v1/renewals/:renewalId/cancellation",
    summary: "Withdraws the application; signed by the old key.",
    writes: true,
    bearer: true,
    request: cancellationBodySchema,
    answer: receivedAnswerSchema,
    status: 201,
  },
  collect: {
    method: "GET",
    path: "/v1/renewals/:renewalId/certificate",
    summary: "The issued certificate and its chain.",
    writes: false,
    bearer: true,
    answer: issuedAnswerSchema,
    status: 200,
  },
  confirm: {
    method: "POST",
    path: "/v1/renewals/:renewalId/confirmation",
    summary: "The certificate is installed and proven; signed by the new key.",
    writes: true,
    bearer: true,
    request: confirmationBodySchema,
    answer: receivedAnswerSchema,
    status: 201,
  },
  recoverExchange: {
    method: "GET",
    path: "/v1/renewals/:renewalId/exchanges/:idempotencyKey",
    summary: "Whether a writing call with this Idempotency-Key was received.",
    writes: false,
    bearer: true,
    answer: recoveryAnswerSchema,
    status: 200,
  },
} as const satisfies Record<RouteName, Route>;

/** What stands for the parameters of a path. */
export interface RouteParameters {
  readonly renewalId?: string;
  readonly idempotencyKey?: string;
}

/** The path of a call, its parameters filled in and escaped. */
export function routePath(name: RouteName, parameters: RouteParameters = {}): string {
  return ROUTES[name].path.replace(/:(\w+)/g, (_, parameter: string) => {
    const value = parameters[parameter as keyof RouteParameters];
    if (value === undefined) throw new TypeError(`${name} needs ${parameter}`);
    return encodeURIComponent(value);
  });
}
