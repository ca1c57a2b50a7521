import type { StepContext } from "../context.js";
import { RenewalError } from "../errors.js";
import { deliver, intoOutbox, pendingExchange, settle } from "../outbox.js";
import type { Exchange } from "../ports/transport.js";
import type { ContinueOptions } from "../step-options.js";
import { tokenAccess } from "../unlock.js";
import { prepareConfirmation } from "./prove.js";

/** confirming → completed, right after the proof: the confirmation is in the outbox and was never sent. */
export async function confirm(context: StepContext, options: ContinueOptions): Promise<void> {
  context.activity("confirming");
  const exchange = pendingExchange(context.record, "confirmation");
  await deliver(context, exchange ?? (await signAgain(context, options)));
}

/** confirming → completed, after an interruption: asks first. An expired confirmation is signed again. */
export async function continueConfirming(
  context: StepContext,
  options: ContinueOptions,
): Promise<void> {
  const exchange = pendingExchange(context.record, "confirmation");
  const outcome = exchange ? await settle(context, exchange, options) : "dropped";
  if (outcome === "dropped") await confirm(context, options);
}

async function signAgain(context: StepContext, options: ContinueOptions): Promise<Exchange> {
  const { collected } = context.record.issuance;
  const { requestedKey } = context.record.application;
  if (!collected || !requestedKey) {
    throw new RenewalError("ERR_RECORD_CORRUPT", { details: { reason: "nothing to confirm" } });
  }
  return tokenAccess(context, "confirm", options).use(async (session) => {
    const exchange = await prepareConfirmation(context, session, collected, requestedKey);
    await context.save((record) => intoOutbox(record, exchange));
    return exchange;
  });
}
