import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ledgerSchema,
  type OnlinePaymentInstruction,
  outstandingAmount,
  type PaymentLedger,
  type PaymentStatus,
  paymentStatus,
  receivedAmount,
  remittanceSchema,
  uncoveredAmount,
} from "../../../src/core/domain/ledger.js";
import {
  addMoney,
  formatMoney,
  subtractMoney,
  sumMoney,
  zeroMoney,
} from "../../../src/core/domain/money.js";
import { viewPayment } from "../../../src/core/summaries.js";
import { NOW, receipt, refund, sampleLedger, transfer, yuan } from "./samples.js";

const amount = fc.integer({ min: 0, max: 1e12 }).map((fen) => ({ amount: fen, currency: "CNY" }));
const ledger: fc.Arbitrary<PaymentLedger> = fc.record({
  total: amount,
  open: fc.boolean(),
  instructions: fc.array(
    fc
      .tuple(amount, fc.constantFrom("declared" as const, "matched" as const, "rejected" as const))
      .map(([money, status]) => transfer(money, status)),
    { maxLength: 5 },
  ),
  receipts: fc.array(amount.map(receipt), { maxLength: 5 }),
  refunds: fc.array(
    fc
      .tuple(amount, fc.constantFrom("due" as const, "sent" as const))
      .map(([money, status]) => refund(money, status)),
    { maxLength: 3 },
  ),
});

/** A payment that is open at the gateway, over all. */
function online(over: Partial<OnlinePaymentInstruction>): OnlinePaymentInstruction {
  return {
    id: "online-1",
    kind: "online",
    createdAt: NOW,
    recipient: { name: "张三", mobile: "13800138000", address: "示例市示例路 1 号" },
    invoiceType: "quota",
    method: "unionpay",
    amount: yuan(200),
    paymentUrl: "https://pay.example/1",
    expiresAt: new Date(NOW.getTime() + 1000),
    status: "open",
    ...over,
  };
}

describe("money", () => {
  it("is added and taken away in minor units, exactly", () => {
    fc.assert(
      fc.property(amount, amount, (left, right) => {
        expect(subtractMoney(addMoney(left, right), right)).toEqual(left);
        expect(addMoney(left, right)).toEqual(addMoney(right, left));
      }),
    );
    expect(sumMoney("CNY", [])).toEqual(zeroMoney("CNY"));
    expect(sumMoney("CNY", [yuan(1), yuan(2), yuan(3)])).toEqual(yuan(6));
  });

  it("of two currencies is not added", () => {
    const dollar = { amount: 1, currency: "USD" };
    expect(() => addMoney(yuan(1), dollar)).toThrow("cannot add USD to CNY");
    expect(() => subtractMoney(dollar, yuan(1))).toThrow(RangeError);
    expect(() => sumMoney("CNY", [dollar])).toThrow(RangeError);
  });

  it.each([
    [{ amount: 20_000, currency: "CNY" }, "200.00 CNY"],
    [{ amount: 5, currency: "CNY" }, "0.05 CNY"],
    [{ amount: 200, currency: "JPY" }, "200 JPY"],
    [{ amount: 1234, currency: "BHD" }, "1.234 BHD"],
  ])("is written with the decimals of its currency", (money, text) => {
    expect(formatMoney(money)).toBe(text);
  });
});

describe("a ledger", () => {
  it("never shows an amount below nothing, and never asks for more than the total", () => {
    fc.assert(
      fc.property(ledger, (payment) => {
        const { total } = payment;
        const view = viewPayment(payment);
        expect(view.received.amount).toBeGreaterThanOrEqual(0);
        expect(view.outstanding.amount).toBeGreaterThanOrEqual(0);
        expect(view.uncovered.amount).toBeGreaterThanOrEqual(0);
        expect(view.outstanding.amount).toBeLessThanOrEqual(total.amount);
        expect(view.uncovered.amount).toBeLessThanOrEqual(view.outstanding.amount);
      }),
    );
  });

  it("counts what is received and what is outstanding to the total, or is overpaid", () => {
    fc.assert(
      fc.property(ledger, (payment) => {
        const received = receivedAmount(payment).amount;
        const outstanding = outstandingAmount(payment).amount;
        const { amount: total } = payment.total;
        expect(received + outstanding).toBe(Math.max(total, received));
      }),
    );
  });

  it("is covered further by another receipt or another announcement, never less", () => {
    fc.assert(
      fc.property(ledger, amount, (payment, money) => {
        const before = uncoveredAmount(payment).amount;
        const paid = { ...payment, receipts: [...payment.receipts, receipt(money)] };
        const told = { ...payment, instructions: [...payment.instructions, transfer(money)] };
        expect(uncoveredAmount(paid).amount).toBeLessThanOrEqual(before);
        expect(uncoveredAmount(told).amount).toBeLessThanOrEqual(before);
        expect(outstandingAmount(told)).toEqual(outstandingAmount(payment));
      }),
    );
  });

  it("does not count a transfer twice: once matched, its receipt stands for it", () => {
    const announced = sampleLedger({ instructions: [transfer(yuan(150))] });
    const matched = sampleLedger({
      instructions: [transfer(yuan(150), "matched")],
      receipts: [receipt(yuan(150))],
    });
    expect(uncoveredAmount(announced)).toEqual(yuan(50));
    expect(outstandingAmount(announced)).toEqual(yuan(200));
    expect(uncoveredAmount(matched)).toEqual(yuan(50));
    expect(outstandingAmount(matched)).toEqual(yuan(50));
  });

  const statuses: readonly (readonly [string, Partial<PaymentLedger>, PaymentStatus])[] = [
    ["nothing to pay", { total: yuan(0) }, "not-required"],
    ["nothing arrived", {}, "unpaid"],
    ["announced, not arrived", { instructions: [transfer(yuan(200))] }, "unpaid"],
    ["less arrived", { receipts: [receipt(yuan(199))] }, "partial"],
    ["all arrived", { receipts: [receipt(yuan(150)), receipt(yuan(50))] }, "paid"],
    ["more arrived", { receipts: [receipt(yuan(201))] }, "paid"],
    [
      "the difference goes back",
      { receipts: [receipt(yuan(201))], refunds: [refund(yuan(1))] },
      "refund-due",
    ],
    [
      "the difference went back",
      { receipts: [receipt(yuan(201))], refunds: [refund(yuan(1), "sent")] },
      "paid",
    ],
    [
      "all went back",
      { receipts: [receipt(yuan(200))], refunds: [refund(yuan(200), "sent")] },
      "refunded",
    ],
    ["more went back than arrived", { refunds: [refund(yuan(1), "sent")] }, "refunded"],
  ];

  it.each(statuses)("%s", (_, over, status) => {
    expect(paymentStatus(sampleLedger(over))).toBe(status);
  });
});

describe("a ledger from outside", () => {
  const dollars = { amount: 100, currency: "USD" };

  it.each([
    ["a receipt", { receipts: [receipt(dollars)] }],
    ["a refund", { refunds: [refund(dollars)] }],
    ["a remittance", { instructions: [transfer(dollars)] }],
  ])("is refused when %s is of another currency", (_, over) => {
    const result = ledgerSchema.safeParse(JSON.parse(JSON.stringify(sampleLedger(over))));
    expect(result.error?.issues).toEqual([
      expect.objectContaining({ path: [], message: "is not of one currency" }),
    ]);
  });

  it.each([
    ["a total", { total: yuan(-200) }, ["total", "amount"]],
    ["a receipt", { receipts: [receipt(yuan(-1))] }, ["receipts", 0, "amount", "amount"]],
    ["a refund", { refunds: [refund(yuan(-1))] }, ["refunds", 0, "amount", "amount"]],
  ])("is refused when %s is less than nothing", (_, over, path) => {
    const result = ledgerSchema.safeParse(JSON.parse(JSON.stringify(sampleLedger(over))));
    expect(result.error?.issues.map((issue) => issue.path)).toEqual([path]);
  });

  it("is read as it was written", () => {
    const payment = sampleLedger({
      instructions: [transfer(yuan(200), "matched")],
      receipts: [receipt(yuan(200))],
      refunds: [{ ...refund(yuan(1), "sent"), dueAt: NOW, sentAt: NOW }],
    });
    expect(ledgerSchema.decode(JSON.parse(JSON.stringify(payment)))).toEqual(payment);
  });

  it.each([
    ["https://pay.example/1", true],
    ["http://127.0.0.1:1/", true],
    ["http://[::1]:1/", true],
    ["http://127.evil.example/", false],
    ["http://127.0.0.1.evil.example/", false],
    ["http://localhost/", false],
    ["http://pay.example/1", false],
    ["https://holder:word@pay.example/1", false],
    ["https://holder@pay.example/1", false],
    ["javascript:alert(1)", false],
  ])("leads to %s to pay: %s", (paymentUrl, isTaken) => {
    const payment = sampleLedger({ instructions: [online({ paymentUrl })] });
    const { success } = ledgerSchema.safeParse(JSON.parse(JSON.stringify(payment)));
    expect(success).toBe(isTaken);
  });

  it.each([
    ["all", 200, 0, true],
    ["more than all", 201, 0, false],
    ["the rest", 50, 150, true],
    ["more than the rest", 200, 150, false],
  ])(
    "shows where %s is to be paid online: %d of which %d arrived, %s",
    (_, asked, arrived, isShown) => {
      const instruction = online({ amount: yuan(asked) });
      const receipts = arrived > 0 ? [receipt(yuan(arrived))] : [];
      const view = viewPayment(sampleLedger({ instructions: [instruction], receipts }));
      expect(view.online).toEqual(isShown ? instruction : undefined);
    },
  );

  it.each([
    ["nothing", yuan(0)],
    ["less than nothing", yuan(-1)],
    ["a fraction of a fen", { amount: 0.5, currency: "CNY" }],
    ["no currency", { amount: 1, currency: "yuan" }],
  ])("has no remittance of %s", (_, money) => {
    const [remittance] = transfer(yuan(1)).remittances;
    expect(remittanceSchema.safeParse(remittance).success).toBe(true);
    expect(remittanceSchema.safeParse({ ...remittance, amount: money }).success).toBe(false);
  });
});
