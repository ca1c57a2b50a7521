import type { ReissueOptions, Renewal } from "certrenew";
import { MockToken, type MockTokenOptions } from "certrenew/drivers/mock";
import { describe, expect, test } from "vitest";
import { pairWorks, validCertificates } from "./pairs.js";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  createWorld,
  DAY_MS,
  failureOf,
  inState,
  oldPairWorks,
  PIN,
  sendings,
  type World,
  type WorldOptions,
} from "./world.js";

async function ready(options: WorldOptions = {}) {
  const world = await createWorld({ ...options, ra: { ...CLERKS, ...options.ra } });
  const program = world.program();
  return { world, program, renewal: await reach("ready-to-install", world, program) };
}

/** The new key pair is gone from the token; the old one stands. */
function loseNewKey({ token }: World): void {
  const [, ...made] = token.keys;
  for (const { keyId } of made) token.destroy({ kind: "key-pair", keyId });
}

/** Nothing is left on the token. */
function wipe({ token }: World): void {
  for (const { keyId } of token.keys) token.destroy({ kind: "key-pair", keyId });
  for (const { keyId } of token.certificates) token.destroy({ kind: "certificate", keyId });
}

async function expectRenewed(world: World, token = world.token): Promise<void> {
  const certificates = await validCertificates(world);
  expect(certificates).toHaveLength(1);
  expect(certificates.every((der) => pairWorks(token, der))).toBe(true);
  expect(world.ra.desk.applications).toMatchObject([{ confirmed: true }]);
}

function finish(renewal: Renewal) {
  const again = inState(renewal, "ready-to-install");
  return again.install(acknowledgeAll(again));
}

/** What the record keeps of keys that it made and does not use. */
function abandoned(renewal: Renewal): number {
  const { application } = renewal.toJSON() as { application: { abandonedKeys?: unknown[] } };
  return application.abandonedKeys?.length ?? 0;
}

describe("the new key is lost, and the old one is there", () => {
  test("install says so; a reissue makes another key, signed by the old one, and is ready at once", async () => {
    const { world, renewal } = await ready();
    loseNewKey(world);
    const error = await failureOf(renewal.install(acknowledgeAll(renewal)));
    expect(error.code).toBe("ERR_KEY_NOT_FOUND");
    expect(world.token.certificates).toHaveLength(1);
    const asked = world.asked;

    const again = await inState(error.renewal, "ready-to-install").requestReissue({
      reason: "key-lost",
    });

    expect(again.state).toBe("ready-to-install");
    expect(world.asked).toBe(asked + 1);
    expect(abandoned(again)).toBe(1);
    const completed = await finish(again);
    expect(completed.report.keyMode).toBe("re-key");
    await expectRenewed(world);
    expect(oldPairWorks(world)).toBe(true);
    expect(world.token.keys).toHaveLength(2);
  });

  test("while installing: what was issued is revoked, another takes its place", async () => {
    const { world, program, renewal } = await ready();
    program.driver.fault({ type: "crash", method: "importCertificate" });
    const { renewal: left } = await failureOf(renewal.install(acknowledgeAll(renewal)));
    loseNewKey(world);

    const again = await inState(left, "installing").requestReissue({ reason: "key-lost" });

    expect(again.state).toBe("ready-to-install");
    expect(await validCertificates(world)).toHaveLength(0);
    await finish(again);
    await expectRenewed(world);
    expect(oldPairWorks(world)).toBe(true);
  });

  test("twice: each time another key, and each that was left is recorded", async () => {
    const { world, renewal } = await ready();
    loseNewKey(world);
    const second = await renewal.requestReissue({ reason: "key-lost" });
    loseNewKey(world);
    const third = await inState(second, "ready-to-install").requestReissue({ reason: "key-lost" });

    expect(abandoned(third)).toBe(2);
    await finish(third);
    await expectRenewed(world);
  });

  test("where the present key was to be kept, the new one is another: re-key", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const draft = await reach("draft", world, program);
    const options = { accept: draft.offer.agreement, years: 1, keyMode: "renew" } as const;
    const unpaid = inState(
      await draft.submit({
        ...options,
        ...acknowledgeAll(draft),
        form: {
          agent: "张三",
          mobile: "13800138000",
          email: "zhangsan@example.com",
          organisation: "示例科技有限公司",
          unifiedSocialCreditCode: "91440101MA5EXAMP0X",
        },
      }),
      "awaiting-payment",
    );
    await world.ra.admin.bookReceipt({
      renewalId: draft.id,
      amount: { amount: 10_000, currency: "CNY" },
    });
    world.ra.desk.approve(draft.id);
    const approved = inState(await unpaid.refresh(), "ready-to-install");
    wipe(world);

    const reviewed = await approved.requestReissue({ reason: "key-lost" });
    world.ra.desk.approve(draft.id);
    const again = await inState(reviewed, "awaiting-review").refresh();
    const completed = await finish(again);

    expect(completed.report.keyMode).toBe("re-key");
    // The key of the old certificate is no key that this renewal made.
    expect(abandoned(completed)).toBe(0);
    await expectRenewed(world);
  });
});

describe("the token was wiped", () => {
  test("the follow secret speaks: a person looks again, approves, and it is installed", async () => {
    const { world, renewal } = await ready();
    wipe(world);

    const reviewed = inState(
      await renewal.requestReissue({ reason: "key-lost" }),
      "awaiting-review",
    );

    expect(reviewed.payment).toMatchObject({ status: "paid" });
    world.ra.desk.approve(renewal.id);
    const completed = await finish(await reviewed.wait());
    await expectRenewed(world);
    // There was no old key to sign it.
    expect(completed.report.continuity).toBeUndefined();
  });

  test("refused by the reviewer: closed, and the money goes back", async () => {
    const { world, renewal } = await ready();
    wipe(world);
    const reviewed = inState(
      await renewal.requestReissue({ reason: "key-lost" }),
      "awaiting-review",
    );
    world.ra.desk.refuse(renewal.id, [{ text: "请到柜台办理" }]);

    const closed = inState(await reviewed.refresh(), "closed");

    expect(closed).toMatchObject({ reason: "refused", payment: { status: "refund-due" } });
  });

  test("an RA that wants them at its counter refuses, and the renewal stays", async () => {
    const { world, renewal } = await ready({ ra: { policy: { reissueWithoutKey: "refuse" } } });
    wipe(world);

    const error = await failureOf(renewal.requestReissue({ reason: "key-lost" }));

    expect(error).toMatchObject({
      code: "ERR_RA_REFUSED",
      renewal: { state: "ready-to-install" },
    });
  });

  test.each(["before", "after"] as const)(
    "the answer is lost (%s the RA had it): install does not write what is good for nothing",
    async (when) => {
      const { world, renewal } = await ready();
      wipe(world);
      world.ra.fault({
        type: "unreachable",
        method: "send",
        purpose: "certification-request",
        when,
      });
      await failureOf(renewal.requestReissue({ reason: "key-lost" }));

      const error = await failureOf(renewal.install(acknowledgeAll(renewal)));

      expect(error.code).toBe("ERR_HANDLE_SPENT");
      const reviewed = inState(error.renewal, "awaiting-review");
      expect(world.token.certificates).toHaveLength(0);
      world.ra.desk.approve(renewal.id);
      await finish(await reviewed.refresh());
      await expectRenewed(world);
    },
  );

  test("the answer is lost, and it is cancelled: closed, and the money goes back", async () => {
    const { world, renewal } = await ready();
    wipe(world);
    world.ra.fault({
      type: "unreachable",
      method: "send",
      purpose: "certification-request",
      when: "after",
    });
    await failureOf(renewal.requestReissue({ reason: "key-lost" }));

    // Without the old key nothing can be cancelled: the state is told all the same.
    const error = await failureOf(renewal.cancel());

    expect(error).toMatchObject({
      code: "ERR_KEY_NOT_FOUND",
      renewal: { state: "awaiting-review" },
    });
  });

  test("while installing, and the answer is lost: continue does not confirm what was revoked", async () => {
    const { world, program, renewal } = await ready();
    program.driver.fault({ type: "crash", method: "importCertificate", when: "after" });
    const { renewal: left } = await failureOf(renewal.install(acknowledgeAll(renewal)));
    const installing = inState(left, "installing");
    world.ra.fault({
      type: "unreachable",
      method: "send",
      purpose: "certification-request",
      when: "after",
    });
    await failureOf(installing.requestReissue({ reason: "certificate-unusable" }));

    // The new key is there: what takes the place of the first is collected and installed.
    await installing.continue();

    await expectRenewed(world);
  });
});

describe("the token was replaced by another one", () => {
  async function replaced(options: MockTokenOptions = { serialNumber: "0002", label: "Second" }) {
    const { world, renewal } = await ready();
    const other = new MockToken({ pin: PIN, ...options });
    const program = world.program({}, { tokens: [other] });
    const again = inState(await program.client.resume(renewal.id), "ready-to-install");
    return { world, other, program, renewal: again };
  }

  test("a key pair is made there; after the review the certificate is installed there", async () => {
    const { world, other, renewal } = await replaced();

    const reviewed = inState(
      await renewal.requestReissue({ reason: "token-replaced", token: other.identity }),
      "awaiting-review",
    );

    expect(reviewed.token).toMatchObject({ serialNumber: "0002", label: "Second" });
    expect(other.keys).toHaveLength(1);
    world.ra.desk.approve(renewal.id);
    const completed = await finish(await reviewed.refresh());
    expect(completed.report.token.serialNumber).toBe("0002");
    await expectRenewed(world, other);
    // The one before has what it had.
    expect(world.token.keys).toHaveLength(2);
    expect(oldPairWorks(world)).toBe(true);
  });

  test("not plugged in: nothing is sent, and the renewal stays with the token that it had", async () => {
    const { world, program, renewal, other } = await replaced();
    program.driver.remove(other);

    const error = await failureOf(
      renewal.requestReissue({ reason: "token-replaced", token: other.identity }),
    );

    expect(error.code).toBe("ERR_TOKEN_NOT_PRESENT");
    expect(error.renewal?.token).toEqual(world.token.identity);
    expect(sendings(world, "certification-request")).toBe(0);
  });

  test("interrupted after its key was made: the same key is used, on the same token", async () => {
    const { world, other, program, renewal } = await replaced();
    const options = { reason: "token-replaced", token: other.identity } as const;
    program.driver.fault({ type: "crash", method: "generateKeyPair", when: "after" });
    expect((await failureOf(renewal.requestReissue(options))).code).toBe("ERR_MODULE_CRASHED");

    const reviewed = await renewal.requestReissue(options);

    expect(reviewed.state).toBe("awaiting-review");
    expect(other.keys).toHaveLength(1);
    expect(world.token.keys).toHaveLength(2);
  });

  test("another reason was meant before: what was never sent is given up for it", async () => {
    const { world, other, renewal } = await replaced();
    const { client } = world.program();
    const first = inState(await client.resume(renewal.id), "ready-to-install");
    wipe(world);
    world.ra.fault({ type: "unreachable", method: "send", purpose: "certification-request" });
    await failureOf(first.requestReissue({ reason: "key-lost" }));

    const reviewed = inState(
      await renewal.requestReissue({ reason: "token-replaced", token: other.identity }),
      "awaiting-review",
    );
    world.ra.desk.approve(renewal.id);
    const { client: onOther } = world.program({}, { tokens: [other] });
    const again = inState(await onOther.resume(reviewed.id), "awaiting-review");
    await finish(await again.refresh());

    await expectRenewed(world, other);
  });
});

describe("what was issued cannot be installed", () => {
  test.each(["wrong-key", "other-subject", "too-short", "expired", "wrong-chain"] as const)(
    "%s: another certificate for the same key",
    async (flaw) => {
      const { world, renewal } = await ready();
      world.ra.desk.issueWith(flaw);
      const error = await failureOf(renewal.install(acknowledgeAll(renewal)));
      expect(error.code).toMatch(/^ERR_ISSUED_/);
      world.ra.desk.issueWith(undefined);

      const again = await inState(error.renewal, "ready-to-install").requestReissue({
        reason: "certificate-unusable",
      });

      expect(again.state).toBe("ready-to-install");
      await finish(again);
      await expectRenewed(world);
      expect(world.token.keys).toHaveLength(2);
    },
  );

  test("while installing: the one before is revoked, and one for the same key takes its place", async () => {
    const { world, program, renewal } = await ready();
    program.driver.fault({ type: "crash", method: "importCertificate" });
    const { renewal: left } = await failureOf(renewal.install(acknowledgeAll(renewal)));

    const again = await inState(left, "installing").requestReissue({
      reason: "certificate-unusable",
    });
    await finish(again);

    await expectRenewed(world);
    expect(world.token.keys).toHaveLength(2);
    expect(world.token.certificates).toHaveLength(2);
  });
});

describe("a reissue that cannot be", () => {
  test.each<[string, unknown, string]>([
    ["no reason", {}, "/reason"],
    ["a reason of the terms'", { reason: "installation" }, "/reason"],
    ["token-replaced without a token", { reason: "token-replaced" }, "/token"],
    [
      "a token with another reason",
      {
        reason: "key-lost",
        token: { serialNumber: "1", label: "", model: "", manufacturer: "" },
      },
      "/token",
    ],
  ])("%s: ERR_ARGUMENT", async (_, options, pointer) => {
    const { world, renewal } = await ready();

    const error = await failureOf(renewal.requestReissue(options as ReissueOptions));

    expect(error).toMatchObject({ code: "ERR_ARGUMENT", problems: [{ pointer }] });
    expect(sendings(world, "certification-request")).toBe(0);
  });

  test("the terms keep the key, and it is lost: ERR_UNSUPPORTED", async () => {
    const { world, renewal } = await ready({ ra: { policy: { keyModes: ["renew"] } } });

    const error = await failureOf(renewal.requestReissue({ reason: "key-lost" }));

    expect(error.code).toBe("ERR_UNSUPPORTED");
    expect(world.token.keys).toHaveLength(1);
  });

  test("a transport without it: ERR_UNSUPPORTED", async () => {
    const { world, renewal } = await ready();
    const { prepareCertificationRequest: _, ...business } = world.ra.business;
    const { client } = world.program({ transport: { ...world.ra, business } });
    const again = inState(await client.resume(renewal.id), "ready-to-install");

    expect((await failureOf(again.requestReissue({ reason: "key-lost" }))).code).toBe(
      "ERR_UNSUPPORTED",
    );
  });

  test("the RA has ended it meanwhile: closed, and no key pair is made", async () => {
    const { world, renewal } = await ready({ ra: { confirmWithinMs: DAY_MS } });
    world.clock.advance(2 * DAY_MS);

    const error = await failureOf(renewal.requestReissue({ reason: "key-lost" }));

    expect(error.code).toBe("ERR_RA_REFUSED");
    expect(inState(error.renewal, "closed").reason).toBe("lapsed");
    expect(world.token.keys).toHaveLength(2);
  });
});

describe("a reissue whose outcome is not known", () => {
  test.each(["before", "after"] as const)(
    "lost %s the RA had it: asked for again, it is one, with one new key",
    async (when) => {
      const { world, renewal } = await ready();
      loseNewKey(world);
      world.ra.fault({
        type: "unreachable",
        method: "send",
        purpose: "certification-request",
        when,
      });
      const error = await failureOf(renewal.requestReissue({ reason: "key-lost" }));
      expect(error.code).toBe("ERR_RA_UNREACHABLE");

      const { client } = world.program();
      const resumed = inState(await client.resume(renewal.id), "ready-to-install");
      const again = await resumed.requestReissue({ reason: "key-lost" });

      expect(world.token.keys).toHaveLength(2);
      expect(abandoned(again)).toBe(1);
      await finish(again);
      await expectRenewed(world);
    },
  );

  test("too old to be sent: install goes on with what there is, and a reissue can be asked for anew", async () => {
    const { world, renewal } = await ready();
    loseNewKey(world);
    world.ra.fault({ type: "unreachable", method: "send", purpose: "certification-request" });
    await failureOf(renewal.requestReissue({ reason: "key-lost" }));
    world.clock.advance(DAY_MS);

    expect((await failureOf(renewal.install(acknowledgeAll(renewal)))).code).toBe(
      "ERR_KEY_NOT_FOUND",
    );
    const again = await renewal.requestReissue({ reason: "key-lost" });
    await finish(again);

    await expectRenewed(world);
    expect(world.token.keys).toHaveLength(2);
  });

  test("a protocol that cannot tell: repeated on demand only", async () => {
    const world = await createWorld({ ra: CLERKS });
    const transport = { ...world.ra, recover: async () => ({ outcome: "unclear" }) as const };
    const renewal = await reach("ready-to-install", world, world.program({ transport }));
    loseNewKey(world);
    world.ra.fault({ type: "unreachable", method: "send", purpose: "certification-request" });
    await failureOf(renewal.requestReissue({ reason: "key-lost" }));

    const unclear = { code: "ERR_OUTCOME_UNCLEAR", details: { purpose: "certification-request" } };
    expect(await failureOf(renewal.requestReissue({ reason: "key-lost" }))).toMatchObject(unclear);
    expect(
      await failureOf(renewal.requestReissue({ reason: "certificate-unusable" })),
    ).toMatchObject(unclear);
    const again = await renewal.requestReissue({ reason: "key-lost", repeat: true });

    await finish(again);
    await expectRenewed(world);
  });
});
