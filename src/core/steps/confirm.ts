import type { StepContext } from "../context.js";
import { errorCode, RenewalError } from "../errors.js";
import { pairsOf } from "../installed-pairs.js";
import { deliver, intoOutbox, pendingExchange, settle } from "../outbox.js";
import type { Exchange } from "../ports/transport.js";
import { withReply } from "../replies.js";
import type { ContinueOptions } from "../step-options.js";
import { deriveState } from "../transitions.js";
import { tokenAccess } from "../unlock.js";
import { prepareConfirmation } from "./prove.js";
import { rebindAll } from "./rebind.js";

/** confirming → completed, right after the proof: the confirmation is in the outbox and was never sent. */
export async function confirm(context: StepContext, options: ContinueOptions): Promise<void> {
  context.activity("confirming");
  const exchange = pendingExchange(context.record, "confirmation");
  const confirmation = exchange ?? (await signAgain(context, options));
  await unlessRevoked(context, () => deliver(context, confirmation));
  await rebindAll(context);
}

/** confirming → completed, after an interruption: asks first. An expired confirmation is signed again. */
export async function continueConfirming(
  context: StepContext,
  options: ContinueOptions,
): Promise<void> {
  const exchange = pendingExchange(context.record, "confirmation");
  const outcome = exchange
    ? await unlessRevoked(context, () => settle(context, exchange, options))
    : "dropped";
  if (outcome === "dropped") await confirm(context, options);
  else await rebindAll(context);
}

/**
 * Sends, and where the RA refuses, looks why: a certificate that was not confirmed in time is revoked, and the renewal over.
 * @throws ERR_RA_REFUSED with the closed renewal
 */
async function unlessRevoked<T>(context: StepContext, send: () => Promise<T>): Promise<T> {
  try {
    const result = await send();
    assertNotClosed(context);
    return result;
  } catch (error) {
    if (errorCode(error) !== "ERR_RA_REFUSED") throw error;
    const { transport, signal } = context;
    if (transport.traits.polling === "free") {
      const reply = await transport.progress(context.reference(), { signal });
      await context.save((record) => withReply(record, reply, context.now()));
      assertNotClosed(context);
    }
    throw error;
  }
}

/** @throws ERR_RA_REFUSED when the RA has ended the renewal meanwhile */
export function assertNotClosed({ record }: StepContext): void {
  if (deriveState(record) !== "closed") return;
  const reason =
    record.issuance.status === "revoked"
      ? "the RA has revoked the new certificate"
      : `the application is ${record.application.status}`;
  throw new RenewalError("ERR_RA_REFUSED", { details: { reason } });
}

async function signAgain(context: StepContext, options: ContinueOptions): Promise<Exchange> {
  const pairs = pairsOf(context.record);
  return tokenAccess(context, "confirm", options).use(async (session) => {
    const exchange = await prepareConfirmation(context, session, pairs);
    await context.save((record) => intoOutbox(record, exchange));
    return exchange;
  });
}
