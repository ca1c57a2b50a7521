import type { ClientEvents, Reply, Transport } from "certrenew";
import { describe, expect, test } from "vitest";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import { createWorld, DAY_MS, failureOf, inState, oldPairWorks, type World } from "./world.js";

const REASONS = [{ pointer: "/mobile", text: "手机号码有误" }, { text: "请补充材料" }];

describe("the RA's verdict", () => {
  test("approved: on to the installation", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-review", world);
    world.ra.desk.book(renewal.id);
    world.ra.desk.approve(renewal.id);

    const ready = inState(await renewal.refresh(), "ready-to-install");

    expect(ready).toMatchObject({ stage: "installation", reasons: [] });
    expect(ready.order?.businessStatus).toBe("approved");
  });

  test("returned: the reasons are shown", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-review", world);
    world.ra.desk.return(renewal.id, REASONS);

    const returned = inState(await renewal.wait(), "action-required");

    expect(returned).toMatchObject({ stage: "review", reasons: REASONS });
    expect(returned.order?.businessStatus).toBe("returned");
  });

  test("refused: closed with its reasons, and the money goes back", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-review", world);
    world.ra.desk.book(renewal.id);
    world.ra.desk.refuse(renewal.id, REASONS);

    const closed = inState(await renewal.wait(), "closed");

    expect(closed).toMatchObject({ reason: "refused", stage: undefined, reasons: REASONS });
    expect(closed.payment?.status).toBe("refund-due");
    expect(oldPairWorks(world)).toBe(true);
  });

  test.each(["awaiting-payment", "awaiting-review", "action-required"] as const)(
    "a deadline passed while %s: closed",
    async (state) => {
      const world = await createWorld({ ra: CLERKS });
      const renewal = await reach(state, world);
      world.ra.desk.lapse(renewal.id);

      expect(await renewal.refresh()).toMatchObject({ state: "closed", reason: "lapsed" });
    },
  );

  test("until the RA names a time, the end of the review is our own estimate", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("awaiting-review", world);
    // Friday the 20th and three working days.
    expect(renewal.due).toEqual({ at: new Date("2026-11-25T02:00:00Z"), estimated: true });
  });
});

describe("answers that cannot be", () => {
  /** An RA that, from some time on, answers out of an old copy of its books. */
  function backwards(world: World): { transport: Transport; keep(): void } {
    let last: Reply | undefined;
    let kept: Reply | undefined;
    return {
      keep: () => {
        kept = last;
      },
      transport: {
        ...world.ra,
        async progress(reference, options) {
          last = await world.ra.progress(reference, options);
          return kept ?? last;
        },
      },
    };
  }

  test("an approval taken back (ERR_TRANSITION): nothing of the answer is used", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { transport, keep } = backwards(world);
    const reviewed = await reach("awaiting-review", world, world.program({ transport }));
    const same = inState(await reviewed.refresh(), "awaiting-review");
    keep();
    world.ra.desk.book(same.id);
    world.ra.desk.approve(same.id);
    const { client } = world.program();
    const approved = await inState(await client.resume(same.id), "awaiting-review").refresh();
    const before = JSON.stringify({ ...approved.toJSON(), updatedAt: "", fence: 0 });

    const stale = await world.program({ transport }).client.resume(same.id);
    const error = await failureOf(
      inState(stale, "ready-to-install").install(acknowledgeAll(stale)),
    );

    expect(error).toMatchObject({
      code: "ERR_TRANSITION",
      details: { from: "ready-to-install", to: "awaiting-review", step: "install" },
      impact: { key: "old-usable", money: "received", retry: "never" },
    });
    const after = JSON.stringify({ ...error.renewal?.toJSON(), updatedAt: "", fence: 0 });
    expect(after).toBe(before);
    // The RA came to its senses.
    const ready = inState(await client.resume(same.id), "ready-to-install");
    expect((await ready.install(acknowledgeAll(ready))).state).toBe("completed");
  });

  test("what is closed stays closed", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { transport, keep } = backwards(world);
    const program = world.program({ transport });
    const reviewed = await reach("awaiting-review", world, program);
    const same = inState(await reviewed.refresh(), "awaiting-review");
    keep();
    world.ra.desk.book(same.id);
    const closed = await same.cancel();

    const error = await failureOf(closed.refresh());

    expect(error).toMatchObject({
      code: "ERR_TRANSITION",
      details: { from: "closed", to: "awaiting-review" },
      renewal: { state: "closed", reason: "cancelled", payment: { status: "refund-due" } },
    });
  });

  test("an answer about another revision (ERR_RA_RESPONSE)", async () => {
    const world = await createWorld({ ra: CLERKS });
    const progress: Transport["progress"] = async (reference) => {
      const reply = await world.ra.progress(reference);
      const application = { ...reply.progress.application, revision: 2 };
      return { ...reply, progress: { ...reply.progress, application } };
    };
    const program = world.program({ transport: { ...world.ra, progress } });
    const renewal = await reach("awaiting-review", world, program);
    world.ra.desk.book(renewal.id);
    world.ra.desk.approve(renewal.id);

    const error = await failureOf(renewal.refresh());

    expect(error).toMatchObject({ code: "ERR_RA_RESPONSE", renewal: { state: "awaiting-review" } });
  });
});

describe("wait", () => {
  /** Waits for a review that ends while the holder waits for the nth time. */
  async function waiting(ra: { retryAfterMs?: number }, approvedAt: number) {
    const world = await createWorld({ ra: { ...CLERKS, ...ra } });
    const program = world.program();
    const renewal = await reach("awaiting-review", world, program);
    world.ra.desk.book(renewal.id);
    const waits: ClientEvents["waiting"][] = [];
    program.client.on("waiting", (event) => {
      if (waits.push(event) === approvedAt) world.ra.desk.approve(renewal.id);
    });
    return { world, renewal, waits };
  }

  const looks = ({ ra }: World) => ra.calls.filter(({ method }) => method === "progress").length;

  test("asks when the RA wants to be asked, at most a quarter later", async () => {
    const { world, renewal, waits } = await waiting({ retryAfterMs: 600_000 }, 3);

    const ready = await renewal.wait();

    expect(ready.state).toBe("ready-to-install");
    // The pause that the RA asked for with its last answer comes before the first look.
    expect(looks(world)).toBe(3);
    expect(waits.map(({ delayMs }) => delayMs)).toEqual(world.clock.slept);
    expect(waits[0]?.delayMs).toBe(600_000);
    for (const { delayMs, error } of waits) {
      expect(delayMs).toBeGreaterThanOrEqual(600_000);
      expect(delayMs).toBeLessThanOrEqual(750_000);
      expect(error).toBeUndefined();
    }
  });

  test("of an RA that names no time it asks at once, then ever less often, up to a bound", async () => {
    const { world, renewal } = await waiting({}, 20);

    await renewal.wait();

    const slept = world.clock.slept;
    expect(looks(world)).toBe(21);
    expect(slept[0]).toBeGreaterThanOrEqual(5_000);
    expect(slept[0]).toBeLessThanOrEqual(6_250);
    expect(slept.slice(16).every((ms) => ms === 15 * 60_000)).toBe(true);
  });

  test("survives an RA that is down for hours", async () => {
    const { world, renewal, waits } = await waiting({}, 30);
    for (let call = 1; call <= 30; call += 1) {
      world.ra.fault({ type: "unreachable", method: "progress", call });
    }

    const ready = await renewal.wait();

    expect(ready.state).toBe("ready-to-install");
    expect(waits.map(({ error }) => error)).toEqual(
      Array(30).fill(expect.objectContaining({ code: "ERR_RA_UNREACHABLE" })),
    );
    const hours = world.clock.slept.reduce((sum, ms) => sum + ms, 0) / 3_600_000;
    expect(hours).toBeGreaterThan(4);
  });

  test("keeps to what a busy RA asks for", async () => {
    const { world, renewal } = await waiting({}, 1);
    world.ra.fault({ type: "busy", method: "progress", retryAfterMs: 120_000 });

    await renewal.wait();

    expect(world.clock.slept[0]).toBeGreaterThanOrEqual(120_000);
  });

  test("gives up in time (ERR_TIMEOUT), and the same handle can wait again", async () => {
    const { world, renewal } = await waiting({ retryAfterMs: 600_000 }, 4);

    const error = await failureOf(renewal.wait({ timeoutMs: 1_000_000 }));

    expect(error).toMatchObject({
      code: "ERR_TIMEOUT",
      impact: { money: "received", retry: "later" },
      renewal: { id: renewal.id, state: "awaiting-review" },
    });
    expect(world.clock.slept.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(1_000_000);
    expect((await renewal.wait()).state).toBe("ready-to-install");
  });

  test("stops when it is told to (ERR_ABORTED); another program waits on, days later", async () => {
    const { world, renewal } = await waiting({}, 0);
    const stop = new AbortController();
    const first = world.program();
    first.client.on("waiting", () => stop.abort(new Error("closing time")));
    const handle = inState(await first.client.resume(renewal.id), "awaiting-review");

    const error = await failureOf(handle.wait({ signal: stop.signal }));

    expect(error).toMatchObject({ code: "ERR_ABORTED", renewal: { state: "awaiting-review" } });
    expect(error.cause).toEqual(new Error("closing time"));
    world.clock.advance(3 * DAY_MS);
    world.ra.desk.approve(renewal.id);
    const { client } = world.program();
    const ready = await inState(await client.resume(renewal.id), "awaiting-review").wait();
    expect(ready.state).toBe("ready-to-install");
  });

  test.each(["ready-to-install", "completed"] as const)(
    "what another program found out in between ends it: %s",
    async (state) => {
      const { world, renewal } = await waiting({}, 0);
      const { client } = world.program();
      const other = inState(await client.resume(renewal.id), "awaiting-review");
      world.ra.desk.approve(renewal.id);
      const ready = inState(await other.refresh(), "ready-to-install");
      if (state === "completed") await ready.install(acknowledgeAll(ready));

      const changed = await renewal.wait();

      expect(changed.state).toBe(state);
      expect((await failureOf(renewal.wait())).code).toBe("ERR_HANDLE_SPENT");
    },
  );

  test("a handle that was spent before does not wait at all (ERR_HANDLE_SPENT)", async () => {
    const { world, renewal } = await waiting({ retryAfterMs: 3_600_000 }, 0);
    world.ra.desk.approve(renewal.id);
    await renewal.refresh();
    const before = world.clock.slept.length;

    const error = await failureOf(renewal.wait());

    expect(error).toMatchObject({
      code: "ERR_HANDLE_SPENT",
      renewal: { state: "ready-to-install" },
    });
    expect(world.clock.slept).toHaveLength(before);
  });

  test("a clock that was put back does not put it to sleep for more than a day", async () => {
    const { world, renewal } = await waiting({ retryAfterMs: 600_000 }, 1);
    world.clock.advance(-30 * DAY_MS);

    await renewal.wait();

    expect(world.clock.slept[0]).toBe(DAY_MS);
  });

  test("an RA that wants each question signed costs a PIN a look", async () => {
    const world = await createWorld({ ra: { ...CLERKS, traits: { polling: "signed" } } });
    const program = world.program();
    const renewal = await reach("awaiting-review", world, program);
    world.ra.desk.book(renewal.id);
    program.client.on("waiting", () => world.ra.desk.approve(renewal.id));
    const asked = world.asked;

    const ready = await renewal.wait();

    expect(ready.state).toBe("ready-to-install");
    expect(world.asked - asked).toBe(2);
    const blind = world.program({ pin: undefined });
    const installing = inState(await blind.client.resume(ready.id), "ready-to-install");
    expect(await failureOf(installing.install(acknowledgeAll(installing)))).toMatchObject({
      code: "ERR_PIN_REQUIRED",
      renewal: { state: "ready-to-install" },
    });
  });
});
