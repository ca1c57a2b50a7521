import type { z } from "zod";
import type {
  applicationBodySchema,
  bankTransferBodySchema,
  cancellationBodySchema,
  certificationRequestBodySchema,
  confirmationBodySchema,
  lookUpBodySchema,
  offerRequestSchema,
  onlinePaymentBodySchema,
} from "../transport/http/wire/messages.js";
import type { RouteName } from "../transport/http/wire/route-names.js";
import { cancellationStatementSchema } from "../transport/http/wire/statements.js";
import { takeUpload } from "./attachments.js";
import { advance } from "./calendar.js";
import { takeCertificationRequest } from "./certification-requests.js";
import type { HandlerResult } from "./desk.js";
import { progressAnswer, receive, recover } from "./exchanges.js";
import type { Faults } from "./faults.js";
import { authorise } from "./follow-secrets.js";
import { takeApplication } from "./intake.js";
import { collect, takeConfirmation } from "./issuance.js";
import { giveNonce, lookUp } from "./look-up.js";
import { makeOffer } from "./offers.js";
import { findApplication, type Office } from "./office.js";
import { openOnlinePayment } from "./online-payments.js";
import { takeTransfer } from "./payments.js";
import { isWaiting } from "./progress.js";
import { cancel } from "./review.js";
import type { Application } from "./state.js";
import { checkBound, checkSigner, openStatement } from "./statements.js";

interface HandlerCall {
  readonly route: RouteName;
  readonly renewalId: string;
  readonly idempotencyKey: string;
  readonly followSecretSha256: string;
  /** Of a document, as the path has it. */
  readonly sha256?: string | undefined;
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
  /** What the route's request schema made of the body. */
  readonly content: unknown;
  readonly faults: Faults;
}

type Handler = (office: Office, call: HandlerCall) => Promise<HandlerResult>;

/** One clerk for each call of the route table. */
export const HANDLERS: Readonly<Record<RouteName, Handler>> = {
  async requestOffer(office, { content, faults }) {
    const request = content as z.output<typeof offerRequestSchema>;
    const offer = await makeOffer(office, request, faults.document?.flaw);
    return { content: { offer }, changed: true };
  },

  async uploadAttachment(office, call) {
    const { sha256 = "", header } = call;
    const content = takeUpload(office, {
      ...call,
      sha256,
      mediaType: header("content-type") ?? "",
    });
    return { content, changed: true };
  },

  submitApplication: (office, call) =>
    write(office, call, () => {
      const body = call.content as z.output<typeof applicationBodySchema>;
      const application = takeApplication(office, call.renewalId, call.followSecretSha256, body);
      const { "slow-review": slow, "returned-first": returned } = call.faults;
      if (slow) application.reviewDelayMs = slow.ms;
      if (returned) application.returnFirst = [...returned.reasons];
      return application;
    }),

  async readProgress(office, call) {
    const application = authorised(office, call);
    return {
      content: progressAnswer(office, application),
      changed: false,
      retryAfterSeconds: retryAfter(office, application),
      tagged: true,
    };
  },

  announceTransfer: (office, call) =>
    write(office, call, () => {
      const body = call.content as z.output<typeof bankTransferBodySchema>;
      return takeTransfer(office, authorised(office, call), body);
    }),

  openOnlinePayment: (office, call) =>
    write(office, call, () => {
      const body = call.content as z.output<typeof onlinePaymentBodySchema>;
      return openOnlinePayment(office, authorised(office, call), body);
    }),

  cancel: (office, call) =>
    write(office, call, () => {
      const { cancellation } = call.content as z.output<typeof cancellationBodySchema>;
      const application = authorised(office, call);
      const { statement, signer } = openStatement(
        office,
        cancellationStatementSchema,
        cancellation,
      );
      checkSigner(office, signer, application.certificateSha256, { anyTime: true });
      checkBound(application, statement);
      cancel(office, application);
      office.state.nonces.push(statement.nonce);
      return application;
    }),

  requestCertificate: (office, call) =>
    write(office, call, () => {
      const body = call.content as z.output<typeof certificationRequestBodySchema>;
      return takeCertificationRequest(office, authorised(office, call), body);
    }),

  async collect(office, call) {
    const application = authorised(office, call);
    const issued = collect(office, application, call.faults.certificate?.flaw);
    return { content: issued, changed: true };
  },

  confirm: (office, call) =>
    write(office, call, () => {
      const { confirmation } = call.content as z.output<typeof confirmationBodySchema>;
      return takeConfirmation(office, authorised(office, call), confirmation);
    }),

  async recoverExchange(office, call) {
    return { content: recover(office, call), changed: false };
  },

  async requestNonce(office) {
    return { content: { nonce: giveNonce(office) }, changed: true };
  },

  async lookUp(office, { content }) {
    const body = content as z.output<typeof lookUpBodySchema>;
    return { content: lookUp(office, body.lookUp), changed: true };
  },
};

async function write(
  office: Office,
  call: HandlerCall,
  work: () => Application,
): Promise<HandlerResult> {
  const exchange = { ...call, flaw: call.faults.document?.flaw };
  const content = await receive(office, exchange, () => {
    const application = work();
    // What follows without a delay is done before the answer.
    advance(office);
    return application;
  });
  const application = findApplication(office, call.renewalId);
  return { content, changed: true, retryAfterSeconds: retryAfter(office, application) };
}

function authorised(office: Office, { renewalId, followSecretSha256 }: HandlerCall): Application {
  const application = findApplication(office, renewalId);
  authorise(application, followSecretSha256);
  return application;
}

function retryAfter(office: Office, application: Application): number | undefined {
  const { retryAfterSeconds } = office.state.policy;
  return isWaiting(office, application) ? (retryAfterSeconds ?? undefined) : undefined;
}
