import { describe, expect, test } from "vitest";
import { CLERKS, reach, STATES } from "./stations.js";
import {
  createWorld,
  failureOf,
  inState,
  oldPairWorks,
  PIN,
  sendings,
  theCredential,
  transferOf,
  type World,
} from "./world.js";

const CANCELLABLE = [
  "awaiting-payment",
  "awaiting-review",
  "action-required",
  "ready-to-install",
] as const;

/** The one secret that a record may hold, as the store has it. */
async function followSecret({ store }: World, id: string): Promise<unknown> {
  const stored = await store.load(`renewal-${id}`);
  const secrets = stored?.document["secrets"] as { followSecret?: string } | undefined;
  return secrets?.followSecret;
}

describe("cancel (撤销申请)", () => {
  test.each(CANCELLABLE)("%s: withdraws the application, the old pair as it was", async (state) => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach(state, world);

    const closed = inState(await renewal.cancel(), "closed");

    expect(closed.reason).toBe("cancelled");
    expect(closed.stage).toBeUndefined();
    expect(closed.order?.transactions[0]?.orderStatus).toBe("closed");
    expect(world.ra.desk.applications.map(({ status }) => status)).toEqual(["cancelled"]);
    expect(oldPairWorks(world)).toBe(true);
    expect(world.token.certificates).toHaveLength(1);
    // Once to apply, once to cancel.
    expect(world.asked).toBe(2);
  });

  test.each(STATES.filter((state) => !CANCELLABLE.some((other) => other === state)))(
    "%s: there is no such step",
    async (state) => {
      const world = await createWorld({ ra: CLERKS });
      expect(await reach(state, world)).not.toHaveProperty("cancel");
    },
  );

  test("before anything was paid: nothing is to follow, and the certificate is free again", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const renewal = await reach("awaiting-payment", world, program);

    const closed = await renewal.cancel();
    expect(closed.payment).toMatchObject({ status: "unpaid", refunds: [] });
    expect(await followSecret(world, closed.id)).toBeUndefined();
    const asked = world.ra.calls.length;
    expect((await closed.refresh()).reason).toBe("cancelled");
    expect(world.ra.calls).toHaveLength(asked);

    const next = await program.client.start(await theCredential(program.client));
    expect(next.id).not.toBe(closed.id);
  });

  test("after it was paid: the refund is followed to its end, and then the secret is erased", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("ready-to-install", world);

    const closed = await renewal.cancel();
    expect(closed.payment).toMatchObject({ status: "refund-due", refunds: [{ status: "due" }] });
    const unchanged = await closed.refresh();
    expect(unchanged.payment?.status).toBe("refund-due");
    expect(await followSecret(world, closed.id)).toMatch(/^[\w-]{43}$/);

    world.ra.desk.sendRefunds(closed.id);
    const { client } = world.program();
    const refunded = await inState(await client.resume(closed.id), "closed").refresh();

    expect(refunded.payment).toMatchObject({ status: "refunded", refunds: [{ status: "sent" }] });
    expect(await followSecret(world, closed.id)).toBeUndefined();
    // An older handle of the same state asks nothing without the secret.
    const asked = world.ra.calls.length;
    const again = await inState(await client.resume(closed.id), "closed").refresh();
    expect(again.payment?.status).toBe("refunded");
    expect(world.ra.calls).toHaveLength(asked);
  });

  test("a transfer that arrives after the end goes back too", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-review", world);

    const closed = await renewal.cancel();
    expect(closed.payment).toMatchObject({ status: "unpaid", refunds: [] });
    world.ra.desk.book(closed.id);
    const late = await closed.refresh();
    world.ra.desk.sendRefunds(closed.id);
    const over = await late.refresh();

    expect(late.payment?.status).toBe("refund-due");
    expect(over.payment?.status).toBe("refunded");
    expect(await followSecret(world, closed.id)).toBeUndefined();
  });

  test("two handles follow one refund: the second finds that it is over", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const closed = await (await reach("ready-to-install", world)).cancel();
    const other = inState(await client.resume(closed.id), "closed");
    world.ra.desk.sendRefunds(closed.id);

    await closed.refresh();

    expect((await other.refresh()).payment?.status).toBe("refunded");
  });

  test.each(["before", "after"] as const)(
    "failed %s it reached the RA: goes on without another PIN, and cancels once",
    async (when) => {
      const world = await createWorld({ ra: CLERKS });
      const renewal = await reach("action-required", world);
      world.ra.fault({ type: "unreachable", purpose: "cancellation", when });

      const error = await failureOf(renewal.cancel());
      // Days later, by another program.
      world.clock.advance(20 * 60_000);
      const { client } = world.program();
      const same = inState(await client.resume(renewal.id), "action-required");
      const closed = inState(await same.cancel(), "closed");

      expect(error).toMatchObject({ code: "ERR_RA_UNREACHABLE", renewal: { id: renewal.id } });
      expect(closed.payment?.refunds).toHaveLength(1);
      expect(sendings(world, "cancellation")).toBe(when === "after" ? 1 : 2);
      expect(world.asked).toBe(2);
    },
  );

  test("asked about instead of repeated: it is found to be cancelled", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-review", world);
    world.ra.fault({ type: "unreachable", purpose: "cancellation", when: "after" });

    await failureOf(renewal.cancel());

    expect(inState(await renewal.refresh(), "closed").reason).toBe("cancelled");
  });

  test("saved, not sent, and expired since: signed anew", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-payment", world);
    world.ra.fault({ type: "unreachable", purpose: "cancellation", when: "before" });
    await failureOf(renewal.cancel());
    world.clock.advance(2 * 24 * 3_600_000);

    expect((await renewal.cancel()).reason).toBe("cancelled");
    expect(world.asked).toBe(3);
  });

  test("a wrong PIN cancels nothing, and the order can still be paid", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-payment", world);
    world.pins = ["000000", PIN];

    const error = await failureOf(renewal.cancel());
    const paid = await inState(error.renewal, "awaiting-payment").payByBankTransfer(
      transferOf(10_000),
    );

    expect(error).toMatchObject({ code: "ERR_PIN_INCORRECT", impact: { money: "unpaid" } });
    expect(sendings(world, "cancellation")).toBe(0);
    expect(paid.state).toBe("awaiting-review");
  });
});

describe("discard", () => {
  test("a draft was never sent: neither RA nor token learn of it", async () => {
    const world = await createWorld({ ra: CLERKS });
    const draft = await reach("draft", world);

    const closed = await draft.discard();

    expect(closed).toMatchObject({ state: "closed", reason: "discarded" });
    expect(world.ra.calls.map(({ method }) => method)).toEqual(["offer"]);
    expect(world.token.keys).toHaveLength(1);
    expect(world.asked).toBe(0);
  });

  test("after a submission that failed before it was sent", async () => {
    const world = await createWorld({ ra: CLERKS });
    const draft = await reach("draft", world);
    world.pins = ["000000"];
    await failureOf(draft.submit({ accept: draft.offer.agreement, years: 1 }));

    expect((await draft.discard()).reason).toBe("discarded");
    expect(await followSecret(world, draft.id)).toBeUndefined();
  });
});
