import { randomBytes, randomUUID } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../../core/clock.js";
import { RenewalError } from "../../core/errors.js";
import { sha256Hex } from "../../core/pki/certificate.js";
import { signData } from "../../core/pki/signed-data.js";
import type {
  ApplicationContent,
  ApplicationSigners,
  BankTransferContent,
  CertificationRequestContent,
  ConfirmationContent,
  Exchange,
  ExchangePurpose,
  OnlinePaymentContent,
  Reference,
  Signer,
} from "../../core/ports/transport.js";
import type { Endpoint } from "./endpoint.js";
import {
  applicationBodySchema,
  bankTransferBodySchema,
  cancellationBodySchema,
  certificationRequestBodySchema,
  confirmationBodySchema,
  onlinePaymentBodySchema,
} from "./wire/messages.js";
import type { RouteName } from "./wire/route-names.js";
import { ROUTES } from "./wire/routes.js";
import {
  applicationStatementSchema,
  cancellationStatementSchema,
  certificationRequestStatementSchema,
  confirmationStatementSchema,
  encodeJson,
  encodeStatement,
  offerHash,
  STATEMENT_PURPOSE,
  type Writable,
} from "./wire/statements.js";

/** Makes the messages that change the RA's state: signed where they are, numbered, and as the exact text to send. */

export interface ExchangeContext {
  readonly endpoint: Endpoint;
  readonly clock: Pick<Clock, "now">;
  /** Whether an application must name the document that the RA signed. */
  readonly signedDocuments: boolean;
}

/** What is sent at once; a confirmation may wait for the network, and costs a PIN to make again. */
const SENT_AT_ONCE_MS = 3_600_000;
const CONFIRMATION_LIFETIME_MS = 7 * 86_400_000;

const ROUTE_OF_PURPOSE = {
  application: "submitApplication",
  "bank-transfer": "announceTransfer",
  "online-payment": "openOnlinePayment",
  cancellation: "cancel",
  "certification-request": "requestCertificate",
  confirmation: "confirm",
} as const satisfies Record<ExchangePurpose, RouteName>;

const messageSchema = z.object({ body: z.string() });

/** Where an exchange goes, and the text that is sent. @throws ERR_ARGUMENT when it is not one of ours */
export function readExchange(exchange: Exchange): {
  readonly route: (typeof ROUTE_OF_PURPOSE)[ExchangePurpose];
  readonly body: string;
} {
  const message = messageSchema.safeParse(exchange.message);
  if (!message.success) throw argument("/message", "not an exchange of this transport");
  return { route: ROUTE_OF_PURPOSE[exchange.purpose], body: message.data.body };
}

/** One signature, by the old key; the request beside it is signed already. @throws ERR_ARGUMENT */
export async function makeApplication(
  context: ExchangeContext,
  content: ApplicationContent,
  { previous }: ApplicationSigners,
): Promise<Exchange> {
  const { offer, offerDocument, agreement, request, encryption, attachments } = content;
  assertOrigin(context, offer.origin);
  if (context.signedDocuments && offerDocument === undefined) {
    throw argument("/offerDocument", "the document that the RA signed for the offer is needed");
  }
  const statement = encodeStatement(applicationStatementSchema, {
    purpose: STATEMENT_PURPOSE.application,
    origin: offer.origin,
    renewalId: content.renewalId,
    certificateSha256: sha256Hex(content.certificate),
    raNonce: offer.nonce,
    nonce: content.nonce,
    signedAt: content.signedAt,
    expiresAt: content.expiresAt,
    revision: content.revision,
    offer: { id: offer.id, sha256: offerHash(offer, offerDocument) },
    agreement: {
      version: agreement.version,
      sha256: agreement.sha256,
      acceptedAt: agreement.acceptedAt,
    },
    years: content.years,
    price: content.price,
    keyMode: content.keyMode,
    keyAlgorithm: content.keyAlgorithm,
    form: content.form,
    ...(attachments.length > 0 && { attachments }),
    acknowledged: content.acknowledged,
    requestSha256: hashOf(request),
    ...(encryption && {
      encryption: {
        certificateSha256: sha256Hex(encryption.certificate),
        requestSha256: hashOf(encryption.request),
      },
    }),
    followSecretSha256: sha256Hex(new TextEncoder().encode(content.followSecret)),
  });
  const application = await sign(statement, previous, content.certificate, content.signedAt);
  return {
    ...envelope(context, "application", content.idempotencyKey),
    expiresAt: content.expiresAt,
    signed: application,
    message: message(applicationBodySchema, {
      application,
      request,
      encryptionRequest: encryption?.request,
    }),
  };
}

/** Not signed: the follow secret authorises it. */
export function makeBankTransfer(context: ExchangeContext, content: BankTransferContent): Exchange {
  const { instructionId, recipient, invoiceType, remittances } = content;
  const body = { instructionId, recipient, invoiceType, remittances };
  return {
    ...envelope(context, "bank-transfer", content.idempotencyKey),
    message: message(bankTransferBodySchema, body),
  };
}

/** Not signed: the follow secret authorises it. */
export function makeOnlinePayment(
  context: ExchangeContext,
  content: OnlinePaymentContent,
): Exchange {
  const { instructionId, recipient, invoiceType, method } = content;
  const body = { instructionId, recipient, invoiceType, method };
  return {
    ...envelope(context, "online-payment", content.idempotencyKey),
    message: message(onlinePaymentBodySchema, body),
  };
}

/** Signed by the old key, where there is one. @throws ERR_ARGUMENT */
export async function makeCertificationRequest(
  context: ExchangeContext,
  content: CertificationRequestContent,
  signer: Signer | undefined,
): Promise<Exchange> {
  const { reference, reason, request, encryptionRequest } = content;
  const bound = binding(context, reference, SENT_AT_ONCE_MS);
  const octets = encodeStatement(certificationRequestStatementSchema, {
    purpose: STATEMENT_PURPOSE.certificationRequest,
    ...bound,
    offerId: reference.offer.id,
    reason,
    requestSha256: sha256Hex(request),
    encryptionRequestSha256: hashOf(encryptionRequest),
  });
  const { certificate } = signer ?? {};
  const signed = signer && certificate && (await sign(octets, signer, certificate, bound.signedAt));
  return {
    ...envelope(context, "certification-request", content.idempotencyKey),
    expiresAt: bound.expiresAt,
    signed,
    message: message(certificationRequestBodySchema, {
      statement: signed ? { signed } : { unsigned: octets },
      request,
      encryptionRequest,
    }),
  };
}

/** Signed by the old key. @throws ERR_ARGUMENT */
export async function makeCancellation(
  context: ExchangeContext,
  reference: Reference,
  signer: Signer,
): Promise<Exchange> {
  if (!signer.certificate) throw argument("/signer/certificate", "is needed");
  const bound = binding(context, reference, SENT_AT_ONCE_MS);
  const statement = encodeStatement(cancellationStatementSchema, {
    purpose: STATEMENT_PURPOSE.cancellation,
    ...bound,
    offerId: reference.offer.id,
  });
  const cancellation = await sign(statement, signer, signer.certificate, bound.signedAt);
  return {
    ...envelope(context, "cancellation", randomUUID()),
    expiresAt: bound.expiresAt,
    signed: cancellation,
    message: message(cancellationBodySchema, { cancellation }),
  };
}

/** Signed by the new key. @throws ERR_ARGUMENT */
export async function makeConfirmation(
  context: ExchangeContext,
  content: ConfirmationContent,
  signer: Signer,
): Promise<Exchange> {
  const bound = binding(context, content.reference, CONFIRMATION_LIFETIME_MS);
  const statement = encodeStatement(confirmationStatementSchema, {
    purpose: STATEMENT_PURPOSE.confirmation,
    ...bound,
    offerId: content.reference.offer.id,
    renewedSha256: sha256Hex(content.certificate),
    encryptionRenewedSha256: hashOf(content.encryption),
    installedAt: content.installedAt,
  });
  const confirmation = await sign(statement, signer, content.certificate, bound.signedAt);
  return {
    ...envelope(context, "confirmation", content.idempotencyKey),
    expiresAt: bound.expiresAt,
    signed: confirmation,
    message: message(confirmationBodySchema, { confirmation }),
  };
}

/** A reference is good at the RA that it is of: elsewhere it would hand the follow secret to a stranger. */
export function assertOrigin(
  { endpoint }: Pick<ExchangeContext, "endpoint">,
  origin: string,
): void {
  if (origin !== endpoint.origin) {
    throw argument("/baseUrl", `the renewal belongs to ${origin}, not to ${endpoint.origin}`);
  }
}

const remoteSchema = z.object({ nonce: z.string() });

function binding(context: ExchangeContext, reference: Reference, lifetimeMs: number) {
  assertOrigin(context, reference.offer.origin);
  const remote = remoteSchema.safeParse(reference.remote);
  if (!remote.success) throw argument("/reference/remote", "the RA's last answer is needed");
  const signedAt = context.clock.now();
  return {
    origin: reference.offer.origin,
    renewalId: reference.renewalId,
    certificateSha256: reference.certificateSha256,
    raNonce: remote.data.nonce,
    nonce: randomBytes(24).toString("base64url"),
    signedAt,
    expiresAt: new Date(signedAt.getTime() + lifetimeMs),
  };
}

const hashOf = (octets: Uint8Array | undefined) => octets && sha256Hex(octets);

/** A statement of the applicant's as CMS SignedData. */
export function sign(
  content: Uint8Array,
  signer: Signer,
  certificate: Uint8Array,
  signingTime: Date,
) {
  const { spki, algorithms } = signer;
  return signData({
    content,
    signer: {
      certificate,
      spki,
      algorithms,
      sign: (octets, algorithm) => signer.sign(octets, algorithm),
    },
    signingTime,
  });
}

function envelope({ clock }: ExchangeContext, purpose: ExchangePurpose, idempotencyKey: string) {
  return { id: randomUUID(), purpose, idempotencyKey, preparedAt: clock.now() };
}

function message<S extends z.ZodType>(
  schema: S,
  body: Writable<z.output<S>>,
): { readonly body: string } {
  return { body: JSON.stringify(encodeJson(schema, body)) };
}

function argument(pointer: string, text: string): RenewalError {
  return new RenewalError("ERR_ARGUMENT", { problems: [{ pointer, message: text }] });
}

// The table above must name writing calls only: their failures are the ones that tell open outcomes apart.
ROUTES satisfies Record<(typeof ROUTE_OF_PURPOSE)[ExchangePurpose], { readonly writes: true }>;
