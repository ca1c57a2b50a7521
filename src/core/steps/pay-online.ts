import type { StepContext } from "../context.js";
import { openOnlinePayment, recipientSchema } from "../domain/ledger.js";
import { type Problem, RenewalError } from "../errors.js";
import { deliver, drop, intoOutbox, pendingExchange, reconcile } from "../outbox.js";
import type { OnlinePaymentContent } from "../ports/transport.js";
import { problemsOf } from "../problems.js";
import type { RenewalRecord } from "../record.js";
import { withReply } from "../replies.js";
import { freshId } from "../runtime.js";
import type { OnlinePayment } from "../step-options.js";
import { businessOf, NOT_NOW, oneOf } from "./pay.js";

/** 在线支付: has the RA open a payment at its gateway. One that is open for the same method is the one. */
export async function payOnline(context: StepContext, options: OnlinePayment): Promise<void> {
  const content = checkPayment(context.record, options);
  const business = businessOf(context);
  if (!business.prepareOnlinePayment) {
    const details = { transport: context.transport.name, reason: "it has no online payment" };
    throw new RenewalError("ERR_UNSUPPORTED", { details });
  }
  // The answer to an earlier try may have been lost, and the payment be open.
  await clearUp(context, options);
  // And what is open may have been paid meanwhile: shown once more, it would be paid twice.
  if (isOpen(context, content.method)) await look(context);
  if (isOpen(context, content.method) || !context.record.payment?.open) return;
  const { runtime, signal } = context;
  const instructionId = freshId(runtime);
  const exchange = await business.prepareOnlinePayment(
    context.reference(),
    { ...content, instructionId, idempotencyKey: instructionId },
    { signal },
  );
  await context.save((record) => intoOutbox(record, exchange));
  await deliver(context, exchange);
}

async function clearUp(context: StepContext, { repeat }: OnlinePayment): Promise<void> {
  const unclear = await reconcile(context);
  const pending = pendingExchange(context.record, "online-payment");
  if (!pending) return;
  if (unclear.includes(pending) && !repeat) {
    throw new RenewalError("ERR_OUTCOME_UNCLEAR", { details: { purpose: pending.purpose } });
  }
  await drop(context, pending);
}

/** Where asking costs no PIN. */
async function look(context: StepContext): Promise<void> {
  const { transport, signal } = context;
  if (transport.traits.polling !== "free") return;
  const reply = await transport.progress(context.reference(), { signal });
  await context.save((record) => withReply(record, reply, context.now()));
}

function isOpen({ record, now }: StepContext, method: string): boolean {
  const open = record.payment && openOnlinePayment(record.payment);
  return open !== undefined && open.method === method && open.expiresAt > now();
}

function checkPayment(
  { payment, order, outbox }: RenewalRecord,
  { recipient, invoice, method }: OnlinePayment,
): Omit<OnlinePaymentContent, "idempotencyKey" | "instructionId"> {
  const parsed = recipientSchema.safeParse(recipient);
  const problems: Problem[] = parsed.error
    ? problemsOf(parsed.error).map(({ pointer, message }) => ({
        pointer: `/recipient${pointer}`,
        message,
      }))
    : [];
  const invoiceType = oneOf(order?.invoiceTypes, invoice, "/invoice", problems);
  const chosen = oneOf(order?.paymentMethods, method, "/method", problems);
  const opening = outbox.some(({ purpose }) => purpose === "online-payment");
  if (!payment?.open && !opening) problems.push({ pointer: "", message: NOT_NOW });
  if (problems.length > 0 || !parsed.data || !invoiceType || !chosen) {
    throw new RenewalError("ERR_PAYMENT_INVALID", { problems });
  }
  return { recipient: parsed.data, invoiceType, method: chosen };
}
