import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { paymentStatus } from "../../core/domain/ledger.js";
import type { OnlinePaymentContent, Reply } from "../../core/ports/transport.js";
import { rejectsWith } from "../contract.js";
import type { TransportCase, TransportSetting } from "../transport-contract.js";
import { type Applying, apply, facet, saved } from "./support.js";

/** Payments at the gateway: opened, one at a time, paid, and never lost. */
export const onlinePaymentCases: readonly TransportCase[] = [
  {
    name: "opens an online payment, once however often it is sent",
    async run(setting) {
      const { transport } = setting;
      const applied = await apply(setting);
      const { reference } = applied;
      const exchange = await prepareOnlinePayment(setting, applied);
      assert.equal((await transport.recover(exchange, reference)).outcome, "not-received");
      const first = await transport.send(exchange, reference);
      const second = await transport.send(exchange, reference);
      const [payment, ...others] = onlineOf(first);
      assert.deepEqual(others, []);
      assert.equal(payment?.status, "open");
      assert.deepEqual(payment.amount, applied.content.price);
      assert.deepEqual(onlineOf(second), [payment]);
      assert.equal((await transport.recover(exchange, reference)).outcome, "done");
    },
  },
  {
    name: "closes the online payment that was open, when another is opened",
    async run(setting) {
      const applied = await apply(setting);
      await open(setting, applied);
      const reply = await open(setting, applied);
      assert.deepEqual(
        onlineOf(reply).map(({ status }) => status),
        ["closed", "open"],
      );
    },
  },
  {
    name: "books an online payment, and owes back the one that is made twice",
    async run(setting) {
      const applied = await apply(setting);
      const { renewalId } = applied.reference;
      await open(setting, applied);
      await pay(setting, renewalId);
      const { payment } = (await setting.transport.progress(applied.reference)).progress;
      assert.ok(payment !== undefined);
      assert.equal(paymentStatus(payment), "paid");
      assert.equal(payment.open, false);
      await pay(setting, renewalId);
      const after = (await setting.transport.progress(applied.reference)).progress.payment;
      assert.equal(after?.receipts.length, 2);
      assert.deepEqual(
        after.refunds.map(({ amount }) => amount),
        [applied.content.price],
      );
    },
  },
  {
    name: "owes back an online payment that comes after the cancellation",
    async run(setting) {
      const { transport, previous } = setting;
      const applied = await apply(setting);
      const { reference } = applied;
      const { remote } = await open(setting, applied);
      const cancelling = await transport.business.prepareCancellation(
        { ...reference, remote },
        previous,
      );
      await transport.send(saved(cancelling), reference);
      await pay(setting, reference.renewalId);
      const { payment } = (await transport.progress(reference)).progress;
      assert.ok(payment !== undefined);
      assert.equal(paymentStatus(payment), "refund-due");
      assert.equal(payment.receipts.length, 1);
    },
  },
  {
    name: "refuses a payment method that is not offered, and opens nothing",
    async run(setting) {
      const { transport } = setting;
      const applied = await apply(setting);
      const exchange = await prepareOnlinePayment(setting, applied, { method: "none-such" });
      await rejectsWith("ERR_PAYMENT_INVALID", transport.send(exchange, applied.reference));
      assert.deepEqual(onlineOf(await transport.progress(applied.reference)), []);
    },
  },
];

async function prepareOnlinePayment(
  setting: TransportSetting,
  { reference }: Applying,
  changes: Partial<OnlinePaymentContent> = {},
) {
  const { progress } = await setting.transport.progress(reference);
  const [invoiceType] = progress.order?.invoiceTypes ?? [];
  const [method] = progress.order?.paymentMethods ?? [];
  const exchange = await facet(setting, "prepareOnlinePayment")(reference, {
    idempotencyKey: randomUUID(),
    instructionId: randomUUID(),
    recipient: { name: "张三", mobile: "13800138000", address: "示例市示例路 1 号" },
    invoiceType: invoiceType?.id ?? assert.fail("the RA offers no invoice"),
    method: method?.id ?? assert.fail("the RA offers no payment method"),
    ...changes,
  });
  return saved(exchange);
}

async function open(setting: TransportSetting, applied: Applying): Promise<Reply> {
  const exchange = await prepareOnlinePayment(setting, applied);
  return setting.transport.send(exchange, applied.reference);
}

function pay({ desk }: TransportSetting, renewalId: string): Promise<void> {
  return desk.payOnline?.(renewalId) ?? assert.fail("desk.payOnline is missing");
}

function onlineOf({ progress }: Reply) {
  const all = progress.payment?.instructions ?? [];
  return all.filter((instruction) => instruction.kind === "online");
}
