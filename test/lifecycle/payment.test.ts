import type {
  AwaitingPayment,
  BankTransfer,
  Progress,
  Remittance,
  Reply,
  Transport,
} from "certrenew";
import { describe, expect, test } from "vitest";
import { CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  failureOf,
  inState,
  sendings,
  transferOf,
  transfersOf,
  type World,
  type WorldOptions,
} from "./world.js";

/** Of one year. */
const PRICE = 10_000;

async function unpaid(ra: WorldOptions["ra"] = {}): Promise<[World, AwaitingPayment]> {
  const world = await createWorld({ ra: { ...CLERKS, ...ra } });
  return [world, await reach("awaiting-payment", world)];
}

const fen = (amount: number) => ({ amount, currency: "CNY" });

describe("bank transfer (银行转账)", () => {
  test("the payment page shows the order, the fee and the account to pay to", async () => {
    const [world, { order, payment, stage }] = await unpaid();
    const [application] = world.ra.desk.applications;

    expect(stage).toBe("payment");
    expect(order).toMatchObject({
      businessNumber: application?.businessNumber,
      agent: "张三",
      businessStatus: "recorded",
      fee: fen(PRICE),
      transactions: [
        { transactionType: "charge", transactionStatus: "unpaid", orderStatus: "normal" },
      ],
      lines: [{ quantity: 1, unitPrice: fen(PRICE), subtotal: fen(PRICE) }],
      total: fen(PRICE),
      invoiceTypes: [{ id: "quota", name: "普通定额发票" }],
    });
    expect(order?.beneficiaries).toHaveLength(1);
    expect(payment).toMatchObject({ status: "unpaid", uncovered: fen(PRICE), open: true });
  });

  test("the whole amount in two remittances, with remarks: on to the review", async () => {
    const [, renewal] = await unpaid();
    const [first] = transferOf(6_000).remittances;
    const [second] = transferOf(4_000).remittances;
    const remittances = [first, { ...second, remarks: "第二笔" }] as Remittance[];

    const paid = await renewal.payByBankTransfer({ ...transferOf(0), remittances });

    expect(paid).toMatchObject({ state: "awaiting-review", stage: "review" });
    expect(paid.payment?.instructions).toHaveLength(1);
    expect(paid.payment?.instructions[0]).toMatchObject({
      status: "declared",
      invoiceType: "quota",
      recipient: transferOf(0).recipient,
      remittances,
    });
    expect(paid.payment?.received).toEqual(fen(0));
  });

  test("a part leaves the rest to be paid; a further save appends, even of the same content", async () => {
    const [, renewal] = await unpaid();

    const partly = inState(await renewal.payByBankTransfer(transferOf(4_000)), "awaiting-payment");
    expect(partly.payment).toMatchObject({ uncovered: fen(6_000), outstanding: fen(PRICE) });
    const again = inState(await partly.payByBankTransfer(transferOf(4_000)), "awaiting-payment");
    expect(again.payment?.uncovered).toEqual(fen(2_000));
    const whole = await again.payByBankTransfer(transferOf(2_000));

    expect(whole.state).toBe("awaiting-review");
    expect(transfersOf(whole).map(({ remittances }) => remittances[0]?.amount)).toEqual([
      fen(4_000),
      fen(4_000),
      fen(2_000),
    ]);
  });

  test("less arrived than was announced: the rest is asked for, and then it goes on", async () => {
    const [world, renewal] = await unpaid();
    const announced = inState(
      await renewal.payByBankTransfer(transferOf(PRICE)),
      "awaiting-review",
    );
    world.ra.desk.book(renewal.id, fen(7_000));

    const short = inState(await announced.refresh(), "action-required");
    expect(short.payment).toMatchObject({ status: "partial", uncovered: fen(3_000) });
    const rest = inState(await short.payByBankTransfer(transferOf(3_000)), "awaiting-review");
    world.ra.desk.book(renewal.id);
    world.ra.desk.approve(renewal.id);

    const ready = inState(await rest.refresh(), "ready-to-install");
    expect(ready.payment).toMatchObject({ status: "paid", outstanding: fen(0) });
    expect(ready.order?.transactions[0]?.transactionStatus).toBe("paid");
  });

  test("a transfer that the bank does not know is announced anew", async () => {
    const [world, renewal] = await unpaid();
    const announced = inState(
      await renewal.payByBankTransfer(transferOf(PRICE)),
      "awaiting-review",
    );
    world.ra.desk.rejectTransfers(renewal.id);

    const rejected = inState(await announced.refresh(), "action-required");
    expect(rejected.payment).toMatchObject({ status: "unpaid", uncovered: fen(PRICE) });
    const anew = await rejected.payByBankTransfer(transferOf(PRICE));

    expect(anew.state).toBe("awaiting-review");
    expect(anew.payment?.instructions.map(({ status }) => status)).toEqual([
      "rejected",
      "declared",
    ]);
  });

  test("what was paid too much goes back, and holds nothing up", async () => {
    const [world, renewal] = await unpaid();
    const paid = inState(await renewal.payByBankTransfer(transferOf(15_000)), "awaiting-review");
    world.ra.desk.book(renewal.id);
    world.ra.desk.approve(renewal.id);

    const ready = inState(await paid.refresh(), "ready-to-install");

    expect(ready.payment).toMatchObject({
      status: "refund-due",
      outstanding: fen(0),
      refunds: [{ status: "due", amount: fen(5_000) }],
    });
  });
});

describe("payment details that are not complete (ERR_PAYMENT_INVALID)", () => {
  const complete = transferOf(PRICE);
  const [remittance] = complete.remittances;
  const withRemittance = (changes: object) => ({
    ...complete,
    remittances: [{ ...remittance, ...changes }],
  });

  test.each<[pointer: string, transfer: object]>([
    ["/recipient/name", { ...complete, recipient: { ...complete.recipient, name: "" } }],
    ["/recipient/mobile", { ...complete, recipient: { ...complete.recipient, mobile: undefined } }],
    ["/recipient/address", { ...complete, recipient: { ...complete.recipient, address: "" } }],
    ["/recipient", { ...complete, recipient: undefined }],
    ["/remittances", { ...complete, remittances: [] }],
    ["/remittances", { ...complete, remittances: undefined }],
    ["/remittances/0/payerAccount", withRemittance({ payerAccount: "" })],
    ["/remittances/0/payerName", withRemittance({ payerName: undefined })],
    ["/remittances/0/amount", withRemittance({ amount: fen(0) })],
    ["/remittances/0/amount/amount", withRemittance({ amount: fen(0.5) })],
    ["/remittances/0/amount/currency", withRemittance({ amount: { amount: 1, currency: "EUR" } })],
    ["/remittances/0/paidOn", withRemittance({ paidOn: "2026-02-30" })],
    ["/invoice", { ...complete, invoice: "golden" }],
  ])("%s", async (pointer, transfer) => {
    const [world, renewal] = await unpaid();

    const error = await failureOf(renewal.payByBankTransfer(transfer as BankTransfer));

    expect(error.code).toBe("ERR_PAYMENT_INVALID");
    expect(error.problems.map((problem) => problem.pointer)).toEqual([pointer]);
    expect(sendings(world, "bank-transfer")).toBe(0);
    // The handle is not spent: the corrected details go through it.
    expect((await renewal.payByBankTransfer(complete)).state).toBe("awaiting-review");
  });

  test("everything at once", async () => {
    const [, renewal] = await unpaid();
    const empty = { recipient: {}, remittances: [{}], invoice: "golden" };

    const { problems } = await failureOf(
      renewal.payByBankTransfer(empty as unknown as BankTransfer),
    );

    expect(problems.map(({ pointer }) => pointer)).toEqual([
      "/recipient/name",
      "/recipient/mobile",
      "/recipient/address",
      "/remittances/0/payerAccount",
      "/remittances/0/payerName",
      "/remittances/0/amount",
      "/remittances/0/paidOn",
      "/invoice",
    ]);
  });

  test("the invoice must be chosen where there are several types", async () => {
    const invoiceTypes = [
      { id: "quota", name: "普通定额发票" },
      { id: "special", name: "增值税专用发票" },
    ];
    const [, renewal] = await unpaid({ invoiceTypes });

    const error = await failureOf(renewal.payByBankTransfer(complete));
    const paid = await renewal.payByBankTransfer({ ...complete, invoice: "special" });

    expect(error.problems.map(({ pointer }) => pointer)).toEqual(["/invoice"]);
    expect(paid.payment?.instructions[0]?.invoiceType).toBe("special");
  });
});

describe("a price that is not the one that was signed", () => {
  const dollars = { amount: 100_000, currency: "USD" };

  test.each<[string, (progress: Progress) => Progress]>([
    [
      "a higher total to pay",
      (progress) => ({
        ...progress,
        ...(progress.payment && { payment: { ...progress.payment, total: fen(100_000) } }),
      }),
    ],
    [
      "another currency",
      (progress) => ({
        ...progress,
        ...(progress.payment && { payment: { ...progress.payment, total: dollars } }),
      }),
    ],
    [
      "another total on the order",
      (progress) => ({
        ...progress,
        ...(progress.order && { order: { ...progress.order, total: fen(PRICE + 1) } }),
      }),
    ],
    [
      "a fee in another currency",
      (progress) => ({
        ...progress,
        ...(progress.order && { order: { ...progress.order, fee: dollars } }),
      }),
    ],
  ])("%s: ERR_RA_RESPONSE, and nothing of it is used", async (_, change) => {
    const world = await createWorld({ ra: CLERKS });
    const changed = (reply: Reply) => ({ ...reply, progress: change(reply.progress) });
    const transport: Transport = {
      ...world.ra,
      send: async (...call) => changed(await world.ra.send(...call)),
    };
    const draft = await reach("draft", world, world.program({ transport }));

    const error = await failureOf(draft.submit(acceptOffer(draft)));

    expect(error).toMatchObject({
      code: "ERR_RA_RESPONSE",
      details: { reason: expect.stringMatching(/^the answer asks .*, agreed were 100\.00 CNY$/) },
      renewal: { state: "submitting", payment: undefined, order: undefined },
    });
    // Once the RA says what was agreed, it goes on.
    const { client } = world.program();
    const submitting = inState(await client.resume(draft.id), "submitting");
    expect((await submitting.continue()).payment?.total).toEqual(fen(PRICE));
  });
});

describe("an announcement whose outcome is not known", () => {
  test.each(["before", "after"] as const)(
    "failed %s it reached the RA: the same content again is one announcement",
    async (when) => {
      const [world, renewal] = await unpaid();
      world.ra.fault({ type: "unreachable", purpose: "bank-transfer", when });

      const error = await failureOf(renewal.payByBankTransfer(transferOf(4_000)));
      const same = inState(error.renewal, "awaiting-payment");
      const paid = await same.payByBankTransfer(transferOf(4_000));

      expect(error).toMatchObject({ code: "ERR_RA_UNREACHABLE", impact: { money: "unclear" } });
      expect(paid.payment?.instructions).toHaveLength(1);
    },
  );

  test("asked about in between: the same content again is still one announcement", async () => {
    const [world, renewal] = await unpaid();
    world.ra.fault({ type: "unreachable", purpose: "bank-transfer", when: "after" });

    await failureOf(renewal.payByBankTransfer(transferOf(4_000)));
    const asked = inState(await renewal.refresh(), "awaiting-payment");
    const paid = inState(await asked.payByBankTransfer(transferOf(4_000)), "awaiting-payment");

    expect(asked.payment?.uncovered).toEqual(fen(6_000));
    expect(paid.payment?.uncovered).toEqual(fen(6_000));
    expect(sendings(world, "bank-transfer")).toBe(1);
    // That call returned, so whoever says it once more means another transfer.
    const further = await paid.payByBankTransfer(transferOf(4_000));
    expect(further.payment?.uncovered).toEqual(fen(2_000));
  });

  test("other content is another announcement, after the first was cleared up", async () => {
    const [world, renewal] = await unpaid();
    world.ra.fault({ type: "unreachable", purpose: "bank-transfer", when: "after" });

    await failureOf(renewal.payByBankTransfer(transferOf(4_000)));
    const paid = await renewal.payByBankTransfer(transferOf(6_000));

    expect(paid.state).toBe("awaiting-review");
    expect(paid.payment?.instructions).toHaveLength(2);
  });

  test("refused by the RA: nothing stands there, and the details can be announced anew", async () => {
    const [world, renewal] = await unpaid();
    world.ra.fault({ type: "refused", purpose: "bank-transfer", reason: "the till is closed" });

    const error = await failureOf(renewal.payByBankTransfer(transferOf(PRICE)));
    const paid = await renewal.payByBankTransfer(transferOf(PRICE));

    expect(error).toMatchObject({ code: "ERR_RA_REFUSED", impact: { money: "unpaid" } });
    expect(paid.payment?.instructions).toHaveLength(1);
  });
});
