import type { AwaitingPayment, OnlinePayment, Renewal, Transport } from "certrenew";
import { describe, expect, test } from "vitest";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  DAY_MS,
  failureOf,
  inState,
  sendings,
  transferOf,
  type World,
  type WorldOptions,
} from "./world.js";

const PRICE = 10_000;
const MINUTE_MS = 60_000;
const { recipient } = transferOf(0);
const UNIONPAY: OnlinePayment = { method: "unionpay", recipient };
const ALIPAY: OnlinePayment = { method: "alipay", recipient };

const fen = (amount: number) => ({ amount, currency: "CNY" });

async function unpaid(
  policy: NonNullable<WorldOptions["ra"]>["policy"] = {},
): Promise<[World, AwaitingPayment]> {
  const world = await createWorld({ ra: { ...CLERKS, policy } });
  return [world, await reach("awaiting-payment", world)];
}

const open = async (renewal: AwaitingPayment, payment = UNIONPAY) =>
  inState(await renewal.payOnline(payment), "awaiting-payment");

const statuses = ({ payment }: Pick<Renewal, "payment">) =>
  payment?.instructions.map(({ status }) => status);

/** Whether the record in the store still has what speaks for the applicant at the RA. */
async function isFollowed({ store }: World, id: string): Promise<boolean> {
  const stored = await store.load(`renewal-${id}`);
  return JSON.stringify(stored?.document["secrets"]).includes("followSecret");
}

describe("online payment (在线支付)", () => {
  test("opens a payment: where to pay, what a QR code holds, how much, until when", async () => {
    const [world, renewal] = await unpaid();
    expect(renewal.order?.paymentMethods.map(({ id }) => id)).toEqual(["unionpay", "alipay"]);

    const opened = await open(renewal);

    expect(opened.payment).toMatchObject({ status: "unpaid", uncovered: fen(PRICE) });
    expect(opened.payment?.online).toMatchObject({
      kind: "online",
      method: "unionpay",
      amount: fen(PRICE),
      paymentUrl: expect.stringMatching(/^https:\/\/ra\.mock\.example\/gateway\//),
      qrPayload: expect.any(String),
      expiresAt: new Date(world.clock.now().getTime() + 30 * MINUTE_MS),
      invoiceType: "quota",
      recipient,
    });
    expect(opened.order?.invoices).toMatchObject([{ type: "quota", status: "requested" }]);
    expect(world.asked).toBe(1);
  });

  test("paid: on to the review, with receipt and invoice", async () => {
    const [world, renewal] = await unpaid();
    const opened = await open(renewal);
    await world.ra.admin.payOnline({ renewalId: renewal.id });

    const paid = inState(await opened.wait(), "awaiting-review");

    expect(paid.payment).toMatchObject({ status: "paid", received: fen(PRICE), online: undefined });
    expect(statuses(paid)).toEqual(["paid"]);
    expect(paid.order?.invoices).toMatchObject([{ status: "issued" }]);
  });

  test("asked again for the same method: it is the same payment, in another process too", async () => {
    const [world, renewal] = await unpaid();
    const opened = await open(renewal);
    const again = inState(await world.program().client.resume(renewal.id), "awaiting-payment");

    const same = await open(again);

    expect(same.payment?.online).toEqual(opened.payment?.online);
    expect(sendings(world, "online-payment")).toBe(1);
  });

  test("asked again after it was paid: it is not shown to be paid once more", async () => {
    const [world, renewal] = await unpaid();
    const opened = await open(renewal);
    await world.ra.admin.payOnline({ renewalId: renewal.id });

    const paid = await opened.payOnline(UNIONPAY);

    expect(paid.state).toBe("awaiting-review");
    expect(paid.payment).toMatchObject({ online: undefined, status: "paid" });
    expect(sendings(world, "online-payment")).toBe(1);
  });

  test("another method closes the one before: one is open at a time", async () => {
    const [, renewal] = await unpaid();

    const other = await open(await open(renewal), ALIPAY);

    expect(statuses(other)).toEqual(["closed", "open"]);
    expect(other.payment?.online?.method).toBe("alipay");
  });

  test("one that expired is not the one: another is opened", async () => {
    const [world, renewal] = await unpaid();
    const opened = await open(renewal);
    world.clock.advance(30 * MINUTE_MS);

    const anew = await open(opened);

    expect(statuses(anew)).toEqual(["expired", "open"]);
    expect(anew.payment?.online?.id).not.toBe(opened.payment?.online?.id);
  });

  test.each(["before", "after"] as const)(
    "the answer is lost (%s it was opened): asked again, one payment is open",
    async (when) => {
      const [world, renewal] = await unpaid();
      world.ra.fault({ type: "unreachable", purpose: "online-payment", method: "send", when });

      const error = await failureOf(renewal.payOnline(UNIONPAY));
      const again = inState(await world.program().client.resume(renewal.id), "awaiting-payment");
      const opened = await open(again);

      expect(error.code).toBe("ERR_RA_UNREACHABLE");
      expect(statuses(opened)).toEqual(["open"]);
      expect(sendings(world, "online-payment")).toBe(when === "before" ? 2 : 1);
    },
  );

  test("the answer is lost, and another method is asked for: that one is open", async () => {
    const [world, renewal] = await unpaid();
    world.ra.fault({ type: "unreachable", purpose: "online-payment", when: "after" });
    await failureOf(renewal.payOnline(UNIONPAY));

    expect(statuses(await open(renewal, ALIPAY))).toEqual(["closed", "open"]);
  });

  test("paid while the answer was lost: asked again, nothing more is opened", async () => {
    const [world, renewal] = await unpaid();
    world.ra.fault({ type: "unreachable", purpose: "online-payment", when: "after" });
    await failureOf(renewal.payOnline(UNIONPAY));
    await world.ra.admin.payOnline({ renewalId: renewal.id });

    const paid = await renewal.payOnline(UNIONPAY);

    expect(paid.state).toBe("awaiting-review");
    expect(statuses(paid)).toEqual(["paid"]);
  });

  test("a protocol that cannot tell: repeated on demand only", async () => {
    const world = await createWorld({ ra: CLERKS });
    const transport: Transport = { ...world.ra, recover: async () => ({ outcome: "unclear" }) };
    const renewal = await reach("awaiting-payment", world, world.program({ transport }));
    world.ra.fault({ type: "unreachable", purpose: "online-payment" });
    await failureOf(renewal.payOnline(UNIONPAY));

    const error = await failureOf(renewal.payOnline(UNIONPAY));
    const opened = await open(renewal, { ...UNIONPAY, ...{ repeat: true } });

    expect(error).toMatchObject({
      code: "ERR_OUTCOME_UNCLEAR",
      details: { purpose: "online-payment" },
    });
    expect(statuses(opened)).toEqual(["open"]);
  });

  test("refused by the RA: nothing is open, and it can be asked for anew", async () => {
    const [world, renewal] = await unpaid();
    world.ra.fault({ type: "refused", purpose: "online-payment" });

    const error = await failureOf(renewal.payOnline(UNIONPAY));

    expect(error).toMatchObject({ code: "ERR_RA_REFUSED", impact: { money: "unpaid" } });
    expect(statuses(await open(renewal))).toEqual(["open"]);
  });

  test("a part was transferred: what is open at the gateway is the rest", async () => {
    const [world, renewal] = await unpaid();
    const partly = inState(await renewal.payByBankTransfer(transferOf(4_000)), "awaiting-payment");
    const opened = await open(partly);
    expect(opened.payment?.online?.amount).toEqual(fen(6_000));
    await world.ra.admin.payOnline({ renewalId: renewal.id });
    world.ra.desk.book(renewal.id);

    const paid = inState(await opened.refresh(), "awaiting-review");

    expect(paid.payment).toMatchObject({ status: "paid", refunds: [] });
  });

  test.each<[string, object, string[]]>([
    ["no recipient", { ...UNIONPAY, recipient: undefined }, ["/recipient"]],
    [
      "a recipient without an address",
      { ...UNIONPAY, recipient: { ...recipient, address: "" } },
      ["/recipient/address"],
    ],
    ["no method, where there are two", { recipient }, ["/method"]],
    ["a method that the order does not have", { recipient, method: "cash" }, ["/method"]],
    ["an invoice that the order does not have", { ...UNIONPAY, invoice: "golden" }, ["/invoice"]],
    [
      "everything at once",
      { recipient: {}, invoice: "golden" },
      ["/recipient/name", "/recipient/mobile", "/recipient/address", "/invoice", "/method"],
    ],
  ])("%s: ERR_PAYMENT_INVALID, and nothing is sent", async (_, payment, pointers) => {
    const [world, renewal] = await unpaid();

    const error = await failureOf(renewal.payOnline(payment as OnlinePayment));

    expect(error.code).toBe("ERR_PAYMENT_INVALID");
    expect(error.problems.map(({ pointer }) => pointer)).toEqual(pointers);
    expect(sendings(world, "online-payment")).toBe(0);
    expect(statuses(await open(renewal))).toEqual(["open"]);
  });

  test("the only method needs no naming; an order without any takes transfers alone", async () => {
    const [, one] = await unpaid({ paymentMethods: [{ id: "unionpay", name: "银联在线" }] });
    const [, none] = await unpaid({ paymentMethods: [] });

    expect((await open(one, { recipient })).payment?.online?.method).toBe("unionpay");
    expect(await failureOf(none.payOnline({ recipient }))).toMatchObject({
      code: "ERR_PAYMENT_INVALID",
      problems: [{ pointer: "/method" }],
    });
  });

  test("a transport without it: ERR_UNSUPPORTED", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { prepareOnlinePayment: _, ...business } = world.ra.business;
    const transport: Transport = { ...world.ra, business };
    const renewal = await reach("awaiting-payment", world, world.program({ transport }));

    expect((await failureOf(renewal.payOnline(UNIONPAY))).code).toBe("ERR_UNSUPPORTED");
  });
});

describe("money that comes through the gateway and is not owed", () => {
  test("twice: the second payment is a refund due, and holds nothing up", async () => {
    const [world, renewal] = await unpaid();
    const opened = await open(renewal);
    await world.ra.admin.payOnline({ renewalId: renewal.id, times: 2 });

    const paid = inState(await opened.refresh(), "awaiting-review");

    expect(paid.payment).toMatchObject({
      status: "refund-due",
      received: fen(PRICE),
      outstanding: fen(0),
      refunds: [{ amount: fen(PRICE), status: "due" }],
    });
  });

  test("late, for a payment that expired: it goes back, and the order is still to be paid", async () => {
    const [world, renewal] = await unpaid();
    const opened = await open(renewal);
    world.clock.advance(31 * MINUTE_MS);
    await world.ra.admin.payOnline({ renewalId: renewal.id });

    const late = await opened.refresh();

    expect(late.payment).toMatchObject({
      outstanding: fen(PRICE),
      refunds: [{ amount: fen(PRICE), status: "due" }],
    });
    expect(statuses(late)).toEqual(["expired"]);
    const anew = await inState(late, "action-required").payOnline(UNIONPAY);
    await world.ra.admin.payOnline({ renewalId: renewal.id });
    const paid = await inState(anew, "action-required").refresh();
    expect(paid.state).toBe("awaiting-review");
  });

  test("after the cancellation: a refund due, followed in closed to its end, then the secret is erased", async () => {
    const [world, renewal] = await unpaid();
    const opened = await open(renewal);
    const closed = await opened.cancel();
    expect(statuses(closed)).toEqual(["closed"]);
    // What was opened can still be paid, so it is still looked for.
    expect(await isFollowed(world, renewal.id)).toBe(true);
    await world.ra.admin.payOnline({ renewalId: renewal.id });

    const due = await closed.refresh();
    expect(due.payment).toMatchObject({ status: "refund-due", refunds: [{ status: "due" }] });
    expect(await isFollowed(world, renewal.id)).toBe(true);
    world.ra.desk.sendRefunds(renewal.id);
    world.clock.advance(2 * DAY_MS);
    const sent = await due.refresh();

    expect(sent).toMatchObject({
      state: "closed",
      reason: "cancelled",
      payment: { status: "refunded", refunds: [{ status: "sent" }] },
    });
    expect(await isFollowed(world, renewal.id)).toBe(false);
    // There is nothing left to ask; the handle stays of use.
    expect((await sent.refresh()).payment?.status).toBe("refunded");
  });

  test("never paid after the cancellation: the secret is erased once nobody can pay any more", async () => {
    const [world, renewal] = await unpaid();
    const closed = await (await open(renewal)).cancel();
    world.clock.advance(3 * DAY_MS);

    await closed.refresh();

    expect(await isFollowed(world, renewal.id)).toBe(false);
  });

  test("after completion: a refund due, followed by completed.refresh() to its end", async () => {
    const [world, renewal] = await unpaid({ shipsInvoices: false });
    const first = await open(renewal);
    const closedId = first.payment?.online?.id ?? "";
    const second = await open(first, ALIPAY);
    await world.ra.admin.payOnline({ renewalId: renewal.id });
    const reviewed = inState(await second.refresh(), "awaiting-review");
    world.ra.desk.approve(renewal.id);
    const ready = inState(await reviewed.refresh(), "ready-to-install");
    const completed = await ready.install(acknowledgeAll(ready));
    await world.ra.admin.payOnline({ renewalId: renewal.id, instructionId: closedId });

    const due = await completed.refresh();
    expect(due).toMatchObject({
      state: "completed",
      payment: { status: "refund-due", refunds: [{ amount: fen(PRICE), status: "due" }] },
    });
    world.ra.desk.sendRefunds(renewal.id);
    world.clock.advance(2 * DAY_MS);
    const sent = await due.refresh();

    expect(sent.payment).toMatchObject({ status: "paid", refunds: [{ status: "sent" }] });
    expect(sent.report.renewed.sha256).toBe(completed.report.renewed.sha256);
    expect(await isFollowed(world, renewal.id)).toBe(false);
  });
});

describe("invoices (发票) and parcels (快递)", () => {
  test("are followed after completion, until the parcel has arrived", async () => {
    const world = await createWorld({ ra: { ...CLERKS, policy: { invoicing: "by-hand" } } });
    const completed = await reach("completed", world);
    const renewalId = completed.id;
    expect(completed.order?.invoices).toMatchObject([
      { type: "quota", status: "requested", amount: fen(PRICE) },
    ]);
    await world.ra.admin.issueInvoice({ renewalId });

    const issued = await completed.refresh();
    expect(issued.order).toMatchObject({
      invoices: [{ status: "issued", number: expect.stringMatching(/^FP/) }],
      shipments: [{ status: "preparing" }],
    });
    const shipmentId = issued.order?.shipments[0]?.id ?? "";
    const parcel = { carrier: "示例快递", trackingNumber: "SF0001" };
    await world.ra.admin.ship({ renewalId, shipmentId, ...parcel });
    const shipped = await issued.refresh();
    expect(shipped.order?.shipments).toMatchObject([{ status: "shipped", ...parcel }]);
    expect(await isFollowed(world, renewalId)).toBe(true);
    await world.ra.admin.deliver({ renewalId, shipmentId });

    // Another program, which knows the renewal from the store alone.
    const { client } = world.program();
    const delivered = await inState(await client.resume(renewalId), "completed").refresh();

    expect(delivered.order?.shipments).toMatchObject([{ status: "delivered" }]);
    expect(await isFollowed(world, renewalId)).toBe(false);
  });

  test("a cancelled order has none, and is followed until the money is back", async () => {
    const world = await createWorld({ ra: CLERKS });
    const closed = await reach("closed", world);

    expect(closed).toMatchObject({
      reason: "cancelled",
      payment: { status: "refund-due" },
      order: { invoices: [{ status: "void" }], shipments: [] },
    });
    world.ra.desk.sendRefunds(closed.id);
    expect((await closed.refresh()).payment).toMatchObject({
      status: "refunded",
      refunds: [{ status: "sent", sentAt: world.clock.now() }],
    });
    expect(await isFollowed(world, closed.id)).toBe(false);
  });

  test("nothing to follow: the secret is erased with the end", async () => {
    const world = await createWorld({ ra: { ...CLERKS, policy: { shipsInvoices: false } } });
    const completed = await reach("completed", world);

    expect(await isFollowed(world, completed.id)).toBe(false);
    expect((await completed.refresh()).state).toBe("completed");
  });

  test("what was issued and lapsed was earned: nothing is left to follow", async () => {
    const world = await createWorld({
      ra: { ...CLERKS, confirmWithinMs: DAY_MS, policy: { shipsInvoices: false } },
    });
    const confirming = await reach("confirming", world);
    world.clock.advance(2 * DAY_MS);
    const { renewal } = await failureOf(confirming.continue());

    const closed = await inState(renewal, "closed").refresh();

    expect(closed).toMatchObject({ reason: "lapsed", payment: { status: "paid", refunds: [] } });
    expect(await isFollowed(world, closed.id)).toBe(false);
  });
});

describe("an installation that the RA has ended", () => {
  test("fails, and erases the secret where nothing is left to follow", async () => {
    const policy = { payment: "none", shipsInvoices: false } as const;
    const world = await createWorld({ ra: { ...CLERKS, confirmWithinMs: DAY_MS, policy } });
    const draft = await reach("draft", world);
    const reviewed = inState(await draft.submit(acceptOffer(draft)), "awaiting-review");
    world.ra.desk.approve(draft.id);
    const ready = inState(await reviewed.refresh(), "ready-to-install");
    expect(await isFollowed(world, ready.id)).toBe(true);
    world.clock.advance(2 * DAY_MS);

    const error = await failureOf(ready.install(acknowledgeAll(ready)));

    expect(error.code).toBe("ERR_RA_REFUSED");
    expect(inState(error.renewal, "closed").reason).toBe("lapsed");
    expect(await isFollowed(world, ready.id)).toBe(false);
  });
});

describe("payment after the review", () => {
  test("nothing is to be paid before the approval, then the order is open, then it is ready", async () => {
    const world = await createWorld({ ra: { ...CLERKS, policy: { payment: "after-review" } } });
    const draft = await reach("draft", world);
    expect(draft.offer.terms.payment).toBe("after-review");
    const reviewed = inState(await draft.submit(acceptOffer(draft)), "awaiting-review");
    expect(reviewed.payment).toMatchObject({ open: false, status: "unpaid" });
    world.ra.desk.approve(draft.id);

    const toPay = inState(await reviewed.wait(), "awaiting-payment");
    const opened = await open(toPay);
    await world.ra.admin.payOnline({ renewalId: draft.id });
    const ready = inState(await opened.refresh(), "ready-to-install");

    expect((await ready.install(acknowledgeAll(ready))).state).toBe("completed");
  });

  test("not paid in time: lapsed, and nothing is to be refunded", async () => {
    const world = await createWorld({ ra: { ...CLERKS, policy: { payment: "after-review" } } });
    const reviewed = await (async () => {
      const draft = await reach("draft", world);
      return inState(await draft.submit(acceptOffer(draft)), "awaiting-review");
    })();
    world.ra.desk.approve(reviewed.id);
    const toPay = inState(await reviewed.refresh(), "awaiting-payment");
    world.clock.advance(31 * DAY_MS);

    const closed = inState(await toPay.refresh(), "closed");

    expect(closed).toMatchObject({ reason: "lapsed", payment: { refunds: [] } });
    expect(await isFollowed(world, closed.id)).toBe(false);
  });

  test("a free renewal asks for no money at all", async () => {
    const world = await createWorld({ ra: { ...CLERKS, policy: { payment: "none" } } });
    const draft = await reach("draft", world);
    const reviewed = inState(await draft.submit(acceptOffer(draft)), "awaiting-review");

    expect(reviewed.payment?.open).toBe(false);
  });
});
