import { createPublicKey, X509Certificate } from "node:crypto";
import type { KeyAlgorithm, KeyMode, RenewalClient, RenewOptions } from "certrenew";
import { describe, expect, test } from "vitest";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  failureOf,
  inState,
  sendings,
  theCredential,
  transferOf,
  type World,
} from "./world.js";

/** Decides everything at once, as a program does that was told so by its holder. */
const ALL: RenewOptions = {
  choose: acceptOffer,
  pay: ({ payment }) => transferOf(payment?.uncovered.amount ?? 0),
  acknowledge: ({ guards }) => guards.map(({ id }) => id),
};

/** Clerks that do their work while the client waits. */
function diligent({ ra }: World, client: RenewalClient): void {
  client.on("waiting", ({ renewal: { id } }) => {
    ra.desk.book(id);
    ra.desk.approve(id);
  });
}

describe("renew: the whole way", () => {
  test.each<[KeyAlgorithm, KeyMode, keys: number]>([
    ["rsa-2048", "re-key", 2],
    ["rsa-2048", "renew", 1],
    ["ec-p256", "re-key", 2],
    ["ec-p256", "renew", 1],
    ["ec-p384", "re-key", 2],
    ["ec-p384", "renew", 1],
  ])("%s, %s", async (algorithm, keyMode, keys) => {
    const world = await createWorld({ algorithm });
    const { client } = world.program();

    const done = await client.renew(await theCredential(client), {
      ...ALL,
      choose: (draft) => ({ ...acceptOffer(draft), keyMode }),
    });

    const { report } = inState(done, "completed");
    expect(report.keyMode).toBe(keyMode);
    expect(report.changes).toEqual([]);
    expect(world.token.keys.map((key) => key.algorithm)).toEqual(Array(keys).fill(algorithm));
    // The certificate that stands on the token is for the key that stands beside it.
    const [, renewed] = world.token.certificates;
    const key = world.token.keys.at(-1);
    const certified = new X509Certificate(renewed?.der ?? new Uint8Array()).publicKey;
    const held = createPublicKey({
      key: Buffer.from(key?.spki ?? []),
      format: "der",
      type: "spki",
    });
    expect(certified.equals(held)).toBe(true);
    expect(renewed?.keyId).toEqual(key?.keyId);
  });

  test("waits for clerks that take their time", async () => {
    const world = await createWorld({ ra: { ...CLERKS, retryAfterMs: 3_600_000 } });
    const { client } = world.program();
    diligent(world, client);

    const done = await client.renew(await theCredential(client), ALL);

    expect(done.state).toBe("completed");
    expect(world.clock.slept.length).toBeGreaterThan(0);
  });

  test("stops where a person has to decide, and goes on from there by its id", async () => {
    const world = await createWorld();
    const { client } = world.program();

    const draft = await client.renew(await theCredential(client), { choose: () => undefined });
    const unpaid = await client.renew({ id: inState(draft, "draft").id }, { choose: acceptOffer });
    const still = await client.renew({ id: unpaid.id }, { ...ALL, pay: async () => undefined });
    const done = await client.renew({ id: still.id }, ALL);

    expect([unpaid.state, still.state, done.state]).toEqual([
      "awaiting-payment",
      "awaiting-payment",
      "completed",
    ]);
    expect(done.id).toBe(draft.id);
    expect(world.ra.desk.applications).toHaveLength(1);
  });

  test("goes on with the one that is under way", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const credential = await theCredential(client);
    const submitting = await reach("submitting", world);
    diligent(world, client);

    const done = await client.renew(credential, ALL);

    expect(done).toMatchObject({ id: submitting.id, state: "completed" });
    expect(sendings(world, "application")).toBe(1);
  });

  test("stops at what the RA wants corrected, and at what is over", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const returned = await reach("action-required", world);

    const stopped = await client.renew(returned, ALL);
    world.ra.desk.refuse(returned.id, [{ text: "不予受理" }]);
    await inState(stopped, "action-required").refresh();
    const closed = await client.renew(returned, ALL);

    expect(stopped.reasons).toEqual(returned.reasons);
    expect(closed).toMatchObject({ state: "closed", reason: "refused" });
  });

  test("acknowledges nothing by itself", async () => {
    const world = await createWorld();
    const { client } = world.program();
    const { acknowledge: _, ...silent } = ALL;

    const error = await failureOf(client.renew(await theCredential(client), silent));

    expect(error).toMatchObject({
      code: "ERR_GUARD_UNACKNOWLEDGED",
      renewal: { state: "ready-to-install" },
    });
  });

  test("a transfer of a part is announced once, and the rest is left to the holder", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    let asked = 0;
    const pay = () => {
      asked += 1;
      return transferOf(4_000);
    };

    const unpaid = await client.renew(await theCredential(client), { ...ALL, pay });

    expect(unpaid).toMatchObject({
      state: "awaiting-payment",
      payment: { uncovered: { amount: 6_000 } },
    });
    expect(asked).toBe(1);
    expect(sendings(world, "bank-transfer")).toBe(1);
    // A next call is a next visit: the holder has paid more meanwhile.
    diligent(world, client);
    expect((await client.renew(unpaid, ALL)).state).toBe("completed");
  });

  test("a transfer of a part of what the RA found missing ends in ERR_PAYMENT_SHORT", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const reviewed = await reach("awaiting-review", world);
    world.ra.desk.book(reviewed.id, { amount: 4_000, currency: "CNY" });
    await reviewed.refresh();

    const error = await failureOf(client.renew(reviewed, { ...ALL, pay: () => transferOf(1_000) }));

    expect(error).toMatchObject({
      code: "ERR_PAYMENT_SHORT",
      details: { outstanding: "50.00 CNY" },
      renewal: { state: "action-required" },
    });
    expect(sendings(world, "bank-transfer")).toBe(2);
  });

  test("two programs wait for the same renewal: each comes to its end", async () => {
    const world = await createWorld({ ra: CLERKS });
    const one = world.program();
    const reviewed = await reach("awaiting-review", world);
    let done = 0;
    one.client.on("waiting", async ({ renewal: { id } }) => {
      if (done > 0) return;
      done += 1;
      world.ra.desk.book(id);
      world.ra.desk.approve(id);
    });
    const other = world.program({
      clock: {
        now: world.clock.now,
        async sleep(ms, signal) {
          await world.clock.sleep(ms, signal);
          await one.client.renew(reviewed, ALL);
        },
      },
    });

    const result = await other.client.renew(reviewed, ALL);

    expect(result.state).toBe("completed");
    expect(world.token.certificates).toHaveLength(2);
  });

  test("can be stopped, and gone on with", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const stop = new AbortController();
    client.on("waiting", () => stop.abort());

    const error = await failureOf(
      client.renew(await theCredential(client), { ...ALL, signal: stop.signal }),
    );
    diligent(world, client);

    const { id } = inState(error.renewal, "awaiting-review");
    expect(error.code).toBe("ERR_ABORTED");
    expect((await client.renew({ id }, ALL)).state).toBe("completed");
  });
});

describe("other terms", () => {
  test("payment after the review", async () => {
    const world = await createWorld({
      ra: { ...CLERKS, offer: { terms: { payment: "after-review" } } },
    });
    const { client } = world.program();
    const draft = await reach("draft", world);

    const reviewed = inState(await draft.submit(acceptOffer(draft)), "awaiting-review");
    world.ra.desk.approve(draft.id);
    const unpaid = inState(await reviewed.refresh(), "awaiting-payment");
    diligent(world, client);
    const done = await client.renew(unpaid, ALL);

    expect(done).toMatchObject({ state: "completed", payment: { status: "paid" } });
  });

  test("no payment at all", async () => {
    const world = await createWorld({ ra: { ...CLERKS, offer: { terms: { payment: "none" } } } });
    const { client } = world.program();
    diligent(world, client);

    const { pay: _, ...unpaid } = ALL;
    const done = await client.renew(await theCredential(client), unpaid);

    expect(done.state).toBe("completed");
    expect(done.payment).toMatchObject({ status: "not-required", total: { amount: 0 } });
  });

  test("approved at once, so that there is nothing to wait for", async () => {
    const world = await createWorld({ ra: { offer: { terms: { payment: "none" } } } });
    const draft = await reach("draft", world);

    expect((await draft.submit(acceptOffer(draft))).state).toBe("ready-to-install");
  });

  test("only the key mode that is on offer", async () => {
    const world = await createWorld({ ra: { offer: { terms: { keyModes: ["renew"] } } } });
    const { client } = world.program();
    const draft = await reach("draft", world);

    const error = await failureOf(draft.submit({ ...acceptOffer(draft), keyMode: "re-key" }));
    const done = inState(await client.renew(draft, ALL), "completed");

    expect(error).toMatchObject({ code: "ERR_ARGUMENT", problems: [{ pointer: "/keyMode" }] });
    expect(done.report.keyMode).toBe("renew");
  });

  test("only key algorithms that token and terms both have", async () => {
    const world = await createWorld({
      token: { keyAlgorithms: ["ec-p256", "ec-p384"] },
      ra: { offer: { terms: { keyAlgorithms: ["rsa-2048", "ec-p384"] } } },
    });
    const { client } = world.program();
    const draft = await reach("draft", world);

    for (const keyAlgorithm of ["ec-p256", "rsa-2048"] as const) {
      const error = await failureOf(draft.submit({ ...acceptOffer(draft), keyAlgorithm }));
      expect(error.code).toBe("ERR_ALGORITHM_UNSUPPORTED");
    }
    await client.renew(draft, ALL);
    expect(world.token.keys.map(({ algorithm }) => algorithm)).toEqual(["ec-p256", "ec-p384"]);
  });
});

describe("guards", () => {
  test("a certificate that is revoked at issuance is always asked about", async () => {
    const terms = { previous: "revoke-at-issuance" } as const;
    const world = await createWorld({ ra: { ...CLERKS, offer: { terms } } });
    const draft = await reach("draft", world);

    const error = await failureOf(draft.submit({ ...acceptOffer(draft), acknowledge: [] }));
    const ready = await reach(
      "ready-to-install",
      await createWorld({ ra: { ...CLERKS, offer: { terms } } }),
    );

    expect(draft.guards.map(({ id, from }) => `${from}: ${id}`)).toEqual([
      "ra: open-bids",
      "terms: previous-revoked-at-issuance",
    ]);
    expect(error).toMatchObject({
      code: "ERR_GUARD_UNACKNOWLEDGED",
      details: { guards: ["open-bids", "previous-revoked-at-issuance"] },
    });
    expect(ready.guards.map(({ id }) => id)).toContain("previous-revoked-at-issuance");
  });

  test("the platform is asked at submit and again at install", async () => {
    const world = await createWorld({ ra: CLERKS });
    const bids = { id: "bid-7", en: "Bid 7 is encrypted to it.", zh: "投标文件 7 以其加密。" };
    const guards: (typeof bids)[] = [];
    const program = world.program({
      guards: ({ signing, token }) => {
        expect([signing.label, token.label]).toEqual(["old", "Sample key"]);
        return guards;
      },
    });
    const draft = await reach("draft", world, program);
    guards.push(bids);

    // The question came up after the draft was shown.
    const unasked = await failureOf(draft.submit(acceptOffer(draft)));
    const again = inState(unasked.renewal, "draft");
    expect(again.guards).toContainEqual({ ...bids, from: "platform" });
    const unpaid = inState(await again.submit(acceptOffer(again)), "awaiting-payment");
    guards.pop();
    await unpaid.payByBankTransfer(transferOf(10_000));
    world.ra.desk.book(draft.id);
    world.ra.desk.approve(draft.id);
    const reviewed = inState(await program.client.resume(draft.id), "awaiting-review");
    const ready = inState(await reviewed.refresh(), "ready-to-install");
    guards.push(bids);

    const late = await failureOf(ready.install(acknowledgeAll(ready)));
    expect(late).toMatchObject({
      code: "ERR_GUARD_UNACKNOWLEDGED",
      details: { guards: ["bid-7"] },
    });
    const asked = inState(late.renewal, "ready-to-install");
    expect((await asked.install(acknowledgeAll(asked))).state).toBe("completed");
  });

  test("the platform is asked where its answer counts, and for no event", async () => {
    const world = await createWorld({ ra: CLERKS });
    let asked = 0;
    const program = world.program({
      guards: () => {
        asked += 1;
        return [];
      },
    });

    const done = await reach("completed", world, program);

    // For the draft and its submit, for the handle that is ready and its install.
    expect(asked).toBe(4);
    await program.client.renewals();
    await program.client.resume(done.id);
    expect(asked).toBe(4);
  });

  test("a platform that never answers hides no renewal", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { id } = await reach("draft", world);
    let waited: AbortSignal | undefined;
    const { client } = world.program({
      guards: (_, { signal }) => {
        waited = signal;
        return new Promise(() => undefined);
      },
    });

    const draft = inState(await client.resume(id), "draft");

    expect(draft.guards.map(({ from }) => from)).toEqual(["ra"]);
    expect(waited?.aborted).toBe(true);
    const stop = new AbortController();
    const submission = failureOf(draft.submit({ ...acceptOffer(draft), signal: stop.signal }));
    client.on("activity", () => stop.abort());
    expect((await submission).code).toBe("ERR_ABORTED");
  });

  test("a platform that cannot be asked holds the step up, and nothing else", async () => {
    const world = await createWorld();
    const program = world.program({ guards: () => Promise.reject(new Error("out of order")) });
    const draft = await reach("draft", world, program);
    expect(draft.guards.map(({ from }) => from)).toEqual(["ra"]);

    const error = await failureOf(draft.submit(acceptOffer(draft)));

    expect(error).toMatchObject({ code: "ERR_UNEXPECTED", cause: new Error("out of order") });
    expect(sendings(world, "application")).toBe(0);
    expect((await draft.discard()).reason).toBe("discarded");
  });
});
