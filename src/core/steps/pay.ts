import { createHash } from "node:crypto";
import { z } from "zod";
import type { StepContext } from "../context.js";
import { recipientSchema, remittanceSchema } from "../domain/ledger.js";
import { type Problem, RenewalError } from "../errors.js";
import { deliver, intoOutbox, settleOutbox } from "../outbox.js";
import type { BusinessFacet } from "../ports/transport.js";
import { problemsOf } from "../problems.js";
import type { RenewalRecord } from "../record.js";
import { freshId } from "../runtime.js";
import type { BankTransfer } from "../step-options.js";

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
  await settleOutbox(context);
  const kept = context.record.announcement;
  if (kept?.digest !== digest || wasDropped(context.record, kept.instructionId)) {
    await announce(context, content, digest);
  }
  context.set((record) => ({ ...record, announcement: undefined }));
}

/** The RA never had it, and it left the outbox: then it is to be made again. */
function wasDropped({ payment }: RenewalRecord, instructionId: string): boolean {
  return !payment?.instructions.some(({ id }) => id === instructionId);
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
  const types = order?.invoiceTypes.map(({ id }) => id) ?? [];
  const invoiceType = invoice ?? (types.length === 1 ? types[0] : undefined);
  if (!invoiceType || !types.includes(invoiceType)) {
    problems.push({ pointer: "/invoice", message: `must be one of ${types.join(", ")}` });
  }
  for (const [index, remittance] of (parsed.data?.remittances ?? []).entries()) {
    if (payment && remittance.amount.currency !== payment.total.currency) {
      const pointer = `/remittances/${index}/amount/currency`;
      problems.push({ pointer, message: `must be ${payment.total.currency}` });
    }
  }
  const announcing = outbox.some(({ purpose }) => purpose === "bank-transfer");
  if (!payment?.open && !announcing) {
    problems.push({ pointer: "", message: "the RA takes no payment for this renewal now" });
  }
  if (problems.length > 0 || !parsed.data || !invoiceType) {
    throw new RenewalError("ERR_PAYMENT_INVALID", { problems });
  }
  return { recipient: parsed.data.recipient, invoiceType, remittances: parsed.data.remittances };
}
