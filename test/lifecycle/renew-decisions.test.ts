import type { RenewalClient, RenewOptions } from "certrenew";
import { describe, expect, test } from "vitest";
import { CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  failureOf,
  inState,
  SAMPLE_FORM,
  sendings,
  theCredential,
  transferOf,
  type World,
} from "./world.js";

const { recipient } = transferOf(0);
const MANUAL = { ...CLERKS, retryAfterMs: 60_000 } as const;

const DECIDED: RenewOptions = {
  choose: acceptOffer,
  acknowledge: ({ guards }) => guards.map(({ id }) => id),
};
const BY_TRANSFER: RenewOptions = {
  ...DECIDED,
  pay: ({ payment }) => transferOf(payment?.uncovered.amount ?? 0),
};
const ONLINE: RenewOptions = { ...DECIDED, pay: () => ({ method: "alipay", recipient }) };

/** Clerks that approve while the client waits; `pays`: so does somebody at the gateway, where a payment is open. */
function diligent(world: World, client: RenewalClient, { pays = false } = {}): void {
  client.on("waiting", ({ renewal: { id, payment } }) => {
    if (payment?.online) {
      if (pays) void world.ra.admin.payOnline({ renewalId: id });
      return;
    }
    world.ra.desk.book(id);
    world.ra.desk.approve(id);
  });
}

describe("renew, paid online", () => {
  test("shows where to pay, waits for the money, and goes on to the end", async () => {
    const world = await createWorld({ ra: MANUAL });
    const { client } = world.program();
    diligent(world, client, { pays: true });
    const shown: unknown[] = [];

    const done = await client.renew(await theCredential(client), {
      ...ONLINE,
      showPayment: ({ payment }) => {
        shown.push(payment?.online);
        return true;
      },
    });

    expect(done).toMatchObject({ state: "completed", payment: { status: "paid" } });
    expect(shown).toMatchObject([
      { kind: "online", method: "alipay", status: "open", amount: { amount: 10_000 } },
    ]);
    expect(sendings(world, "online-payment")).toBe(1);
  });

  test.each<[string, RenewOptions["showPayment"]]>([
    ["says no", () => false],
    ["answers later that it does not", async () => false],
    ["is not there", undefined],
  ])("stops with the payment open where showPayment %s", async (_, showPayment) => {
    const world = await createWorld({ ra: MANUAL });
    const { client } = world.program();

    const open = await client.renew(await theCredential(client), { ...ONLINE, showPayment });

    const unpaid = inState(open, "awaiting-payment");
    expect(unpaid.payment?.online?.method).toBe("alipay");
    expect(world.clock.slept).toEqual([]);
    // The holder pays, and comes back.
    await world.ra.admin.payOnline({ renewalId: unpaid.id });
    diligent(world, client);
    const done = await client.renew(inState(await unpaid.refresh(), "awaiting-review"), DECIDED);
    expect(done.state).toBe("completed");
    expect(sendings(world, "online-payment")).toBe(1);
  });

  test("come back to before it was paid, it is the same payment", async () => {
    const world = await createWorld({ ra: MANUAL });
    const { client } = world.program();
    const first = inState(
      await client.renew(await theCredential(client), ONLINE),
      "awaiting-payment",
    );
    const second = inState(await client.renew(first, ONLINE), "awaiting-payment");
    expect(second.payment?.online?.id).toBe(first.payment?.online?.id);
    expect(second.payment?.instructions).toHaveLength(1);
  });

  test("is not waited for longer than it can be paid", async () => {
    const world = await createWorld({ ra: MANUAL });
    const { client } = world.program();
    const begun = world.clock.now();

    const unpaid = await client.renew(await theCredential(client), {
      ...ONLINE,
      showPayment: () => true,
    });

    expect(unpaid.state).toBe("awaiting-payment");
    expect(world.clock.now()).toEqual(new Date(begun.getTime() + 30 * 60_000));
    expect(world.ra.desk.applications[0]?.status).toBe("received");
  });

  test("a rest that is found missing is shown too, and not waited for", async () => {
    const world = await createWorld({ ra: MANUAL });
    const { client } = world.program();
    const reviewed = await reach("awaiting-review", world);
    world.ra.desk.book(reviewed.id, { amount: 4_000, currency: "CNY" });
    const short = inState(await reviewed.refresh(), "action-required");
    const shown: (number | undefined)[] = [];

    const stopped = await client.renew(short, {
      ...ONLINE,
      showPayment: ({ payment }) => {
        shown.push(payment?.online?.amount.amount);
        return true;
      },
    });

    expect(shown).toEqual([6_000]);
    const open = inState(stopped, "action-required");
    expect(open.payment?.online?.status).toBe("open");
    await world.ra.admin.payOnline({ renewalId: open.id });
    world.ra.desk.approve(open.id);
    const done = await client.renew(inState(await open.refresh(), "ready-to-install"), DECIDED);
    expect(done).toMatchObject({ state: "completed", payment: { status: "paid" } });
  });

  test("by a method that the RA does not have stops before anything is sent", async () => {
    const world = await createWorld({ ra: MANUAL });
    const { client } = world.program();
    const error = await failureOf(
      client.renew(await theCredential(client), {
        ...DECIDED,
        pay: () => ({ method: "cheque", recipient }),
      }),
    );
    expect(error).toMatchObject({
      code: "ERR_PAYMENT_INVALID",
      renewal: { state: "awaiting-payment" },
    });
    expect(sendings(world, "online-payment")).toBe(0);
  });
});

describe("renew, corrected", () => {
  test("amends what was returned, and goes on to the end", async () => {
    const world = await createWorld({ ra: MANUAL });
    const { client } = world.program();
    const returned = await reach("action-required", world);
    diligent(world, client);
    const told: unknown[] = [];

    const done = await client.renew(returned, {
      ...BY_TRANSFER,
      correct: ({ reasons }) => {
        told.push(...reasons);
        return { form: { mobile: "13900139000" } };
      },
    });

    expect(told).toEqual([{ pointer: "/mobile", text: "手机号码有误" }]);
    expect(done.state).toBe("completed");
    expect(world.ra.desk.applications).toMatchObject([
      { revision: 2, form: { ...SAMPLE_FORM, mobile: "13900139000" } },
    ]);
  });

  test("stops where nobody corrects, with the application returned", async () => {
    const world = await createWorld({ ra: MANUAL });
    const { client } = world.program();
    const returned = await reach("action-required", world);

    const stopped = await client.renew(returned, { ...BY_TRANSFER, correct: () => undefined });

    expect(inState(stopped, "action-required").reasons).toEqual(returned.reasons);
    expect(sendings(world, "application")).toBe(1);
  });

  test("returned with money missing: the rest is paid, and then it is corrected", async () => {
    const world = await createWorld({ ra: MANUAL });
    const { client } = world.program();
    const reviewed = await reach("awaiting-review", world);
    world.ra.desk.book(reviewed.id, { amount: 4_000, currency: "CNY" });
    world.ra.desk.return(reviewed.id, [{ pointer: "/mobile", text: "手机号码有误" }]);
    const returned = inState(await reviewed.refresh(), "action-required");
    diligent(world, client);
    let corrected = 0;

    const done = await client.renew(returned, {
      ...BY_TRANSFER,
      correct: () => {
        corrected += 1;
        return { form: { mobile: "13900139000" } };
      },
    });

    expect(done).toMatchObject({ state: "completed", payment: { status: "paid" } });
    expect(corrected).toBe(1);
    expect(sendings(world, "bank-transfer")).toBe(2);
  });
});
