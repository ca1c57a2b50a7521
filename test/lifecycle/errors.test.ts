import type { InstallOptions, Renewal, SubmitOptions } from "certrenew";
import { MockToken } from "certrenew/drivers/mock";
import { describe, expect, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { FAILURES, type Scene } from "./failures.js";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  DAY_MS,
  failureOf,
  inState,
  oldPairWorks,
  PIN,
  transferOf,
  type WorldOptions,
} from "./world.js";

describe("provoked, with nothing lost", () => {
  test.each(FAILURES)("$code: $name", async (failure) => {
    const scene = await setUp(failure.world);
    const { world, client } = scene;
    const renewal = await reach(failure.at, world, scene);
    failure.strike(scene);

    const error = await failureOf(failure.step?.(renewal) ?? stepOn(renewal));

    expect(error.code).toBe(failure.code);
    expect([error.impact.key, error.impact.money, error.impact.retry]).toEqual(failure.impact);
    expect(error.renewal?.state).toBe(failure.left);
    assertExplained(error);
    expect(oldPairWorks(world)).toBe(true);

    failure.mend?.(scene);
    const { id } = inState(error.renewal, failure.left);
    const done = await finish(scene, id, failure.retryPin);
    expect(done.state).toBe("completed");
    expect(world.ra.desk.applications).toHaveLength(1);
    expect(world.token.keys).toHaveLength(2);
    expect(world.token.certificates).toHaveLength(2);
    expect(oldPairWorks(world)).toBe(true);
    expect((await client.renewals()).renewals).toHaveLength(1);
  });

  test("ERR_FORM_INVALID: all problems at once", async () => {
    const { world, ...program } = await setUp();
    const draft = await reach("draft", world, program);
    const form = { agent: "", mobile: "12", email: "nobody", courier: true };

    const { problems } = await failureOf(draft.submit({ ...acceptOffer(draft), form }));

    expect(new Set(problems.map(({ pointer }) => pointer))).toEqual(
      new Set([
        "/agent",
        "/mobile",
        "/email",
        "/organisation",
        "/unifiedSocialCreditCode",
        "/courier",
      ]),
    );
  });

  test.each([
    ["submit", "draft", "ERR_ARGUMENT"],
    ["payByBankTransfer", "awaiting-payment", "ERR_PAYMENT_INVALID"],
    ["retirePrevious", "completed", "ERR_ARGUMENT"],
  ] as const)("%s without what it needs, as a program without types may", async (...row) => {
    const [step, state, code] = row;
    const { world, ...program } = await setUp();
    const renewal = await reach(state, world, program);
    const steps = renewal as unknown as Record<typeof step, () => Promise<unknown>>;

    expect((await failureOf(steps[step]())).code).toBe(code);
  });

  test.each([
    ["draft", "submit"],
    ["submitting", "continue"],
    ["awaiting-payment", "payByBankTransfer"],
    ["awaiting-review", "wait"],
    ["awaiting-review", "refresh"],
    ["awaiting-review", "cancel"],
    ["ready-to-install", "install"],
    ["installing", "continue"],
    ["confirming", "continue"],
    ["completed", "retirePrevious"],
    ["closed", "refresh"],
  ] as const)("%s, %s(null), as a program without types may", async (state, step) => {
    const { world, ...program } = await setUp();
    const renewal = await reach(state, world, program);
    const steps = renewal as unknown as Record<string, (options: null) => Promise<unknown>>;

    const error = await failureOf((async () => steps[step]?.(null))());

    expect(error.code).toBe(step === "payByBankTransfer" ? "ERR_PAYMENT_INVALID" : "ERR_ARGUMENT");
    expect(error.renewal?.state).toBe(state);
  });

  test.each([null, 42, "open-bids and more", ["open-bids", 1]])(
    "submit and install with acknowledge: %j",
    async (acknowledge) => {
      const { world, ...program } = await setUp();
      const draft = await reach("draft", world, program);
      const given = { ...acceptOffer(draft), acknowledge } as unknown as SubmitOptions;

      const refused = await failureOf(draft.submit(given));
      expect(refused).toMatchObject({
        code: "ERR_ARGUMENT",
        problems: [{ pointer: "/acknowledge" }],
      });
      const other = await setUp();
      const ready = await reach("ready-to-install", other.world, other);
      const late = await failureOf(ready.install({ acknowledge } as InstallOptions));
      expect(late).toMatchObject({ code: "ERR_ARGUMENT", problems: [{ pointer: "/acknowledge" }] });
    },
  );

  test("ERR_OFFER_STALE: a fresh one is fetched, and accepted anew", async () => {
    const scene = await setUp();
    const draft = await reach("draft", scene.world, scene);
    scene.world.clock.advance(1.5 * DAY_MS);

    const error = await failureOf(draft.submit(acceptOffer(draft)));
    const fresh = await inState(error.renewal, "draft").refresh();

    expect(error).toMatchObject({
      code: "ERR_OFFER_STALE",
      impact: { key: "untouched", money: "none", retry: "after-action" },
    });
    expect(fresh.offer.id).not.toBe(draft.offer.id);
    expect((await finish(scene, fresh.id)).state).toBe("completed");
  });

  test("ERR_PAYMENT_SHORT: what was paid stays booked, and the rest completes it", async () => {
    const scene = await setUp();
    const reviewed = await reach("awaiting-review", scene.world, scene);
    scene.world.ra.desk.book(reviewed.id, { amount: 4_000, currency: "CNY" });
    await reviewed.refresh();

    const error = await failureOf(scene.client.renew(reviewed, { choose: () => undefined }));

    expect(error).toMatchObject({
      code: "ERR_PAYMENT_SHORT",
      details: { outstanding: "60.00 CNY" },
      impact: { key: "old-usable", money: "received", retry: "after-action" },
      renewal: { state: "action-required", payment: { status: "partial" } },
    });
    assertExplained(error);
    const done = inState(await finish(scene, reviewed.id), "completed");
    expect(done.payment?.receipts.map(({ amount }) => amount.amount)).toEqual([4_000, 6_000]);
  });

  test("ERR_CERTIFICATE_EXPIRED: no application any more, nothing sent", async () => {
    const { world, ...program } = await setUp();
    const draft = await reach("draft", world, program);
    world.clock.advance(31 * DAY_MS);

    const error = await failureOf(draft.submit(acceptOffer(draft)));
    const [credential] = await program.client.credentials();

    expect(error).toMatchObject({
      code: "ERR_CERTIFICATE_EXPIRED",
      impact: { key: "untouched", money: "none", retry: "never" },
      renewal: { state: "draft" },
    });
    assertExplained(error);
    expect(world.ra.desk.applications).toHaveLength(0);
    expect(credential?.eligibility.reasons).toContain("expired");
    expect((await draft.discard()).reason).toBe("discarded");
    if (!credential) throw new Error("no credential");
    const again = await failureOf(program.client.start(credential));
    expect(again.code).toBe("ERR_CERTIFICATE_EXPIRED");
  });

  test("an application made in time is installed although the certificate has expired since", async () => {
    const scene = await setUp({ ra: { ...CLERKS, confirmWithinMs: 60 * DAY_MS } });
    const ready = await reach("ready-to-install", scene.world, scene);
    scene.world.clock.advance(31 * DAY_MS);

    expect((await finish(scene, ready.id)).state).toBe("completed");
  });

  test("ERR_RECORD_CORRUPT: nothing is done on a guess; with a copy of the record it goes on", async () => {
    const scene = await setUp();
    const { world, client } = scene;
    const ready = await reach("ready-to-install", world, scene);
    const key = `renewal-${ready.id}`;
    const copy = await world.store.load(key);
    if (!copy) throw new Error("no record");
    const revision = await world.store.save(key, { ...copy.document, payment: 1 }, copy.revision);

    for (const step of [ready.install(acknowledgeAll(ready)), client.resume(ready.id)]) {
      const error = await failureOf(step);
      expect(error).toMatchObject({
        code: "ERR_RECORD_CORRUPT",
        impact: { key: "old-usable", money: "unclear", retry: "never" },
      });
      expect(error.problems.map(({ pointer }) => pointer)).toEqual(["/payment"]);
      assertExplained(error);
    }
    expect(world.token.certificates).toHaveLength(1);
    await world.store.save(key, copy.document, revision);
    expect((await finish(scene, ready.id)).state).toBe("completed");
  });

  test("ERR_RECORD_CLAIMED: two programs, one after the other", async () => {
    const scene = await setUp();
    const { world } = scene;
    const asking = deferred<void>();
    const answer = deferred<string>();
    const slow = world.program({
      pin: () => {
        asking.resolve();
        return answer.promise;
      },
    });
    const draft = await reach("draft", world, slow);
    const first = draft.submit(acceptOffer(draft));
    await asking.promise;

    const other = inState(await scene.client.resume(draft.id), "submitting");
    const error = await failureOf(other.continue());

    expect(error).toMatchObject({
      code: "ERR_RECORD_CLAIMED",
      impact: { key: "old-usable", money: "none", retry: "later" },
    });
    assertExplained(error);
    answer.resolve(PIN);
    expect((await first).state).toBe("awaiting-payment");
    const late = await failureOf(other.continue());
    expect(late).toMatchObject({
      code: "ERR_HANDLE_SPENT",
      renewal: { state: "awaiting-payment" },
    });
    expect((await finish(scene, draft.id)).state).toBe("completed");
    expect(world.ra.desk.applications).toHaveLength(1);
    expect(world.token.keys).toHaveLength(2);
  });
});

async function setUp(options: WorldOptions = {}): Promise<Scene> {
  const world = await createWorld({ ra: CLERKS, ...options });
  const program = world.program();
  const stranger = new MockToken({ label: "Another key", serialNumber: "0002" });
  program.client.on("waiting", ({ renewal: { id } }) => {
    world.ra.desk.book(id);
    world.ra.desk.approve(id);
  });
  return { world, stranger, ...program };
}

async function stepOn(renewal: Renewal): Promise<unknown> {
  if (renewal.state === "draft") return renewal.submit(acceptOffer(renewal));
  return inState(renewal, "ready-to-install").install(acknowledgeAll(renewal));
}

/** From wherever it stands to the end. */
function finish({ client }: Scene, id: string, retryPin?: boolean | "final") {
  return client.renew(
    { id },
    {
      choose: acceptOffer,
      pay: ({ payment }) => transferOf(payment?.uncovered.amount ?? 0),
      acknowledge: ({ guards }) => guards.map((guard) => guard.id),
      retryPin,
    },
  );
}

/** In both languages, with every blank of the text filled in. */
function assertExplained(error: Awaited<ReturnType<typeof failureOf>>): void {
  for (const language of ["en", "zh-CN"] as const) {
    const { reason: _, hotline, problems, ...texts } = error.explain(language);
    expect(Object.values(texts)).toHaveLength(5);
    expect(problems).toEqual(error.problems);
    expect(hotline).toBe(error.renewal?.offer.support.hotline);
    for (const text of Object.values(texts)) {
      expect(text.length).toBeGreaterThan(3);
      expect(text).not.toMatch(/[{}[\]–]|undefined/);
    }
  }
  expect(error.explain("zh-CN").what).toMatch(/\p{Script=Han}/u);
}
