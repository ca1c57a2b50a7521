import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSandbox, type Sandbox, type SandboxPolicy } from "certrenew/sandbox";
import { httpTransport } from "certrenew/transport/http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OnlinePaymentInstruction } from "../../../src/core/domain/ledger.js";
import { outstandingAmount, paymentStatus } from "../../../src/core/domain/ledger.js";
import type { Reply } from "../../../src/core/ports/transport.js";
import { apply, business, newApplicant, pay, payOnline } from "../../support/applicant.js";

const MINUTE_MS = 60_000;
const PRICE = { amount: 20_000, currency: "CNY" };

let now: Date;
let sandbox: Sandbox;
let folder: string;
const clock = { now: () => now };
const pass = (ms: number) => {
  now = new Date(now.getTime() + ms);
};
const policy: Partial<SandboxPolicy> = { bookingDelayMs: null, reviewDelayMs: null };
beforeEach(async () => {
  now = new Date();
  folder = mkdtempSync(join(tmpdir(), "certrenew-sandbox-"));
  sandbox = await createSandbox({ clock, policy, folder });
});
afterEach(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

const transport = () => {
  const { baseUrl, trustAnchors } = sandbox;
  return httpTransport({ baseUrl, trustAnchors, clock });
};

async function opened() {
  const applicant = await newApplicant(sandbox, now);
  const { reference } = await apply(transport(), applicant, { now });
  const reply = await payOnline(transport(), reference);
  const { renewalId } = reference;
  const ledger = async () => {
    const { progress } = await transport().progress(reference);
    if (!progress.payment) throw new Error("there is no ledger");
    return progress.payment;
  };
  return { applicant, reference, renewalId, reply, ledger };
}

function onlineOf({ progress }: Reply): OnlinePaymentInstruction[] {
  const all = progress.payment?.instructions ?? [];
  return all.filter((instruction) => instruction.kind === "online");
}

describe("an online payment", () => {
  it("is paid on the gateway's page, once", async () => {
    const { reply, ledger } = await opened();
    const [payment] = onlineOf(reply);
    expect(reply.progress.order?.paymentMethods).toEqual([
      { id: "unionpay", name: "银联在线" },
      { id: "alipay", name: "支付宝" },
    ]);
    expect(payment).toMatchObject({
      status: "open",
      amount: PRICE,
      expiresAt: new Date(now.getTime() + 30 * MINUTE_MS),
      qrPayload: payment?.paymentUrl,
    });
    const url = payment?.paymentUrl ?? "";
    expect(url.startsWith(`${sandbox.baseUrl}/gateway/`)).toBe(true);
    const visit = async (method: string, at = url) => {
      const response = await fetch(at, { method });
      return { status: response.status, text: await response.text() };
    };
    const page = await visit("GET");
    expect(page.text).toContain("200.00");
    expect(page.text).toContain("银联在线");
    expect(page.text).toContain("<button>Pay 支付</button>");
    const paid = await visit("POST");
    expect([paid.status, paid.text.includes("已支付"), paid.text.includes("<button")]).toEqual([
      200,
      true,
      false,
    ]);
    expect((await visit("POST")).status).toBe(409);
    expect((await visit("GET", `${sandbox.baseUrl}/gateway/0`)).status).toBe(404);
    expect(await ledger()).toMatchObject({
      open: false,
      instructions: [{ status: "paid" }],
      receipts: [{ amount: PRICE }],
      refunds: [],
    });
    expect(paymentStatus(await ledger())).toBe("paid");
  });

  it("is one at a time: another one closes it, and money for the closed one goes back", async () => {
    const { reference, renewalId, reply, ledger } = await opened();
    const [first] = onlineOf(reply);
    const second = await payOnline(transport(), reference, { method: "alipay" });
    expect(onlineOf(second).map(({ status }) => status)).toEqual(["closed", "open"]);
    await sandbox.admin.payOnline({ renewalId, instructionId: first?.id });
    expect(await ledger()).toMatchObject({
      open: true,
      receipts: [{ amount: PRICE }],
      refunds: [{ amount: PRICE, status: "due" }],
    });
    expect(outstandingAmount(await ledger())).toEqual(PRICE);
    await sandbox.admin.payOnline({ renewalId });
    expect(await ledger()).toMatchObject({ open: false, refunds: [{ amount: PRICE }] });
    expect(outstandingAmount(await ledger()).amount).toBe(0);
  });

  it("that comes late goes back", async () => {
    const { renewalId, ledger, reference } = await opened();
    await sandbox.admin.payOnline({ renewalId, delayMs: 31 * MINUTE_MS });
    pass(30 * MINUTE_MS);
    expect(await ledger()).toMatchObject({ instructions: [{ status: "expired" }], receipts: [] });
    pass(MINUTE_MS);
    expect(await ledger()).toMatchObject({
      open: true,
      instructions: [{ status: "expired" }],
      receipts: [{ amount: PRICE, receivedAt: now }],
      refunds: [{ amount: PRICE, status: "due" }],
    });
    const again = await payOnline(transport(), reference);
    expect(onlineOf(again).map(({ status }) => status)).toEqual(["expired", "open"]);
  });

  it("told twice is one; made twice, the second goes back", async () => {
    const { renewalId, ledger } = await opened();
    await sandbox.admin.payOnline({ renewalId, callbackId: "message-1", times: 3 });
    await sandbox.admin.payOnline({ renewalId, callbackId: "message-1" });
    expect(await ledger()).toMatchObject({ receipts: [{ amount: PRICE }], refunds: [] });
    await sandbox.admin.payOnline({ renewalId, times: 2 });
    const { receipts, refunds } = await ledger();
    expect([receipts.length, refunds.map(({ amount }) => amount)]).toEqual([3, [PRICE, PRICE]]);
  });

  it("that comes after the cancellation goes back, also after a restart", async () => {
    const { applicant, reference, renewalId } = await opened();
    await sandbox.admin.payOnline({ renewalId, delayMs: 10 * MINUTE_MS });
    const signer = { ...applicant.key, certificate: applicant.certificate };
    const { remote } = await transport().progress(reference);
    const cancelling = await business(transport()).prepareCancellation(
      { ...reference, remote },
      signer,
    );
    const cancelled = await transport().send(cancelling, reference);
    expect(cancelled.progress).toMatchObject({
      application: { status: "cancelled" },
      payment: { instructions: [{ status: "closed" }], refunds: [] },
    });
    await sandbox.close();
    sandbox = await createSandbox({ clock, folder });
    pass(10 * MINUTE_MS);
    const { progress } = await vi.waitFor(() => transport().progress(reference), {
      timeout: 20_000,
    });
    expect(progress.payment).toMatchObject({
      receipts: [{ amount: PRICE }],
      refunds: [{ amount: PRICE, status: "due" }],
    });
    const [refund] = progress.payment?.refunds ?? [];
    await sandbox.admin.sendRefund({ renewalId, refundId: refund?.id ?? "" });
    const after = await transport().progress(reference);
    expect(after.progress.order?.transactions).toMatchObject([
      { transactionType: "charge", orderStatus: "closed" },
      { transactionType: "refund", transactionStatus: "refunded" },
    ]);
  });

  it("is closed by a transfer that covers the order", async () => {
    const { renewalId, ledger } = await opened();
    await sandbox.admin.bookReceipt({ renewalId, amount: PRICE });
    expect(await ledger()).toMatchObject({ open: false, instructions: [{ status: "closed" }] });
  });

  it("is refused for what is not offered, or covered by a transfer that is being looked for", async () => {
    const { reference } = await opened();
    await expect(
      payOnline(transport(), reference, { method: "cash", invoiceType: "none" }),
    ).rejects.toMatchObject({
      code: "ERR_PAYMENT_INVALID",
      problems: [{ pointer: "/method" }, { pointer: "/invoiceType" }],
    });
    await pay(transport(), reference);
    await expect(payOnline(transport(), reference)).rejects.toMatchObject({
      code: "ERR_PAYMENT_INVALID",
    });
  });

  it("is made by itself in a demonstration", async () => {
    await sandbox.admin.setPolicy({ onlineDelayMs: 5000 });
    const { ledger } = await opened();
    pass(5000);
    expect(await ledger()).toMatchObject({ open: false, instructions: [{ status: "paid" }] });
  });
});

describe("invoice and shipment", () => {
  it("are requested, issued, sent by courier, and delivered", async () => {
    const { reply, renewalId, reference } = await opened();
    expect(reply.progress.order).toMatchObject({
      invoices: [{ type: "quota", amount: PRICE, status: "requested" }],
      shipments: [],
    });
    await sandbox.admin.payOnline({ renewalId });
    const order = async () => (await transport().progress(reference)).progress.order;
    const paid = await order();
    expect(paid?.invoices).toEqual([
      {
        type: "quota",
        amount: PRICE,
        status: "issued",
        number: expect.stringMatching(/^FP\d+$/),
        issuedAt: now,
      },
    ]);
    const [parcel] = paid?.shipments ?? [];
    expect(parcel).toMatchObject({
      status: "preparing",
      contents: expect.stringContaining(paid?.invoices[0]?.number ?? "?"),
    });
    const shipmentId = parcel?.id ?? "";
    await expect(sandbox.admin.deliver({ renewalId, shipmentId })).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
    });
    const dispatch = { shipmentId, carrier: "演示快递", trackingNumber: "SF0000000001" };
    await sandbox.admin.ship({ renewalId, ...dispatch });
    expect((await order())?.shipments).toMatchObject([
      { status: "shipped", carrier: "演示快递", trackingNumber: "SF0000000001", shippedAt: now },
    ]);
    pass(1000);
    await sandbox.admin.deliver({ renewalId, shipmentId });
    expect((await order())?.shipments).toMatchObject([{ status: "delivered", deliveredAt: now }]);
  });

  it("is void once all goes back, and waits for the administrator where that is the rule", async () => {
    await sandbox.admin.setPolicy({ invoicing: "by-hand", shipsInvoices: false });
    const { renewalId, reference } = await opened();
    await sandbox.admin.payOnline({ renewalId });
    const order = async () => (await transport().progress(reference)).progress.order;
    expect((await order())?.invoices).toMatchObject([{ status: "requested" }]);
    await sandbox.admin.issueInvoice({ renewalId });
    await expect(sandbox.admin.issueInvoice({ renewalId })).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
    });
    expect(await order()).toMatchObject({ invoices: [{ status: "issued" }], shipments: [] });
    await sandbox.admin.refuse({ renewalId, reasons: [{ text: "不符" }] });
    expect((await order())?.invoices).toMatchObject([{ status: "void" }]);
  });
});
