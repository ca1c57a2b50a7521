import { describe, expect, test } from "vitest";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  DAY_MS,
  failureOf,
  inState,
  oldPairWorks,
  PIN,
  sendings,
  theCredential,
  transferOf,
  transfersOf,
} from "./world.js";

const SHORT = { ra: { ...CLERKS, confirmWithinMs: DAY_MS } };

describe("a certificate that the RA revokes because it was not confirmed in time", () => {
  test("collected, and not written yet: it is not written, and the renewal is over", async () => {
    const world = await createWorld(SHORT);
    const program = world.program();
    const ready = await reach("ready-to-install", world, program);
    world.pins = [undefined];
    expect((await failureOf(ready.install(acknowledgeAll(ready)))).code).toBe("ERR_PIN_REQUIRED");
    world.pins = [PIN];
    world.clock.advance(2 * DAY_MS);

    const error = await failureOf(ready.install(acknowledgeAll(ready)));

    expect(error.code).toBe("ERR_RA_REFUSED");
    expect(inState(error.renewal, "closed").reason).toBe("lapsed");
    expect(world.token.certificates).toHaveLength(1);
    expect(oldPairWorks(world)).toBe(true);
    // The old certificate is free: it can be applied for again.
    const draft = await program.client.start(await theCredential(program.client));
    expect(draft.state).toBe("draft");
  });

  test.each(["installing", "confirming"] as const)(
    "%s: ends as lapsed, and not for ever",
    async (state) => {
      const world = await createWorld(SHORT);
      const renewal = await reach(state, world);
      world.clock.advance(2 * DAY_MS);

      const error = await failureOf(renewal.continue());

      expect(error.code).toBe("ERR_RA_REFUSED");
      expect(inState(error.renewal, "closed").reason).toBe("lapsed");
      expect(oldPairWorks(world)).toBe(true);
    },
  );
});

describe("a step that only asks", () => {
  test("does not withdraw an application whose cancellation never arrived", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-review", world);
    world.ra.fault({ type: "unreachable", method: "send", purpose: "cancellation" });
    expect((await failureOf(renewal.cancel())).code).toBe("ERR_RA_UNREACHABLE");

    const after = await renewal.refresh();

    expect(after.state).toBe("awaiting-review");
    expect(world.ra.desk.applications[0]?.status).toBe("received");
  });

  test("does not send an announcement that never arrived; the same content sends it", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-payment", world);
    const transfer = transferOf(renewal.payment?.total.amount ?? 0);
    world.ra.fault({ type: "unreachable", method: "send", purpose: "bank-transfer" });
    await failureOf(renewal.payByBankTransfer(transfer));

    const after = inState(await renewal.refresh(), "awaiting-payment");
    expect(after.payment?.instructions).toEqual([]);
    const paid = await after.payByBankTransfer(transfer);

    expect(paid.payment?.instructions).toHaveLength(1);
    expect(sendings(world, "bank-transfer")).toBe(2);
  });
});

describe("another announcement than the one that was lost", () => {
  test("takes the place of one that never arrived: the holder announces this one, and not both", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-payment", world);
    world.ra.fault({ type: "unreachable", method: "send", purpose: "bank-transfer" });
    await failureOf(renewal.payByBankTransfer(transferOf(5_000)));

    const paid = await renewal.payByBankTransfer(transferOf(6_000));

    const amounts = transfersOf(paid).flatMap(({ remittances }) =>
      remittances.map(({ amount }) => amount.amount),
    );
    expect(amounts).toEqual([6_000]);
  });

  test("is not made on top of one whose outcome nobody knows, unless asked to", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program({
      transport: { ...world.ra, recover: async () => ({ outcome: "unclear" }) },
    });
    const draft = await client.start(await theCredential(client));
    const unpaid = inState(await draft.submit(acceptOffer(draft)), "awaiting-payment");
    world.ra.fault({ type: "unreachable", method: "send", purpose: "bank-transfer" });
    await failureOf(unpaid.payByBankTransfer(transferOf(5_000)));

    const error = await failureOf(unpaid.payByBankTransfer(transferOf(6_000)));
    const paid = await unpaid.payByBankTransfer({ ...transferOf(6_000), repeat: true });

    expect(error.code).toBe("ERR_OUTCOME_UNCLEAR");
    expect(paid.payment?.instructions).toHaveLength(1);
  });
});

describe("an RA that refuses", () => {
  test("the question after an application that it never heard of: it is sent again as it is", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const draft = await client.start(await theCredential(client));
    world.ra.fault({ type: "unreachable", method: "send" });
    const lost = await failureOf(draft.submit(acceptOffer(draft)));
    world.ra.fault({ type: "refused", method: "recover" });

    const submitted = await inState(lost.renewal, "submitting").continue();

    expect(submitted.state).toBe("awaiting-payment");
    expect(world.asked).toBe(1);
  });

  test("the confirmation of a certificate that it did not revoke: it stays to be confirmed", async () => {
    const world = await createWorld({ ra: CLERKS });
    const confirming = await reach("confirming", world);
    world.ra.fault({ type: "refused", method: "send", purpose: "confirmation" });

    const error = await failureOf(confirming.continue());

    expect(error.code).toBe("ERR_RA_REFUSED");
    const done = await inState(error.renewal, "confirming").continue();
    expect(done.state).toBe("completed");
  });
});

describe("a protocol that cannot tell what became of an announcement", () => {
  test("does not stop the renewal, and repeats on demand only", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program({
      transport: { ...world.ra, recover: async () => ({ outcome: "unclear" }) },
    });
    const draft = await client.start(await theCredential(client));
    const unpaid = inState(await draft.submit(acceptOffer(draft)), "awaiting-payment");
    const transfer = transferOf(unpaid.payment?.total.amount ?? 0);
    world.ra.fault({ type: "unreachable", method: "send", purpose: "bank-transfer" });
    await failureOf(unpaid.payByBankTransfer(transfer));

    const asked = inState(await unpaid.refresh(), "awaiting-payment");
    expect((await failureOf(asked.payByBankTransfer(transfer))).code).toBe("ERR_OUTCOME_UNCLEAR");
    expect(world.ra.desk.applications).toHaveLength(1);
    const paid = await asked.payByBankTransfer({ ...transfer, repeat: true });

    expect(paid.payment?.instructions).toHaveLength(1);
  });
});

describe("an application that arrived after it was given up", () => {
  test("is not taken for the one that was refused in its place, and is found by looking it up", async () => {
    const world = await createWorld({ ra: CLERKS });
    // For this RA the first application is not there when it is asked for, and there when the next one comes.
    let isLate = true;
    const { client } = world.program({
      transport: {
        ...world.ra,
        recover: async (...call) =>
          isLate ? { outcome: "not-received" } : world.ra.recover(...call),
      },
    });
    const draft = await client.start(await theCredential(client));
    world.ra.fault({ type: "unreachable", method: "send", when: "after" });
    const lost = await failureOf(draft.submit(acceptOffer(draft)));
    world.clock.advance(DAY_MS / 12);
    const again = inState(await inState(lost.renewal, "submitting").continue(), "draft");
    isLate = false;

    const fresh = await again.refresh();
    const error = await failureOf(fresh.submit(acceptOffer(fresh)));
    expect(error).toMatchObject({ code: "ERR_APPLICATION_OPEN", renewal: { state: "draft" } });
    const { renewals } = await client.lookUp(await theCredential(client));

    expect(renewals).toMatchObject([{ id: draft.id, state: "awaiting-payment" }]);
    expect(world.ra.desk.applications).toHaveLength(1);
    expect(world.token.keys).toHaveLength(2);
  });
});
