import { eraseDocuments, uploadDocuments } from "./attachments.js";
import type { StepContext } from "./context.js";
import { errorCode, RenewalError } from "./errors.js";
import { withRequestedKey } from "./key-requests.js";
import type { Exchange, ExchangePurpose, Recovery, Reply } from "./ports/transport.js";
import type { RenewalRecord } from "./record.js";
import { withReply } from "./replies.js";
import { withoutRevision } from "./revisions.js";

/**
 * The outbox: an exchange is saved before it is sent, and leaves when its outcome is known. What was saved is sent again
 * byte for byte; it is never made anew while its outcome is open.
 */

/** What an exchange of this purpose means for the record, once the RA has it. */
type Effect = (
  record: RenewalRecord,
  done: { readonly exchange: Exchange; readonly reply: Reply; readonly now: Date },
) => RenewalRecord;

const EFFECTS: Partial<Record<ExchangePurpose, Effect>> = {
  confirmation(record, { exchange: { signed }, reply: { receipt }, now }) {
    const { issuance } = record;
    // An RA that revoked what it had issued confirms nothing: the renewal has lapsed, see `deriveState`.
    if (!issuance.installation || issuance.status === "revoked") return record;
    const confirmation = { signed, receipt };
    const installation = { ...issuance.installation, confirmedAt: now, confirmation };
    return { ...record, issuance: { ...issuance, installation } };
  },
  "bank-transfer": (record) =>
    record.announcement
      ? { ...record, announcement: { ...record.announcement, received: true } }
      : record,
  "certification-request": withRequestedKey,
};

export function pendingExchange(
  record: RenewalRecord,
  purpose: ExchangePurpose,
): Exchange | undefined {
  return record.outbox.find((exchange) => exchange.purpose === purpose);
}

export function intoOutbox(record: RenewalRecord, exchange: Exchange): RenewalRecord {
  return { ...record, outbox: [...record.outbox, exchange] };
}

/**
 * Sends an exchange that is saved in the outbox. Its effect is set with the removal, in one save.
 * @throws ERR_RA_UNREACHABLE: it stays in the outbox. Any other error of the RA: nothing was changed there, it is out.
 */
export async function deliver(context: StepContext, exchange: Exchange): Promise<void> {
  context.activity("sending");
  const { signal, runtime } = context;
  const { trustAnchors } = runtime;
  let reply: Reply;
  try {
    if (exchange.purpose === "application") await uploadDocuments(context);
    reply = await context.transport.send(exchange, context.reference(), {
      signal,
      trustAnchors,
    });
  } catch (error) {
    if (!outcomeIsOpen(error)) await drop(context, exchange);
    throw error;
  }
  await settleWith(context, exchange, reply);
}

/**
 * Clears up what became of an exchange of the step that is called again: asks first, sends what the RA does not have.
 * @returns `dropped` when the RA does not have it and takes it no more, since its signed expiry has passed
 * @throws ERR_OUTCOME_UNCLEAR where the protocol cannot tell and `repeat` is not given, or it is too late to repeat
 */
export async function settle(
  context: StepContext,
  exchange: Exchange,
  { repeat = false }: { readonly repeat?: boolean | undefined } = {},
): Promise<"done" | "dropped"> {
  const outcome = await askOutcome(context, exchange);
  if (outcome === "done") return "done";
  const isExpired = exchange.expiresAt !== undefined && exchange.expiresAt <= context.now();
  if (outcome === "unclear" && (isExpired || !repeat)) {
    const { purpose, preparedAt } = exchange;
    throw new RenewalError("ERR_OUTCOME_UNCLEAR", {
      details: { purpose, preparedAt: preparedAt.toISOString(), expired: isExpired },
    });
  }
  if (isExpired) {
    await drop(context, exchange);
    return "dropped";
  }
  await deliver(context, exchange);
  return "done";
}

/**
 * Asks what became of all that is open, and sends nothing: for steps that only read, and for steps of another purpose. A
 * cancellation that the RA never had is forgotten: the holder may have changed their mind.
 * @returns those of which the protocol cannot tell
 */
export async function reconcile(context: StepContext): Promise<readonly Exchange[]> {
  const unclear: Exchange[] = [];
  for (const exchange of context.record.outbox) {
    const outcome = await askOutcome(context, exchange);
    if (outcome === "unclear") unclear.push(exchange);
    if (outcome === "not-received" && exchange.purpose === "cancellation") {
      await drop(context, exchange);
    }
  }
  return unclear;
}

/** Takes an exchange out that the RA does not have. */
export async function drop(context: StepContext, exchange: Exchange): Promise<void> {
  await giveUpDocuments(context, exchange);
  await context.save((record) => outOfOutbox(record, exchange));
}

async function askOutcome(context: StepContext, exchange: Exchange): Promise<Recovery["outcome"]> {
  context.activity("asking-outcome");
  const { signal, runtime, transport } = context;
  const { trustAnchors } = runtime;
  let recovery: Recovery;
  try {
    recovery = await transport.recover(exchange, context.reference(), { signal, trustAnchors });
  } catch (error) {
    // An RA that never heard of an application knows neither its id nor its secret, and refuses the question itself.
    const isUnknown = exchange.purpose === "application" && errorCode(error) === "ERR_RA_REFUSED";
    if (!isUnknown) throw error;
    return "not-received";
  }
  if (recovery.outcome === "done") await settleWith(context, exchange, recovery.reply);
  return recovery.outcome;
}

async function settleWith(context: StepContext, exchange: Exchange, reply: Reply): Promise<void> {
  const effect = EFFECTS[exchange.purpose] ?? ((record: RenewalRecord) => record);
  const now = context.now();
  const settled = (record: RenewalRecord) =>
    outOfOutbox(
      effect(withReply(record, reply, now, exchange), { exchange, reply, now }),
      exchange,
    );
  // An answer that cannot be used leaves the outcome open, and the documents where they are.
  settled(context.record);
  await giveUpDocuments(context, exchange);
  await context.save(settled);
}

/**
 * Documents have done their part once the RA has the application, or it is given up. They go before that is saved: a program
 * that dies in between leaves none behind, and what was asked about once is asked about again.
 */
async function giveUpDocuments({ runtime, record }: StepContext, exchange: Exchange) {
  if (exchange.purpose !== "application") return;
  await eraseDocuments(runtime, record).catch(() => undefined);
}

function outOfOutbox(record: RenewalRecord, { id, purpose }: Exchange): RenewalRecord {
  const outbox = record.outbox.filter((exchange) => exchange.id !== id);
  const isApplication = purpose === "application" && record.application.status === "submitting";
  if (purpose === "bank-transfer" && !record.announcement?.received) {
    return { ...record, outbox, announcement: undefined };
  }
  if (!isApplication) return { ...record, outbox };
  // Refused, or never received: nothing was opened, or amended, at the RA.
  return { ...withoutRevision(record), outbox };
}

/**
 * An RA that cannot be reached, and a step that was stopped while it was asked, leave the outcome open; so does whatever an
 * adapter throws that is not in the catalogue.
 */
function outcomeIsOpen(error: unknown): boolean {
  const code = errorCode(error);
  return code === undefined || OPEN_OUTCOMES.has(code);
}

const OPEN_OUTCOMES: ReadonlySet<string> = new Set([
  "ERR_RA_UNREACHABLE",
  "ERR_ABORTED",
  "ERR_TIMEOUT",
  "ERR_UNEXPECTED",
  "ERR_OUTCOME_UNCLEAR",
  // It came over the wire as an answer, but tells nothing that can be relied on.
  "ERR_RA_RESPONSE",
  "ERR_RA_UNTRUSTED",
  // The RA is there and did not take it now; the same bytes can be sent later.
  "ERR_RA_BUSY",
]);
