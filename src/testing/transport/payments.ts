import assert from "node:assert/strict";
import { receivedAmount } from "../../core/domain/ledger.js";
import { rejectsWith } from "../contract.js";
import type { TransportCase } from "../transport-contract.js";
import { apply, prepareTransfer, remittance, saved } from "./support.js";

/** Bank transfers: announced once however often, appended, found, refunded. */
export const paymentCases: readonly TransportCase[] = [
  {
    name: "announces a bank transfer, once however often it is sent",
    async run(setting) {
      const { transport } = setting;
      const applied = await apply(setting);
      const exchange = await prepareTransfer(setting, applied);
      const before = await transport.recover(exchange, applied.reference);
      assert.equal(before.outcome, "not-received");
      await transport.send(exchange, applied.reference);
      await transport.send(exchange, applied.reference);
      const after = await transport.recover(exchange, applied.reference);
      assert.ok(after.outcome === "done");
      const instructions = after.reply.progress.payment?.instructions ?? [];
      assert.equal(instructions.length, 1);
      const [instruction] = instructions;
      assert.ok(instruction?.kind === "bank-transfer");
      assert.deepEqual(instruction.remittances, [remittance(applied.content.price.amount)]);
      assert.equal(instruction.status, "declared");
    },
  },
  {
    name: "appends a further transfer to the one before",
    async run(setting) {
      const { transport } = setting;
      const applied = await apply(setting);
      const half = [remittance(applied.content.price.amount / 2)];
      for (const _ of [1, 2]) {
        const exchange = await prepareTransfer(setting, applied, { remittances: half });
        await transport.send(exchange, applied.reference);
      }
      const { progress } = await transport.progress(applied.reference);
      assert.equal(progress.payment?.instructions.length, 2);
    },
  },
  {
    name: "books what the bank found, and asks for no more when it is enough",
    async run(setting) {
      const { transport, desk } = setting;
      const applied = await apply(setting);
      await transport.send(await prepareTransfer(setting, applied), applied.reference);
      await desk.bookTransfers(applied.reference.renewalId);
      const { payment, order } = (await transport.progress(applied.reference)).progress;
      assert.ok(payment !== undefined);
      assert.deepEqual(receivedAmount(payment), applied.content.price);
      assert.equal(payment.open, false);
      assert.equal(payment.instructions[0]?.status, "matched");
      assert.equal(order?.transactions[0]?.transactionStatus, "paid");
    },
  },
  {
    name: "refuses an invoice that is not offered, and a foreign currency, and appends nothing",
    async run(setting) {
      const { transport } = setting;
      const applied = await apply(setting);
      const foreign = { ...remittance(1), amount: { amount: 1, currency: "XTS" } };
      for (const changes of [{ invoiceType: "none-such" }, { remittances: [foreign] }]) {
        const exchange = await prepareTransfer(setting, applied, changes);
        const sending = transport.send(exchange, applied.reference);
        const error = await rejectsWith("ERR_PAYMENT_INVALID", sending);
        assert.ok(error.problems.length > 0, "what is wrong is named");
      }
      const { progress } = await transport.progress(applied.reference);
      assert.deepEqual(progress.payment?.instructions, []);
    },
  },
  {
    name: "owes back what was paid for an application that is cancelled",
    async run(setting) {
      const { transport, previous, desk } = setting;
      const applied = await apply(setting);
      const { reference } = applied;
      await transport.send(await prepareTransfer(setting, applied), reference);
      await desk.bookTransfers(reference.renewalId);
      const cancellation = await transport.business.prepareCancellation(reference, previous);
      const { progress } = await transport.send(saved(cancellation), reference);
      assert.deepEqual(
        progress.payment?.refunds.map(({ amount, status }) => ({ amount, status })),
        [{ amount: applied.content.price, status: "due" }],
      );
    },
  },
];
