import type { z } from "zod";
import { sha256Hex } from "../core/pki/certificate.js";
import type {
  ProgressAnswer,
  ReceivedAnswer,
  recoveryAnswerSchema,
} from "../transport/http/wire/messages.js";
import type { RouteName } from "../transport/http/wire/route-names.js";
import {
  encodeStatement,
  receiptStatementSchema,
  STATEMENT_PURPOSE,
  type Writable,
} from "../transport/http/wire/statements.js";
import { makeDocument } from "./documents.js";
import type { DocumentFlaw } from "./faults.js";
import { authorise } from "./follow-secrets.js";
import type { Office } from "./office.js";
import { describeProgress } from "./progress.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";

/** A writing call as it arrived. */
export interface Exchange {
  readonly route: RouteName;
  readonly renewalId: string;
  readonly idempotencyKey: string;
  readonly followSecretSha256: string;
  readonly body: Uint8Array;
  readonly flaw: DocumentFlaw | undefined;
}

/**
 * Does the work of an exchange once. The same key with the same bytes gets the same receipt again, with the progress of
 * now; with other bytes it is a mistake of the caller's. What was refused left nothing behind, and may come again.
 * @throws Refusal
 */
export async function receive(
  office: Office,
  exchange: Exchange,
  work: () => Application,
): Promise<Writable<ReceivedAnswer>> {
  const { route, renewalId, idempotencyKey, flaw } = exchange;
  const existing = office.state.applications[renewalId];
  if (existing) authorise(existing, exchange.followSecretSha256);
  const sha256 = sha256Hex(exchange.body);
  const known = existing?.exchanges[idempotencyKey];
  if (existing && known) {
    if (known.sha256 !== sha256 || known.route !== route) {
      throw new Refusal("ERR_ARGUMENT", "the Idempotency-Key was used for another message", {
        status: 422,
      });
    }
    return { ...progressAnswer(office, existing), receipt: { signed: known.receipt } };
  }
  const application = work();
  const statement = encodeStatement(receiptStatementSchema, {
    purpose: STATEMENT_PURPOSE.receipt,
    origin: office.origin,
    renewalId,
    idempotencyKey,
    exchangeSha256: sha256,
    businessNumber: application.businessNumber,
    receivedAt: office.clock.now(),
  });
  const document = await makeDocument(office, statement, undefined);
  if ("signed" in document) {
    application.exchanges[idempotencyKey] = { route, sha256, receipt: document.signed };
  }
  const receipt = flaw === undefined ? document : await makeDocument(office, statement, flaw);
  return { ...progressAnswer(office, application), receipt };
}

/** What became of an exchange. @throws Refusal when the secret is not this renewal's */
export function recover(
  office: Office,
  { renewalId, idempotencyKey, followSecretSha256 }: Omit<Exchange, "route" | "body" | "flaw">,
): Writable<z.output<typeof recoveryAnswerSchema>> {
  const application = office.state.applications[renewalId];
  if (!application) return { outcome: "not-received" };
  authorise(application, followSecretSha256);
  const known = application.exchanges[idempotencyKey];
  if (!known) return { outcome: "not-received" };
  const answer = { ...progressAnswer(office, application), receipt: { signed: known.receipt } };
  return { outcome: "done", exchangeSha256: known.sha256, answer };
}

export function progressAnswer(office: Office, application: Application): Writable<ProgressAnswer> {
  return { progress: describeProgress(office, application), nonce: application.nonce };
}
