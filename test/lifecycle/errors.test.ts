import type { ErrorCode, Impact, Renewal, State } from "certrenew";
import { MockToken } from "certrenew/drivers/mock";
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
  type Program,
  SAMPLE_FORM,
  transferOf,
  type World,
  type WorldOptions,
} from "./world.js";

/** The codes of the catalogue that the token, the RA or a person can bring about, each provoked at the ports. */
interface Failure {
  readonly code: ErrorCode;
  readonly name: string;
  readonly world?: WorldOptions;
  /** Where it strikes. */
  readonly at: "draft" | "awaiting-payment" | "ready-to-install";
  strike(scene: Scene): void;
  /** Default: the step that leads on. */
  step?(renewal: Renewal): Promise<unknown>;
  readonly impact: readonly [Impact["key"], Impact["money"], Impact["retry"]];
  /** The state of the handle to go on with. */
  readonly left: State;
  /** What the error's `next` says to do. */
  mend?(scene: Scene): void;
  readonly retryPin?: boolean | "final";
}

interface Scene extends Program {
  readonly world: World;
  readonly stranger: MockToken;
}

const FAILURES: readonly Failure[] = [
  {
    code: "ERR_TOKEN_NOT_PRESENT",
    name: "no token is plugged in",
    at: "draft",
    strike: ({ driver }) => driver.remove(),
    impact: ["untouched", "none", "after-action"],
    left: "draft",
    mend: ({ driver, world }) => driver.insert(world.token),
  },
  {
    code: "ERR_TOKEN_REMOVED",
    name: "pulled out when the key pair had just been made",
    at: "draft",
    strike: ({ driver }) =>
      driver.fault({ type: "remove", method: "generateKeyPair", when: "after" }),
    impact: ["old-usable", "none", "after-action"],
    left: "draft",
    mend: ({ driver, world }) => driver.insert(world.token),
  },
  {
    code: "ERR_TOKEN_WRONG",
    name: "another token is plugged in instead, while it is written to",
    at: "ready-to-install",
    strike: ({ driver, stranger }) =>
      driver.fault({ type: "remove", thenInsert: stranger, method: "importCertificate" }),
    impact: ["old-usable", "received", "after-action"],
    left: "installing",
    mend({ driver, world, stranger }) {
      driver.remove(stranger);
      driver.insert(world.token);
    },
  },
  {
    code: "ERR_TOKEN_WRONG",
    name: "another token is plugged in from the start",
    at: "draft",
    strike({ driver, stranger }) {
      driver.remove();
      driver.insert(stranger);
    },
    impact: ["untouched", "none", "after-action"],
    left: "draft",
    // Both may be in: the renewal's own is found.
    mend: ({ driver, world }) => driver.insert(world.token),
  },
  {
    code: "ERR_PIN_INCORRECT",
    name: "a wrong PIN",
    at: "draft",
    strike: ({ world }) => {
      world.pins = ["000000", PIN];
    },
    impact: ["old-usable", "none", "after-action"],
    left: "draft",
    retryPin: true,
  },
  {
    code: "ERR_PIN_FINAL_TRY",
    name: "one more wrong PIN would lock it",
    at: "ready-to-install",
    strike: ({ world }) => world.token.setWrongTries(2),
    impact: ["old-usable", "received", "after-action"],
    left: "ready-to-install",
    retryPin: "final",
  },
  {
    code: "ERR_PIN_LOCKED",
    name: "the PIN is locked",
    at: "ready-to-install",
    strike: ({ world }) => world.token.setWrongTries(3),
    impact: ["blocked", "received", "after-action"],
    left: "ready-to-install",
    mend: ({ world }) => world.token.setWrongTries(0),
  },
  {
    code: "ERR_MODULE_HUNG",
    name: "the module hangs, and made the key pair all the same",
    at: "draft",
    strike: ({ driver }) =>
      driver.fault({ type: "hang", method: "generateKeyPair", when: "after" }),
    impact: ["old-usable", "none", "now"],
    left: "draft",
  },
  {
    code: "ERR_MODULE_CRASHED",
    name: "the module crashes while it signs",
    at: "draft",
    strike: ({ driver }) => driver.fault({ type: "crash", method: "sign", call: 2 }),
    impact: ["old-usable", "none", "now"],
    left: "draft",
  },
  {
    code: "ERR_MODULE_CRASHED",
    name: "the module crashes when the certificate had just been written",
    at: "ready-to-install",
    strike: ({ driver }) =>
      driver.fault({ type: "crash", method: "importCertificate", when: "after" }),
    impact: ["old-usable", "received", "now"],
    left: "installing",
  },
  {
    code: "ERR_TOKEN_FULL",
    name: "the token has no room, and tells so: before money is spent",
    world: { token: { memory: 8_000 } },
    at: "draft",
    strike: ({ world }) => world.token.importCertificate(FILLER),
    impact: ["untouched", "none", "after-action"],
    left: "draft",
    mend: ({ world }) => world.token.destroy({ kind: "certificate", keyId: FILLER.keyId }),
  },
  {
    code: "ERR_TOKEN_FULL",
    name: "the token has no room, and tells so only when it is written to: before money is spent",
    at: "draft",
    strike: ({ driver }) =>
      driver.fault({ type: "fail", code: "ERR_TOKEN_FULL", method: "generateKeyPair" }),
    impact: ["old-usable", "none", "after-action"],
    left: "draft",
  },
  {
    code: "ERR_RA_UNREACHABLE",
    name: "the answer to the application is lost",
    at: "draft",
    strike: ({ world }) => world.ra.fault({ type: "unreachable", method: "send", when: "after" }),
    impact: ["old-usable", "none", "later"],
    left: "submitting",
  },
  {
    code: "ERR_RA_UNREACHABLE",
    name: "the RA cannot be reached with the proof",
    at: "ready-to-install",
    strike: ({ world }) => world.ra.fault({ type: "unreachable", purpose: "confirmation" }),
    impact: ["both-usable", "received", "later"],
    left: "confirming",
  },
  {
    code: "ERR_RA_BUSY",
    name: "the RA does not take the application now",
    at: "draft",
    strike: ({ world }) => world.ra.fault({ type: "busy", method: "send" }),
    impact: ["old-usable", "none", "later"],
    left: "submitting",
  },
  {
    code: "ERR_RA_RESPONSE",
    name: "the RA's answer is garbled",
    at: "ready-to-install",
    strike: ({ world }) => world.ra.fault({ type: "malformed", method: "collect" }),
    impact: ["old-usable", "received", "later"],
    left: "ready-to-install",
  },
  {
    code: "ERR_RA_REFUSED",
    name: "the RA refuses the application",
    at: "draft",
    strike: ({ world }) => world.ra.fault({ type: "refused", method: "send" }),
    impact: ["old-usable", "none", "never"],
    left: "draft",
  },
  {
    code: "ERR_FORM_INVALID",
    name: "the form is not filled in",
    at: "draft",
    strike: () => {},
    step: (renewal) => {
      const draft = inState(renewal, "draft");
      return draft.submit({ ...acceptOffer(draft), form: { ...SAMPLE_FORM, mobile: "12" } });
    },
    impact: ["untouched", "none", "after-action"],
    left: "draft",
  },
  {
    code: "ERR_PAYMENT_INVALID",
    name: "the payment details are incomplete",
    at: "awaiting-payment",
    strike: () => {},
    step: (renewal) =>
      inState(renewal, "awaiting-payment").payByBankTransfer({
        ...transferOf(1),
        remittances: [],
      }),
    impact: ["old-usable", "unpaid", "after-action"],
    left: "awaiting-payment",
  },
  ...(
    [
      ["wrong-key", "ERR_ISSUED_WRONG_KEY"],
      ["wrong-chain", "ERR_ISSUED_UNTRUSTED"],
      ["wrong-subject", "ERR_ISSUED_MISMATCH"],
      ["too-short", "ERR_ISSUED_MISMATCH"],
    ] as const
  ).map(
    ([flaw, code]): Failure => ({
      code,
      name: `the RA issues a certificate with a flaw: ${flaw}`,
      at: "ready-to-install",
      strike: ({ world }) => world.ra.desk.issueWith(flaw),
      impact: ["old-usable", "received", "after-action"],
      left: "ready-to-install",
      mend: ({ world }) => world.ra.desk.issueWith(undefined),
    }),
  ),
];

const FILLER = { der: new Uint8Array(4_500), keyId: Uint8Array.of(9), label: "somebody else's" };

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
    const scene = await setUp();
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
    const asking = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<string>();
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
    const texts = Object.values(error.explain(language));
    expect(texts).toHaveLength(5);
    for (const text of texts) {
      expect(text.length).toBeGreaterThan(3);
      expect(text).not.toMatch(/[{}–]|undefined/);
    }
  }
  expect(error.explain("zh-CN").what).toMatch(/\p{Script=Han}/u);
}
