import type { z } from "zod";
import {
  applicationBodySchema,
  bankTransferBodySchema,
  cancellationBodySchema,
  certificationRequestBodySchema,
  confirmationBodySchema,
  issuedAnswerSchema,
  lookUpAnswerSchema,
  lookUpBodySchema,
  nonceAnswerSchema,
  offerAnswerSchema,
  offerRequestSchema,
  onlinePaymentBodySchema,
  progressAnswerSchema,
  receivedAnswerSchema,
  recoveryAnswerSchema,
  uploadAnswerSchema,
} from "./messages.js";
import type { RouteName } from "./route-names.js";

/** One call of the RA's interface. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT";
  /** Under the base URL; `:name` is a parameter. */
  readonly path: string;
  readonly summary: string;
  /** Is an exchange: carries an `Idempotency-Key`, and a failure may leave its outcome open. */
  readonly writes: boolean;
  /** Carries the follow secret: `Authorization: Bearer …`. */
  readonly bearer: boolean;
  readonly request?: z.ZodType;
  /** The body is a document as it is, of the media type in `Content-Type`, and no JSON. */
  readonly document?: true;
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
  uploadAttachment: {
    method: "PUT",
    path: "/v1/renewals/:renewalId/attachments/:sha256",
    summary: "A document, by its hash, before an application names it.",
    writes: false,
    bearer: true,
    document: true,
    answer: uploadAnswerSchema,
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
  openOnlinePayment: {
    method: "POST",
    path: "/v1/renewals/:renewalId/online-payments",
    summary: "Opens a payment at the gateway, and closes the one that was open.",
    writes: true,
    bearer: true,
    request: onlinePaymentBodySchema,
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
  requestCertificate: {
    method: "POST",
    path: "/v1/renewals/:renewalId/certification-requests",
    summary:
      "The certification request of an approved application, or one in the place of the one before.",
    writes: true,
    bearer: true,
    request: certificationRequestBodySchema,
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
  requestNonce: {
    method: "POST",
    path: "/v1/nonces",
    summary: "A nonce of the RA's for a look-up, good for one and for some minutes.",
    writes: false,
    bearer: false,
    answer: nonceAnswerSchema,
    status: 201,
  },
  lookUp: {
    method: "POST",
    path: "/v1/look-ups",
    summary: "What was applied for with a certificate; signed by its key, expired or not.",
    writes: false,
    bearer: false,
    request: lookUpBodySchema,
    answer: lookUpAnswerSchema,
    status: 200,
  },
} as const satisfies Record<RouteName, Route>;

/** What stands for the parameters of a path. */
export interface RouteParameters {
  readonly renewalId?: string;
  readonly idempotencyKey?: string;
  readonly sha256?: string;
}

/** The path of a call, its parameters filled in and escaped. */
export function routePath(name: RouteName, parameters: RouteParameters = {}): string {
  return ROUTES[name].path.replace(/:(\w+)/g, (_, parameter: string) => {
    const value = parameters[parameter as keyof RouteParameters];
    if (value === undefined) throw new TypeError(`${name} needs ${parameter}`);
    return encodeURIComponent(value);
  });
}
