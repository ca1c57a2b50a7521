import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { pairWorks, validCertificates } from "./pairs.js";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  createWorld,
  DAY_MS,
  failureOf,
  inState,
  oldPairWorks,
  theCredential,
  type World,
  type WorldOptions,
} from "./world.js";

type Policy = NonNullable<NonNullable<WorldOptions["ra"]>["policy"]>;

const worldWith = (policy: Policy) => createWorld({ ra: { ...CLERKS, policy } });

/** Whether the CA has revoked the certificate that was renewed. */
async function isOldRevoked({ ra, token }: World): Promise<boolean> {
  const [old] = token.certificates;
  const { serialNumber } = new X509Certificate(old?.der ?? new Uint8Array());
  const entry = (await ra.admin.certificates()).find((each) => each.serialNumber === serialNumber);
  if (!entry) throw new Error("the CA does not know it");
  return entry.revokedAt !== undefined;
}

async function expectRenewed(world: World): Promise<void> {
  const [renewed, ...more] = await validCertificates(world);
  expect(more).toEqual([]);
  expect(renewed && pairWorks(world.token, renewed)).toBe(true);
}

describe("a new certificate that begins when the old one ends", () => {
  test("is installed beside it; the report says from when, and nothing is retired before", async () => {
    const world = await worldWith({ validFrom: "previous-not-after" });
    const program = world.program();
    const completed = await reach("completed", world, program);

    const { report } = completed;
    expect(report.validFrom).toEqual(report.previous.notAfter);
    expect(report.validFrom.getTime()).toBeGreaterThan(world.clock.now().getTime());
    await expectRenewed(world);
    for (const remove of [["certificate"], ["key-pair"]] as const) {
      expect(await failureOf(completed.retirePrevious({ remove }))).toMatchObject({
        code: "ERR_ARGUMENT",
        problems: [{ message: expect.stringContaining(report.validFrom.toISOString()) }],
      });
    }
    expect(world.token.certificates).toHaveLength(2);
    expect(oldPairWorks(world)).toBe(true);
    const renewed = (await program.client.credentials()).find(
      ({ signing }) => signing.sha256 === report.renewed.sha256,
    );
    expect(renewed?.eligibility.reasons).toContain("not-yet-valid");

    world.clock.advance(31 * DAY_MS);
    await completed.retirePrevious({ remove: ["certificate", "key-pair"] });
    expect(world.token.certificates).toHaveLength(1);
    expect(world.token.keys).toHaveLength(1);
    await expectRenewed(world);
  });

  test("begins at once where the old one ended under review, and is installed all the same", async () => {
    const world = await worldWith({ validFrom: "previous-not-after" });
    const reviewed = await reach("awaiting-review", world);
    world.ra.desk.book(reviewed.id);
    world.clock.advance(31 * DAY_MS);
    world.ra.desk.approve(reviewed.id);

    const ready = inState(await reviewed.refresh(), "ready-to-install");
    const completed = await ready.install(acknowledgeAll(ready));

    expect(completed.report.validFrom.getTime()).toBeGreaterThan(
      completed.report.previous.notAfter.getTime(),
    );
    await expectRenewed(world);
  });

  test("after a gap is refused: it would leave its holder without any", async () => {
    const world = await worldWith({ validFrom: "previous-not-after" });
    const ready = await reach("ready-to-install", world);
    const { client } = world.program({
      transport: {
        ...world.ra,
        async collect(...call) {
          const issued = await world.ra.collect(...call);
          const { publicKey } = new X509Certificate(issued.certificate);
          const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
          const from = ready.previous.notAfter.getTime();
          const certificate = world.ra.issue({
            spki,
            subject: ready.previous.subject,
            notBefore: new Date(from + DAY_MS),
            notAfter: ready.offer.terms.years[0]?.notAfter ?? new Date(from),
          });
          return { ...issued, certificate };
        },
      },
    });
    const again = inState(await client.resume(ready.id), "ready-to-install");

    const error = await failureOf(again.install(acknowledgeAll(again)));

    expect(error.code).toBe("ERR_ISSUED_MISMATCH");
    expect(error.problems.map(({ pointer }) => pointer)).toContain("/notBefore");
    expect(world.token.certificates).toHaveLength(1);
  });
});

describe("a change of CA", () => {
  test("under the same trust anchor: installed, and the report names both issuers", async () => {
    const world = await worldWith({ issuedBy: "issuing-2" });
    const { report } = await reach("completed", world);

    const issuer = report.changes.find(({ field }) => field === "issuer");
    expect(issuer).toEqual({
      field: "issuer",
      from: report.previous.issuer,
      to: report.renewed.issuer,
    });
    expect(report.renewed.issuer).not.toBe(report.previous.issuer);
    await expectRenewed(world);
  });

  test("under a trust anchor that the caller did not give: refused, and nothing is written", async () => {
    const world = await worldWith({ issuedBy: "issuing-other-root" });
    const ready = await reach("ready-to-install", world);

    const error = await failureOf(ready.install(acknowledgeAll(ready)));

    expect(error).toMatchObject({
      code: "ERR_ISSUED_UNTRUSTED",
      impact: { key: "old-usable" },
      renewal: { state: "ready-to-install" },
    });
    expect(world.token.certificates).toHaveLength(1);
    expect(oldPairWorks(world)).toBe(true);
    // The RA's operator mends it, and a reissue brings one that can be installed.
    await world.ra.admin.setPolicy({ issuedBy: "issuing" });
    const again = inState(
      await ready.requestReissue({ reason: "certificate-unusable" }),
      "ready-to-install",
    );
    const { report } = await again.install(acknowledgeAll(again));
    expect(report.changes).toEqual([]);
    await expectRenewed(world);
  });
});

describe("revoke-at-issuance", () => {
  const TERMS = { previous: "revoke-at-issuance" } as const;
  const GUARD = "previous-revoked-at-issuance";

  test("is asked about before the application and before the installation", async () => {
    const world = await worldWith(TERMS);
    const draft = await reach("draft", world);
    expect(draft.guards.map(({ id }) => id)).toContain(GUARD);
    const ready = await reach("ready-to-install", await worldWith(TERMS));

    const error = await failureOf(ready.install());

    expect(error.code).toBe("ERR_GUARD_UNACKNOWLEDGED");
    expect(error.details["guards"]).toContain(GUARD);
    expect(await isOldRevoked(world)).toBe(false);
  });

  test("interrupted between issuance and proof: the error says so, and another process finishes", async () => {
    const world = await worldWith(TERMS);
    const program = world.program();
    const ready = await reach("ready-to-install", world, program);
    program.driver.fault({ type: "crash", method: "importCertificate" });

    const error = await failureOf(ready.install(acknowledgeAll(ready)));

    expect(error.impact.key).toBe("old-revoked");
    expect(await isOldRevoked(world)).toBe(true);
    const { client } = world.program();
    await inState(await client.resume(ready.id), "installing").continue();
    await expectRenewed(world);
  });

  test("the new key is lost after the issuance: the old key, though revoked, speaks for a reissue", async () => {
    const world = await worldWith(TERMS);
    const program = world.program();
    const ready = await reach("ready-to-install", world, program);
    program.driver.fault({ type: "crash", method: "importCertificate" });
    const { renewal } = await failureOf(ready.install(acknowledgeAll(ready)));
    const [, made] = world.token.keys;
    world.token.destroy({ kind: "key-pair", keyId: made?.keyId ?? new Uint8Array() });

    const again = await inState(renewal, "installing").requestReissue({ reason: "key-lost" });

    // No person has to look at it.
    const next = inState(again, "ready-to-install");
    await next.install(acknowledgeAll(next));
    await expectRenewed(world);
  });
});

describe("revoke-after-confirmation", () => {
  test("leaves the old certificate valid until the new one is confirmed", async () => {
    const world = await worldWith({ previous: "revoke-after-confirmation" });
    const confirming = await reach("confirming", world);
    expect(await isOldRevoked(world)).toBe(false);

    const completed = await confirming.continue();

    expect(await isOldRevoked(world)).toBe(true);
    await expectRenewed(world);
    // Nothing is removed for that: files are still opened by its key.
    expect(world.token.certificates).toHaveLength(2);
    const { client } = world.program();
    expect((await client.resume(completed.id)).state).toBe("completed");
  });
});

describe("the deadline for collecting", () => {
  test("is told, and once it has passed the renewal has lapsed and the money goes back", async () => {
    const world = await createWorld({ ra: { ...CLERKS, confirmWithinMs: 10 * DAY_MS } });
    const program = world.program();
    const ready = await reach("ready-to-install", world, program);
    const until = new Date(world.clock.now().getTime() + 10 * DAY_MS);
    expect(ready.due).toEqual({ at: until, estimated: false });
    world.clock.advance(10 * DAY_MS);

    const error = await failureOf(ready.install(acknowledgeAll(ready)));

    const closed = inState(error.renewal, "closed");
    expect(closed).toMatchObject({ reason: "lapsed", payment: { status: "refund-due" } });
    expect(world.token.certificates).toHaveLength(1);
    const draft = await program.client.start(await theCredential(program.client));
    expect(draft.state).toBe("draft");
  });
});

describe("the certificate ends while its renewal is under review", () => {
  test("it is installed all the same: approved, signed for by the old key, and proven", async () => {
    const world = await createWorld({ ra: CLERKS });
    const reviewed = await reach("awaiting-review", world);
    world.ra.desk.book(reviewed.id);
    world.clock.advance(31 * DAY_MS);
    world.ra.desk.approve(reviewed.id);

    const ready = inState(await reviewed.refresh(), "ready-to-install");
    const { report } = await ready.install(acknowledgeAll(ready));

    expect(report.previous.notAfter.getTime()).toBeLessThan(world.clock.now().getTime());
    await expectRenewed(world);
  });

  test("and is returned: it can still be cancelled, and the money goes back", async () => {
    const world = await createWorld({ ra: CLERKS });
    const returned = await reach("action-required", world);
    world.clock.advance(31 * DAY_MS);

    expect((await returned.cancel()).payment?.status).toBe("refund-due");
  });
});
