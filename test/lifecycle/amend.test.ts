import type { ActionRequired, AmendOptions } from "certrenew";
import { describe, expect, test } from "vitest";
import { CLERKS, reach } from "./stations.js";
import {
  createWorld,
  DAY_MS,
  failureOf,
  inState,
  oldPairWorks,
  SAMPLE_FORM,
  sendings,
  transferOf,
  type World,
} from "./world.js";

const REASONS = [{ pointer: "/mobile", text: "手机号码有误" }];
const CORRECTION = { form: { mobile: "13900139000" } };

async function returned(): Promise<[World, ActionRequired]> {
  const world = await createWorld({ ra: CLERKS });
  return [world, await reach("action-required", world)];
}

describe("an application that the RA returned", () => {
  test("is amended: the corrected field, the next revision, the same key, order and price", async () => {
    const [world, renewal] = await returned();
    const before = world.ra.desk.applications[0];
    expect(renewal.reasons).toEqual(REASONS);

    const amended = inState(await renewal.amend(CORRECTION), "awaiting-review");

    expect(amended.reasons).toEqual([]);
    expect(amended.payment).toMatchObject({ status: "paid" });
    expect(world.ra.desk.applications).toEqual([
      {
        ...before,
        revision: 2,
        status: "received",
        form: { ...SAMPLE_FORM, ...CORRECTION.form },
      },
    ]);
    // The certification request stands: nothing is made on the token for a correction.
    expect(world.token.keys).toHaveLength(2);
    expect(world.asked).toBe(2);
    world.ra.desk.approve(renewal.id);
    const ready = inState(await amended.refresh(), "ready-to-install");
    expect((await ready.install({ acknowledge: ready.guards.map(({ id }) => id) })).state).toBe(
      "completed",
    );
    expect(world.token.keys).toHaveLength(2);
  });

  test("twice: each correction builds on the one before", async () => {
    const [world, renewal] = await returned();
    const second = inState(await renewal.amend(CORRECTION), "awaiting-review");
    world.ra.desk.return(renewal.id, [{ text: "经办人有误" }]);

    const again = inState(await second.refresh(), "action-required");
    await again.amend({ form: { agent: "李四" } });

    expect(world.ra.desk.applications[0]).toMatchObject({
      revision: 3,
      form: { ...SAMPLE_FORM, ...CORRECTION.form, agent: "李四" },
    });
  });

  test.each<[string, unknown, string]>([
    ["nothing is named", {}, "ERR_ARGUMENT"],
    ["the form is no object", { form: "mobile" }, "ERR_ARGUMENT"],
    ["the form is nothing", { form: null }, "ERR_ARGUMENT"],
    ["the form is a list", { form: ["13900139000"] }, "ERR_ARGUMENT"],
    ["a field is not valid", { form: { mobile: 1 } }, "ERR_FORM_INVALID"],
    ["documents are not a list", { attachments: {} }, "ERR_ATTACHMENT_INVALID"],
    [
      "a document is not wanted",
      {
        attachments: [
          { purpose: "licence", mediaType: "application/pdf", content: Uint8Array.of(1) },
        ],
      },
      "ERR_ATTACHMENT_INVALID",
    ],
  ])(
    "when %s: nothing is signed or sent, and the handle is not spent",
    async (_, options, code) => {
      const [world, renewal] = await returned();
      const asked = world.asked;

      const error = await failureOf(renewal.amend(options as AmendOptions));

      expect(error.code).toBe(code);
      expect(error.problems.length).toBeGreaterThan(0);
      expect(world.asked).toBe(asked);
      expect(sendings(world, "application")).toBe(1);
      expect((await renewal.amend(CORRECTION)).state).toBe("awaiting-review");
    },
  );

  test("stays returned, for the same reasons, when the PIN is not given", async () => {
    const [world, renewal] = await returned();
    world.pins = [undefined, "123456"];

    const error = await failureOf(renewal.amend(CORRECTION));

    expect(error.code).toBe("ERR_PIN_REQUIRED");
    const again = inState(error.renewal, "action-required");
    expect(again.reasons).toEqual(REASONS);
    expect((await again.amend({ form: { agent: "李四" } })).state).toBe("awaiting-review");
    // What was not signed is not a revision.
    expect(world.ra.desk.applications[0]).toMatchObject({
      revision: 2,
      form: { ...SAMPLE_FORM, agent: "李四" },
    });
  });

  test("stays returned when the RA refuses the amendment", async () => {
    const [world, renewal] = await returned();
    world.ra.fault({ type: "refused", method: "send", purpose: "application" });

    const error = await failureOf(renewal.amend(CORRECTION));

    expect(error.code).toBe("ERR_RA_REFUSED");
    const again = inState(error.renewal, "action-required");
    expect(again.reasons).toEqual(REASONS);
    await again.amend(CORRECTION);
    expect(world.ra.desk.applications[0]?.revision).toBe(2);
  });

  test.each(["before", "after"] as const)(
    "the outcome of the amendment is open (lost %s): continue needs no arguments, and amends once",
    async (when) => {
      const [world, renewal] = await returned();
      world.ra.fault({ type: "unreachable", method: "send", purpose: "application", when });

      const error = await failureOf(renewal.amend(CORRECTION));
      const { client } = world.program();
      const asked = world.asked;
      const submitting = inState(await client.resume(renewal.id), "submitting");
      const amended = await submitting.continue();

      expect(error.code).toBe("ERR_RA_UNREACHABLE");
      expect(error.renewal?.state).toBe("submitting");
      expect(amended.state).toBe("awaiting-review");
      expect(world.asked).toBe(asked);
      expect(world.ra.desk.applications).toHaveLength(1);
      expect(world.ra.desk.applications[0]).toMatchObject({
        revision: 2,
        form: { mobile: CORRECTION.form.mobile },
      });
    },
  );

  test("an amendment that never arrived and is too old goes back to what was returned", async () => {
    const [world, renewal] = await returned();
    world.ra.fault({ type: "unreachable", method: "send", purpose: "application" });
    const error = await failureOf(renewal.amend(CORRECTION));
    world.clock.advance(DAY_MS);

    const again = inState(await inState(error.renewal, "submitting").continue(), "action-required");

    expect(again.reasons).toEqual(REASONS);
    const looked = inState(await again.refresh(), "action-required");
    expect((await looked.amend(CORRECTION)).state).toBe("awaiting-review");
    expect(world.ra.desk.applications[0]?.revision).toBe(2);
  });

  test("refused by the reviewer after the amendment: closed, and the money goes back", async () => {
    const [world, renewal] = await returned();
    const amended = inState(await renewal.amend(CORRECTION), "awaiting-review");
    world.ra.desk.refuse(renewal.id, [{ text: "资料不实" }]);

    const closed = inState(await amended.refresh(), "closed");

    expect(closed).toMatchObject({
      reason: "refused",
      reasons: [{ text: "资料不实" }],
      payment: { status: "refund-due", refunds: [{ amount: { amount: 10_000 } }] },
    });
    expect(oldPairWorks(world)).toBe(true);
  });

  test("only the rest of the money is asked for: amend says so", async () => {
    const world = await createWorld({ ra: CLERKS });
    const unpaid = await reach("awaiting-payment", world);
    const announced = inState(
      await unpaid.payByBankTransfer(transferOf(10_000)),
      "awaiting-review",
    );
    world.ra.desk.book(unpaid.id, { amount: 4_000, currency: "CNY" });
    const short = inState(await announced.refresh(), "action-required");

    const error = await failureOf(short.amend(CORRECTION));

    expect(error).toMatchObject({
      code: "ERR_TRANSITION",
      details: { reason: expect.stringContaining("not returned") },
    });
    expect(world.ra.desk.applications[0]?.revision).toBe(1);
  });

  test("can be cancelled instead", async () => {
    const [, renewal] = await returned();
    expect((await renewal.cancel()).reason).toBe("cancelled");
  });
});

describe("the deadline for an amendment", () => {
  async function withDeadline(): Promise<[World, ActionRequired, Date]> {
    const world = await createWorld({ ra: { ...CLERKS, policy: { amendableDays: 5 } } });
    const reviewed = await reach("awaiting-review", world);
    world.ra.desk.book(reviewed.id);
    await world.ra.admin.returnForCorrection({ renewalId: reviewed.id, reasons: REASONS });
    const renewal = inState(await reviewed.refresh(), "action-required");
    return [world, renewal, new Date(world.clock.now().getTime() + 5 * DAY_MS)];
  }

  test("is told with what was returned, and kept", async () => {
    const [world, renewal, until] = await withDeadline();
    expect(renewal.due).toEqual({ at: until, estimated: false });
    world.clock.advance(5 * DAY_MS - 1000);

    const amended = await renewal.amend(CORRECTION);

    expect(amended.state).toBe("awaiting-review");
    // It was the returned revision's; nothing of it is left.
    expect(amended.due?.at).not.toEqual(until);
  });

  test("has passed: ERR_DEADLINE_PASSED before anything is signed, and the RA says lapsed", async () => {
    const [world, renewal, until] = await withDeadline();
    const asked = world.asked;
    world.clock.advance(5 * DAY_MS);

    const error = await failureOf(renewal.amend(CORRECTION));

    expect(error).toMatchObject({
      code: "ERR_DEADLINE_PASSED",
      details: { until: until.toISOString() },
      impact: { key: "old-usable", money: "received" },
    });
    expect(world.asked).toBe(asked);
    expect(sendings(world, "application")).toBe(1);
    const closed = inState(await renewal.refresh(), "closed");
    expect(closed).toMatchObject({ reason: "lapsed", payment: { status: "refund-due" } });
  });

  test("passes while the amendment is under way: nothing was amended, and it is lapsed", async () => {
    const [world, renewal] = await withDeadline();
    world.clock.advance(5 * DAY_MS - 60_000);
    world.ra.fault({ type: "unreachable", method: "send", purpose: "application" });
    const lost = await failureOf(renewal.amend(CORRECTION));
    world.clock.advance(120_000);

    const error = await failureOf(inState(lost.renewal, "submitting").continue());

    expect(error.code).toBe("ERR_RA_REFUSED");
    const closed = inState(await inState(error.renewal, "action-required").refresh(), "closed");
    expect(closed.reason).toBe("lapsed");
  });

  test("of the offer counts where the RA names none of its own", async () => {
    const world = await createWorld({
      ra: {
        ...CLERKS,
        offer: { terms: { amendableUntil: new Date("2026-11-25T00:00:00Z") } },
      },
    });
    const renewal = await reach("action-required", world);
    expect(renewal.due?.at).toEqual(new Date("2026-11-25T00:00:00Z"));
    world.clock.advance(6 * DAY_MS);

    expect((await failureOf(renewal.amend(CORRECTION))).code).toBe("ERR_DEADLINE_PASSED");
  });
});
