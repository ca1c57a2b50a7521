import { createHash } from "node:crypto";
import { z } from "zod";
import type { StepContext } from "../context.js";
import { recipientSchema, remittanceSchema } from "../domain/ledger.js";
import { type Problem, RenewalError } from "../errors.js";
import { deliver, drop, intoOutbox, pendingExchange, reconcile, settle } from "../outbox.js";
import type { BusinessFacet, Exchange } from "../ports/transport.js";
import { problemsOf } from "../problems.js";
import type { RenewalRecord } from "../record.js";
import { freshId } from "../runtime.js";
import type { BankTransfer } from "../step-options.js";

export const NOT_NOW = "the RA takes no payment for this renewal now";

const transferSchema = z.object({
  recipient: recipientSchema,
  invoice: z.string().optional(),
  remittances: z.array(remittanceSchema).min(1).max(50),
});

/** 银行转账: announces transfers to the RA. The same content again, after a failure, is the same announcement. */
export async function payByBankTransfer(
  context: StepContext,
  transfer: BankTransfer,
): Promise<void> {
  const content = checkTransfer(context.record, transfer);
  const digest = createHash("sha256").update(JSON.stringify(content)).digest("hex");
  const pending = pendingExchange(context.record, "bank-transfer");
  const isSame = context.record.announcement?.digest === digest;
  if (pending && isSame) await settle(context, pending, transfer);
  await giveUpOther(context, await reconcile(context), transfer);
  const { announcement } = context.record;
  if (announcement?.digest !== digest || !announcement.received) {
    await announce(context, content, digest);
  }
  context.set((record) => ({ ...record, announcement: undefined }));
}

/** What is named, or the only one there is. */
export function oneOf(
  offered: readonly { readonly id: string }[] = [],
  named: string | undefined,
  pointer: string,
  problems: Problem[],
): string | undefined {
  const ids = offered.map(({ id }) => id);
  const chosen = named ?? (ids.length === 1 ? ids[0] : undefined);
  if (chosen !== undefined && ids.includes(chosen)) return chosen;
  problems.push({ pointer, message: `must be one of ${ids.join(", ") || "none"}` });
  return undefined;
}

/** Another announcement that the RA does not have: its holder announces something else now, and not both. */
async function giveUpOther(
  context: StepContext,
  unclear: readonly Exchange[],
  { repeat }: BankTransfer,
): Promise<void> {
  const pending = pendingExchange(context.record, "bank-transfer");
  if (!pending) return;
  if (unclear.includes(pending) && !repeat) {
    throw new RenewalError("ERR_OUTCOME_UNCLEAR", { details: { purpose: pending.purpose } });
  }
  await drop(context, pending);
}

async function announce(
  context: StepContext,
  content: ReturnType<typeof checkTransfer>,
  digest: string,
): Promise<void> {
  const { runtime, signal } = context;
  const instructionId = freshId(runtime);
  const exchange = await businessOf(context).prepareBankTransfer(
    context.reference(),
    { ...content, instructionId, idempotencyKey: instructionId },
    { signal },
  );
  await context.save((record) => ({
    ...intoOutbox(record, exchange),
    announcement: { instructionId, digest },
  }));
  await deliver(context, exchange);
}

export function businessOf({ transport }: StepContext): BusinessFacet {
  if (transport.business) return transport.business;
  throw new RenewalError("ERR_UNSUPPORTED", {
    details: { transport: transport.name, reason: "it has no business side" },
  });
}

function checkTransfer(
  { payment, order, outbox }: RenewalRecord,
  { recipient, invoice, remittances }: BankTransfer,
): Pick<BankTransfer, "recipient" | "remittances"> & { readonly invoiceType: string } {
  const parsed = transferSchema.safeParse({ recipient, invoice, remittances });
  const problems: Problem[] = parsed.error ? problemsOf(parsed.error) : [];
  const invoiceType = oneOf(order?.invoiceTypes, invoice, "/invoice", problems);
  for (const [index, remittance] of (parsed.data?.remittances ?? []).entries()) {
    if (payment && remittance.amount.currency !== payment.total.currency) {
      const pointer = `/remittances/${index}/amount/currency`;
      problems.push({ pointer, message: `must be ${payment.total.currency}` });
    }
  }
  const announcing = outbox.some(({ purpose }) => purpose === "bank-transfer");
  if (!payment?.open && !announcing) {
    problems.push({ pointer: "", message: NOT_NOW });
  }
  if (problems.length > 0 || !parsed.data || !invoiceType) {
    throw new RenewalError("ERR_PAYMENT_INVALID", { problems });
  }
  return { recipient: parsed.data.recipient, invoiceType, remittances: parsed.data.remittances };
}
