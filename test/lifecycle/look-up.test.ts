import { X509Certificate } from "node:crypto";
import type {
  BusinessFacet,
  FoundApplication,
  LookUpResult,
  Renewal,
  RenewalClientOptions,
  State,
  Store,
  Transport,
} from "certrenew";
import { memoryStore } from "certrenew/store/memory";
import { describe, expect, test } from "vitest";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  addEncryptionCertificate,
  createWorld,
  DAY_MS,
  failureOf,
  inState,
  type Program,
  SAMPLE_FORM,
  sendings,
  theCredential,
  transferOf,
  type World,
} from "./world.js";

/** Another computer: the same token and the same RA, and nothing in the store. */
function elsewhere(
  world: World,
  options: Partial<RenewalClientOptions> = {},
): Program & { readonly store: Store } {
  const store = options.store ?? memoryStore();
  return { ...world.program({ ...options, store }), store };
}

/** What is found with the certificate that ends first. */
async function lookUp({ client }: Pick<Program, "client">): Promise<LookUpResult> {
  const [credential] = [...(await client.credentials())].sort(
    (left, right) => left.signing.notAfter.getTime() - right.signing.notAfter.getTime(),
  );
  if (!credential) throw new Error("there is no credential on the token");
  return client.lookUp(credential);
}

async function found(program: Pick<Program, "client">): Promise<Renewal> {
  const { renewals } = await lookUp(program);
  const [renewal] = renewals;
  if (!renewal || renewals.length > 1) throw new Error(`found ${renewals.length} renewals`);
  return renewal;
}

async function payAndApprove(world: World, renewal: Renewal): Promise<Renewal> {
  const { ra } = world;
  const unpaid = inState(renewal, "awaiting-payment");
  const reviewed = await unpaid.payByBankTransfer(transferOf(unpaid.payment?.total.amount ?? 0));
  ra.desk.book(renewal.id);
  ra.desk.approve(renewal.id);
  return inState(reviewed, "awaiting-review").refresh();
}

async function installed(renewal: Renewal) {
  const ready = inState(renewal, "ready-to-install");
  return ready.install(acknowledgeAll(ready));
}

const fingerprints = ({ token }: World) =>
  token.certificates.map(({ der }) => new X509Certificate(der).fingerprint256);

describe("an order made on another computer", () => {
  test("is found with nothing but the token, and gone on with to the end", async () => {
    const world = await createWorld({ ra: CLERKS });
    const first = await reach("awaiting-payment", world);
    const there = elsewhere(world);

    const renewal = await found(there);

    expect(renewal).toMatchObject({
      id: first.id,
      state: "awaiting-payment",
      createdAt: first.order?.appliedAt,
      previous: first.previous,
      offer: first.offer,
      order: first.order,
      payment: first.payment,
    });
    const { report } = await installed(await payAndApprove(world, renewal));
    expect(report.renewalId).toBe(first.id);
    expect(world.token.keys).toHaveLength(2);
    expect(world.token.certificates).toHaveLength(2);
    expect(sendings(world, "application")).toBe(1);
    expect(world.ra.desk.applications).toHaveLength(1);
    // It stands in the second store now, and the first computer learns of it.
    expect((await there.client.resume(first.id)).state).toBe("completed");
    const original = await world.program().client.resume(first.id);
    expect(original.state).toBe("awaiting-payment");
  });

  test.each<State>(["awaiting-review", "ready-to-install", "installing", "confirming"])(
    "%s: goes on where the RA is",
    async (state) => {
      const world = await createWorld({ ra: CLERKS });
      const { id } = await reach(state, world);
      const renewal = await found(elsewhere(world));
      expect(renewal.id).toBe(id);

      const { ra } = world;
      if (state === "awaiting-review") {
        ra.desk.book(id);
        ra.desk.approve(id);
      }
      const ready = state === "awaiting-review" ? await inState(renewal, state).refresh() : renewal;
      const done = await installed(ready);

      expect(done.state).toBe("completed");
      expect(world.token.certificates).toHaveLength(2);
      expect(new Set(fingerprints(world)).size).toBe(2);
      expect(world.token.keys).toHaveLength(2);
    },
  );

  test("that was returned is amended from there, and once more", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { id, reasons } = await reach("action-required", world);

    const renewal = inState(await found(elsewhere(world)), "action-required");
    expect(renewal.reasons).toEqual(reasons);
    const amended = await renewal.amend({ form: { ...SAMPLE_FORM, mobile: "13900139000" } });

    expect(amended.state).toBe("awaiting-review");
    const [application] = world.ra.desk.applications;
    expect(application).toMatchObject({ revision: 2, form: { mobile: "13900139000" } });
    // What was signed last is what a third computer finds.
    world.ra.desk.return(id, [{ text: "邮箱有误" }]);
    const third = inState(await found(elsewhere(world)), "action-required");
    await third.amend({ form: { email: "li@example.com" } });
    expect(world.ra.desk.applications[0]).toMatchObject({
      revision: 3,
      form: { ...SAMPLE_FORM, mobile: "13900139000", email: "li@example.com" },
    });
    world.ra.desk.approve(id);
    const done = await installed(await found(elsewhere(world)));
    expect(done.state).toBe("completed");
  });

  test("whose terms want the request at installation has its key made there", async () => {
    const ra = { ...CLERKS, policy: { requestAt: "installation" } } as const;
    const world = await createWorld({ ra });
    await reach("ready-to-install", world);
    expect(world.token.keys).toHaveLength(1);

    const done = await installed(await found(elsewhere(world)));

    expect(done.report.keyMode).toBe("re-key");
    expect(world.token.keys).toHaveLength(2);
  });

  test("whose request was handed in at installation is not asked for another", async () => {
    const ra = { ...CLERKS, policy: { requestAt: "installation" } } as const;
    const world = await createWorld({ ra });
    await reach("installing", world);

    await installed(await found(elsewhere(world)));

    expect(world.token.keys).toHaveLength(2);
    expect(sendings(world, "certification-request")).toBe(1);
  });

  test.each(["re-key", "renew"] as const)(
    "is found after a reissue for a lost key (%s), with the key that it made",
    async (keyMode) => {
      const world = await createWorld({ ra: CLERKS });
      const draft = await reach("draft", world);
      const unpaid = await draft.submit({ ...acceptOffer(draft), keyMode });
      const ready = inState(await payAndApprove(world, unpaid), "ready-to-install");
      const lost = world.token.keys.at(-1);
      if (keyMode === "re-key") {
        world.token.destroy({ kind: "key-pair", keyId: lost?.keyId ?? new Uint8Array() });
      }
      await ready.requestReissue({ reason: "key-lost" });

      const done = await installed(await found(elsewhere(world)));

      expect(world.token.keys).toHaveLength(2);
      expect(done.report).toMatchObject({
        keyMode: "re-key",
        bindAgain: ["serialNumber", "thumbprint", "publicKey"],
      });
      const key = Buffer.from(done.report.renewed.keyId, "hex");
      expect(world.token.findKey({ keyId: key })?.keyId).toEqual(world.token.keys.at(-1)?.keyId);
      await done.retirePrevious({ remove: ["certificate", "key-pair"] });
      expect(world.token.keys).toHaveLength(1);
    },
  );

  test("whose key is on no token here can be followed, and asks for a reissue", async () => {
    const world = await createWorld({ ra: CLERKS });
    await reach("ready-to-install", world);
    const made = world.token.keys.at(-1);
    world.token.destroy({ kind: "key-pair", keyId: made?.keyId ?? new Uint8Array() });

    const ready = inState(await found(elsewhere(world)), "ready-to-install");
    const error = await failureOf(ready.install(acknowledgeAll(ready)));
    expect(error.code).toBe("ERR_KEY_NOT_FOUND");
    const again = inState(error.renewal, "ready-to-install");
    const done = await installed(await again.requestReissue({ reason: "key-lost" }));

    expect(done.state).toBe("completed");
    expect(world.token.keys).toHaveLength(2);
  });

  test.each<State>(["awaiting-payment", "installing"])(
    "with an encryption certificate beside, %s: both are installed",
    async (state) => {
      const world = await createWorld({ ra: CLERKS });
      await addEncryptionCertificate(world, { algorithm: "ec-p256" });
      if (state === "installing") {
        // Both are written, and the computer fails before the proof: now the newest encryption certificate is the new one.
        const program = world.program();
        const ready = await reach("ready-to-install", world, program);
        program.driver.fault({ type: "crash", method: "session.certificates" });
        await failureOf(ready.install(acknowledgeAll(ready)));
        expect(world.token.certificates).toHaveLength(4);
      } else await reach(state, world);

      const renewal = await found(elsewhere(world));
      const ready = state === "installing" ? renewal : await payAndApprove(world, renewal);
      const { report } = await installed(ready);

      expect(report.encryption).toMatchObject({
        outcome: "renewed",
        previous: { label: "encryption", keyId: "02" },
      });
      expect(world.token.keys).toHaveLength(4);
      expect(world.token.certificates).toHaveLength(4);
    },
  );

  test("whose encryption certificate was taken from the token meanwhile has it renewed all the same", async () => {
    const world = await createWorld({ ra: CLERKS });
    const der = await addEncryptionCertificate(world, { algorithm: "ec-p256" });
    await reach("awaiting-payment", world);
    world.token.destroy({ kind: "certificate", keyId: Uint8Array.of(2) });

    const { report } = await installed(await payAndApprove(world, await found(elsewhere(world))));

    expect(report.encryption).toMatchObject({ outcome: "renewed", previous: { der } });
    expect(world.token.certificates).toHaveLength(3);
  });

  test("tells of the encryption certificate that is kept", async () => {
    const policy = { encryption: { renewal: "kept", note: "请到柜台办理" } } as const;
    const world = await createWorld({ ra: { ...CLERKS, policy } });
    const der = await addEncryptionCertificate(world);
    await reach("ready-to-install", world);

    const { report } = await installed(await found(elsewhere(world)));

    expect(report.encryption).toMatchObject({
      outcome: "kept",
      reason: "请到柜台办理",
      previous: { der, keyId: "02", label: "encryption" },
    });
  });

  test("of a certificate that has expired meanwhile is gone on with", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { id } = await reach("awaiting-review", world);
    world.clock.advance(30 * DAY_MS + 1000);
    world.ra.desk.book(id);
    world.ra.desk.approve(id);
    const there = elsewhere(world);
    const { eligibility } = await theCredential(there.client);
    expect(eligibility.reasons).toContain("expired");

    const renewal = await found(there);

    expect((await installed(renewal)).state).toBe("completed");
  });

  test("leaves the first computer's secret as good as it was", async () => {
    const world = await createWorld({ ra: CLERKS });
    const first = await reach("awaiting-payment", world);
    const reviewed = await inState(await found(elsewhere(world)), "awaiting-payment");
    await reviewed.payByBankTransfer(transferOf(10_000));

    const seen = inState(await first.refresh(), "awaiting-review");
    world.ra.desk.book(first.id);
    world.ra.desk.approve(first.id);

    expect((await installed(await seen.refresh())).state).toBe("completed");
  });
});

describe("looked up again", () => {
  test("on the same computer gives the renewal that stands there, and asks no more of the RA", async () => {
    const world = await createWorld({ ra: CLERKS });
    await reach("awaiting-payment", world);
    const there = elsewhere(world);
    const once = inState(await found(there), "awaiting-payment");
    await once.payByBankTransfer(transferOf(10_000));

    // More often than the RA remembers secrets: the one that is stored here stays good.
    let last: Renewal = once;
    for (let time = 0; time < 10; time += 1) last = await found(there);

    const reviewed = inState(last, "awaiting-review");
    world.ra.desk.book(once.id);
    world.ra.desk.approve(once.id);
    expect((await reviewed.refresh()).state).toBe("ready-to-install");
    expect((await there.client.renewals()).renewals).toHaveLength(1);
  });

  test("on the first computer gives its own, whose sending was never answered", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const { id } = await reach("submitting", world, program);

    const own = inState(await found(program), "submitting");

    expect(own.id).toBe(id);
    expect((await own.continue()).state).toBe("awaiting-payment");
  });

  test("asks for the PIN once, and writes nothing to the token", async () => {
    const world = await createWorld({ ra: CLERKS });
    await reach("awaiting-payment", world);
    const before = { asked: world.asked, certificates: fingerprints(world) };

    await found(elsewhere(world));

    expect(world.asked).toBe(before.asked + 1);
    expect(fingerprints(world)).toEqual(before.certificates);
    expect(world.token.keys).toHaveLength(2);
  });

  test("does nothing once it is aborted, and stores nothing", async () => {
    const world = await createWorld({ ra: CLERKS });
    await reach("awaiting-payment", world);
    const there = elsewhere(world);
    const credential = await theCredential(there.client);

    const error = await failureOf(there.client.lookUp(credential, { signal: AbortSignal.abort() }));

    expect(error.code).toBe("ERR_ABORTED");
    expect((await there.client.renewals()).renewals).toEqual([]);
  });
});

describe("another computer was faster", () => {
  const amended = { mobile: "13900139000" };

  test("an amendment on top of what was amended there is refused; looking it up replaces the record", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const stale = await reach("action-required", world, program);
    const there = inState(await found(elsewhere(world)), "action-required");
    await there.amend({ form: amended });

    const error = await failureOf(stale.amend({ form: { mobile: "13700137000" } }));

    expect(error).toMatchObject({ code: "ERR_RA_REFUSED", renewal: { state: "action-required" } });
    expect(world.ra.desk.applications).toMatchObject([{ revision: 2, form: amended }]);
    const replaced = inState(await found(program), "awaiting-review");
    expect(replaced.id).toBe(stale.id);
    world.ra.desk.return(stale.id, [{ text: "邮箱有误" }]);
    const again = inState(await replaced.refresh(), "action-required");
    const third = await again.amend({ form: { email: "li@example.com" } });
    expect(world.ra.desk.applications).toMatchObject([
      { revision: 3, form: { ...SAMPLE_FORM, ...amended, email: "li@example.com" } },
    ]);
    world.ra.desk.approve(stale.id);
    const done = await installed(await inState(third, "awaiting-review").refresh());
    expect((await program.client.resume(stale.id)).state).toBe(done.state);
    expect((await program.client.renewals()).renewals).toHaveLength(1);
  });

  test.each(["refresh", "wait"] as const)(
    "and completed it: %s closes the renewal here, done elsewhere, and forgets the secret",
    async (method) => {
      const policy = { shipsInvoices: false };
      const world = await createWorld({ ra: { ...CLERKS, policy } });
      const stale = await reach("awaiting-review", world);
      world.ra.desk.book(stale.id);
      world.ra.desk.approve(stale.id);
      await installed(await found(elsewhere(world)));

      const closed = inState(await stale[method](), "closed");

      expect(closed.reason).toBe("elsewhere");
      const stored = await world.store.load(`renewal-${stale.id}`);
      expect(stored?.document["secrets"]).toEqual({});
      expect(inState(await world.program().client.resume(stale.id), "closed").reason).toBe(
        "elsewhere",
      );
      expect(world.token.certificates).toHaveLength(2);
    },
  );
});

describe("what is over is told", () => {
  test("with its money, beside what is under way", async () => {
    const world = await createWorld({ ra: CLERKS });
    const closed = await reach("closed", world);
    world.clock.advance(1000);
    const { id } = await reach("awaiting-payment", world);

    const { renewals, finished } = await lookUp(elsewhere(world));

    expect(renewals.map((each) => each.id)).toEqual([id]);
    expect(finished).toEqual([
      {
        renewalId: closed.id,
        status: "cancelled",
        reasons: [],
        payment: expect.objectContaining({ refunds: [expect.objectContaining({ status: "due" })] }),
        order: expect.objectContaining({ businessNumber: closed.order?.businessNumber }),
      },
    ]);
  });

  test("completed, and refused with the reasons; nothing of it is stored", async () => {
    const world = await createWorld({ ra: CLERKS });
    const done = await reach("completed", world);
    const there = elsewhere(world);

    const result = await lookUp(there);

    expect(result.renewals).toEqual([]);
    expect(result.finished.map(({ renewalId, status }) => [renewalId, status])).toEqual([
      [done.id, "approved"],
    ]);
    expect((await there.client.renewals()).renewals).toEqual([]);

    const other = await createWorld({ ra: CLERKS });
    const reviewed = await reach("awaiting-review", other);
    other.ra.desk.refuse(reviewed.id, [{ text: "不予受理" }]);
    const refused = await lookUp(elsewhere(other));
    expect(refused.finished).toMatchObject([
      { status: "refused", reasons: [{ text: "不予受理" }] },
    ]);
  });

  test("nothing was ever applied for", async () => {
    const world = await createWorld({ ra: CLERKS });
    await reach("draft", world);
    expect(await lookUp(elsewhere(world))).toEqual({ renewals: [], finished: [] });
  });
});

describe("is refused", () => {
  test("where a draft of another renewal stands here: ERR_RENEWAL_IN_PROGRESS", async () => {
    const world = await createWorld({ ra: CLERKS });
    const there = elsewhere(world);
    const draft = await reach("draft", world, there);
    const { id } = await reach("awaiting-payment", world);

    const error = await failureOf(lookUp(there));

    expect(error).toMatchObject({
      code: "ERR_RENEWAL_IN_PROGRESS",
      renewal: { id: draft.id, state: "draft" },
    });
    await inState(error.renewal, "draft").discard();
    expect((await found(there)).id).toBe(id);
  });

  test("where the key is not on the token, or the transport cannot ask", async () => {
    const world = await createWorld({ ra: CLERKS });
    await reach("awaiting-payment", world);
    const { lookUp: _, ...business } = world.ra.business;
    const mute = elsewhere(world, { transport: { ...world.ra, business } });
    expect((await failureOf(lookUp(mute))).code).toBe("ERR_UNSUPPORTED");

    world.token.destroy({ kind: "key-pair", keyId: Uint8Array.of(1) });
    expect((await failureOf(lookUp(elsewhere(world)))).code).toBe("ERR_KEY_NOT_FOUND");
  });

  test("where the certificate is revoked", async () => {
    const world = await createWorld({ ra: CLERKS });
    await reach("awaiting-payment", world);
    world.ra.desk.revoke(world.token.certificates[0]?.der ?? new Uint8Array());
    expect((await failureOf(lookUp(elsewhere(world)))).code).toBe("ERR_RA_REFUSED");
  });
});

describe("an RA that lies", () => {
  type Found = Awaited<ReturnType<NonNullable<BusinessFacet["lookUp"]>>>[number];

  /** Changes what the RA says of the first application that it found. */
  function lying(world: World, change: (application: Found) => Partial<FoundApplication>) {
    const transport: Transport = {
      ...world.ra,
      business: {
        ...world.ra.business,
        lookUp: async (...given) => {
          const applications = await world.ra.business.lookUp(...given);
          return applications.map((each) => ({ ...each, ...change(each) }));
        },
      },
    };
    return elsewhere(world, { transport });
  }

  async function applied(): Promise<World> {
    const world = await createWorld({ ra: CLERKS });
    await reach("awaiting-payment", world);
    return world;
  }

  test.each<[string, (application: Found) => Partial<FoundApplication>]>([
    [
      "names another price",
      ({ reply }) => ({
        reply: {
          ...reply,
          progress: {
            ...reply.progress,
            payment: reply.progress.payment && {
              ...reply.progress.payment,
              total: { amount: 1_000_000, currency: "CNY" },
            },
          },
        },
      }),
    ],
    [
      "speaks of another revision",
      ({ reply }) => ({
        reply: {
          ...reply,
          progress: {
            ...reply.progress,
            application: { ...reply.progress.application, revision: 2 },
          },
        },
      }),
    ],
    [
      "makes up a request that nobody can read",
      () => ({ handedIn: { request: Uint8Array.of(1, 2, 3) } }),
    ],
  ])("%s: ERR_RA_RESPONSE, and nothing is stored", async (_, change) => {
    const program = lying(await applied(), change);
    expect((await failureOf(lookUp(program))).code).toBe("ERR_RA_RESPONSE");
    expect((await program.client.renewals()).renewals).toEqual([]);
    expect(await program.store.list("certificate")).toEqual([]);
  });
});

describe("transport as a function of the credential", () => {
  test("is asked with token and certificate, by look-up, start and every step", async () => {
    const world = await createWorld({ ra: CLERKS });
    const [held] = world.token.certificates;
    const asked: string[] = [];
    const transport: RenewalClientOptions["transport"] = ({ token, signing }) => {
      asked.push(`${token.label}: ${signing.sha256}`);
      return world.ra;
    };
    const program = world.program({ transport });

    await reach("awaiting-payment", world, program);
    const renewal = await found(elsewhere(world, { transport }));
    await installed(await payAndApprove(world, renewal));

    const sha256 = new X509Certificate(held?.der ?? new Uint8Array()).fingerprint256;
    const expected = `Sample key: ${sha256.replaceAll(":", "").toLowerCase()}`;
    expect(new Set(asked)).toEqual(new Set([expected]));
    expect(asked.length).toBeGreaterThanOrEqual(6);
  });

  test("that has none for it says so in our words, and nothing is asked", async () => {
    const world = await createWorld({ ra: CLERKS });
    const transport = () => {
      throw new Error("no RA for this one");
    };
    const error = await failureOf(lookUp(elsewhere(world, { transport })));
    expect(error).toMatchObject({ code: "ERR_UNEXPECTED", cause: new Error("no RA for this one") });
    expect(world.asked).toBe(0);
    expect(world.ra.calls).toEqual([]);
  });
});
