import type { RecordUpdate, StepContext } from "./context.js";
import { errorCode, RenewalError } from "./errors.js";
import type { Exchange, ExchangePurpose, Reply } from "./ports/transport.js";
import type { RenewalRecord } from "./record.js";
import { withReply } from "./replies.js";

/**
 * The outbox: an exchange is saved before it is sent, and leaves when its outcome is known. What was saved is sent again
 * byte for byte; it is never made anew while its outcome is open.
 */

/** What an exchange of this purpose means for the record, once the RA has it. */
const EFFECTS: Partial<Record<ExchangePurpose, (context: StepContext) => RecordUpdate>> = {
  confirmation: (context) => (record) => {
    const { installation, status } = record.issuance;
    if (!installation) return record;
    if (status === "revoked") {
      throw new RenewalError("ERR_RA_REFUSED", {
        details: { reason: "the RA has revoked the new certificate" },
      });
    }
    const confirmed = { ...installation, confirmedAt: context.now() };
    return { ...record, issuance: { ...record.issuance, installation: confirmed } };
  },
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
    reply = await context.transport.send(exchange, context.reference(), {
      signal,
      trustAnchors,
    });
  } catch (error) {
    if (!outcomeIsOpen(error)) await context.save((record) => outOfOutbox(record, exchange));
    throw error;
  }
  await settleWith(context, exchange, reply);
}

/**
 * Clears up what became of a saved exchange: asks first, sends what the RA does not have.
 * @returns `dropped` when the RA does not have it and takes it no more, since its signed expiry has passed
 * @throws ERR_OUTCOME_UNCLEAR where the protocol cannot tell and `repeat` is not given
 */
export async function settle(
  context: StepContext,
  exchange: Exchange,
  { repeat = false }: { readonly repeat?: boolean | undefined } = {},
): Promise<"done" | "dropped"> {
  context.activity("asking-outcome");
  const { signal, runtime } = context;
  const { trustAnchors } = runtime;
  const recovery = await context.transport.recover(exchange, context.reference(), {
    signal,
    trustAnchors,
  });
  if (recovery.outcome === "done") {
    await settleWith(context, exchange, recovery.reply);
    return "done";
  }
  if (recovery.outcome === "unclear" && !repeat) {
    throw new RenewalError("ERR_OUTCOME_UNCLEAR", {
      details: { purpose: exchange.purpose, preparedAt: exchange.preparedAt.toISOString() },
    });
  }
  if (exchange.expiresAt && exchange.expiresAt <= context.now()) {
    await context.save((record) => outOfOutbox(record, exchange));
    return "dropped";
  }
  await deliver(context, exchange);
  return "done";
}

/** Clears up all that is open, the oldest first, so that nothing new is begun on top of it. */
export async function settleOutbox(
  context: StepContext,
  options: { readonly repeat?: boolean | undefined } = {},
): Promise<void> {
  for (const exchange of context.record.outbox) await settle(context, exchange, options);
}

async function settleWith(context: StepContext, exchange: Exchange, reply: Reply): Promise<void> {
  const effect = EFFECTS[exchange.purpose]?.(context) ?? ((record) => record);
  await context.save((record) =>
    outOfOutbox(effect(withReply(record, reply, context.now())), exchange),
  );
}

function outOfOutbox(record: RenewalRecord, { id, purpose }: Exchange): RenewalRecord {
  const outbox = record.outbox.filter((exchange) => exchange.id !== id);
  const isApplication = purpose === "application" && record.application.status === "submitting";
  if (!isApplication) return { ...record, outbox };
  // Refused, or never received: nothing was opened at the RA.
  return { ...record, outbox, application: { ...record.application, status: "draft" } };
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
