import type { StepContext } from "../context.js";
import { RenewalError } from "../errors.js";
import { deliver, intoOutbox, pendingExchange, reconcile, settle } from "../outbox.js";
import { previousSigner } from "../signers.js";
import type { ContinueOptions } from "../step-options.js";
import { deriveState } from "../transitions.js";
import { tokenAccess } from "../unlock.js";
import { businessOf } from "./pay.js";

/** 撤销申请: → closed. A cancellation that was already sent is cleared up first, and needs no PIN again. */
export async function cancel(context: StepContext, options: ContinueOptions = {}): Promise<void> {
  const business = businessOf(context);
  const pending = pendingExchange(context.record, "cancellation");
  if (pending) await settle(context, pending, options);
  await reconcile(context);
  if (deriveState(context.record) === "closed") return;
  const exchange = await tokenAccess(context, "cancel", options).use(async (session) => {
    const signer = await previousSigner(context, session);
    const { signal } = context;
    const signed = await business.prepareCancellation(context.reference(), signer, { signal });
    await context.save((record) => intoOutbox(record, signed));
    return signed;
  });
  await deliver(context, exchange);
  if (deriveState(context.record) !== "closed") {
    throw new RenewalError("ERR_RA_REFUSED", {
      details: { reason: "the RA did not cancel the application" },
    });
  }
}
