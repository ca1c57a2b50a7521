import { X509Certificate } from "node:crypto";
import type { Driver, RetireOptions } from "certrenew";
import { describe, expect, test } from "vitest";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  failureOf,
  inState,
  oldPairWorks,
  type Program,
  transferOf,
  type World,
} from "./world.js";

/** With other decisions than those of the stations. */
async function readyWith(world: World, program: Program, choice: object) {
  const draft = await reach("draft", world, program);
  const unpaid = await draft.submit({ ...acceptOffer(draft), ...choice });
  await inState(unpaid, "awaiting-payment").payByBankTransfer(
    transferOf(unpaid.payment?.total.amount ?? 0),
  );
  const renewal = await program.client.resume(draft.id);
  return inState(renewal, "ready-to-install");
}

describe("the report", () => {
  test("says what changed and what must be bound again, and the token shows the same", async () => {
    const world = await createWorld({ ra: CLERKS });
    const done = await reach("completed", world);
    const { report } = done;
    const [before, after] = world.token.certificates.map(({ der }) => new X509Certificate(der));

    expect(report).toMatchObject({
      renewalId: done.id,
      businessNumber: world.ra.desk.applications[0]?.businessNumber,
      token: world.token.identity,
      keyMode: "re-key",
      changes: [],
      bindAgain: ["serialNumber", "thumbprint", "publicKey"],
      provenAt: world.clock.now(),
      confirmedAt: world.clock.now(),
    });
    for (const [summary, certificate] of [
      [report.previous, before],
      [report.renewed, after],
    ] as const) {
      expect(summary.serialNumber).toBe(certificate?.serialNumber);
      expect(summary.sha256.toUpperCase()).toBe(certificate?.fingerprint256.replaceAll(":", ""));
      expect(summary.notAfter).toEqual(new Date(certificate?.validTo ?? 0));
    }
    // A year on from the end of the old one, to the second.
    expect(report.previous.notAfter).toEqual(new Date("2026-12-20T02:00:00Z"));
    expect(report.renewed.notAfter).toEqual(new Date("2027-12-20T02:00:00Z"));
    expect(report.renewed.keyId).not.toBe(report.previous.keyId);
    expect(report.renewed.subject).toBe(report.previous.subject);
    expect(world.token.findKey({ keyId: Buffer.from(report.renewed.keyId, "hex") })).toBeDefined();
    // It stands in the record, for whoever looks later.
    const resumed = await world.program().client.resume(done.id);
    expect(inState(resumed, "completed").report).toEqual(report);
  });

  test("with the same key pair there is less to bind again", async () => {
    const world = await createWorld();
    const ready = await readyWith(world, world.program(), { keyMode: "renew" });

    const { report } = await ready.install(acknowledgeAll(ready));

    expect(report).toMatchObject({ keyMode: "renew", bindAgain: ["serialNumber", "thumbprint"] });
    expect(report.renewed.keyId).toBe(report.previous.keyId);
    expect(world.token.keys).toHaveLength(1);
    expect(world.token.certificates).toHaveLength(2);
  });

  test("names another key algorithm as a change, and two years as two", async () => {
    const world = await createWorld();
    const choice = { keyAlgorithm: "ec-p384", years: 2 };
    const ready = await readyWith(world, world.program(), choice);

    const { report } = await ready.install(acknowledgeAll(ready));

    expect(report.changes).toEqual([{ field: "keyAlgorithm", from: "ec-p256", to: "ec-p384" }]);
    expect(report.renewed.notAfter).toEqual(new Date("2028-12-20T02:00:00Z"));
  });
});

describe("install", () => {
  test("asks the guards once more, before anything is fetched or written", async () => {
    const world = await createWorld({ ra: CLERKS });
    const ready = await reach("ready-to-install", world);
    const { length } = world.ra.calls;

    const error = await failureOf(ready.install());

    expect(error).toMatchObject({
      code: "ERR_GUARD_UNACKNOWLEDGED",
      details: { guards: ["open-bids"] },
      renewal: { state: "ready-to-install" },
    });
    expect(world.ra.calls).toHaveLength(length);
    expect(world.asked).toBe(1);
  });

  test("of one that lapsed meanwhile writes nothing, and the money goes back", async () => {
    const world = await createWorld({ ra: CLERKS });
    const ready = await reach("ready-to-install", world);
    world.ra.desk.lapse(ready.id);

    const error = await failureOf(ready.install(acknowledgeAll(ready)));

    expect(error).toMatchObject({ code: "ERR_RA_REFUSED", impact: { money: "refund" } });
    expect(inState(error.renewal, "closed")).toMatchObject({
      reason: "lapsed",
      payment: { status: "refund-due" },
    });
    expect(world.token.certificates).toHaveLength(1);
    expect(oldPairWorks(world)).toBe(true);
  });

  test("without the new key pair on the token writes nothing (ERR_KEY_NOT_FOUND)", async () => {
    const world = await createWorld({ ra: CLERKS });
    const ready = await reach("ready-to-install", world);
    const [, made] = world.token.keys;
    world.token.destroy({ kind: "key-pair", keyId: made?.keyId ?? new Uint8Array() });

    const error = await failureOf(ready.install(acknowledgeAll(ready)));

    expect(error).toMatchObject({
      code: "ERR_KEY_NOT_FOUND",
      renewal: { state: "ready-to-install" },
    });
    expect(world.token.certificates).toHaveLength(1);
  });

  test("is proven by a fresh look: one that does not see the certificate proves nothing", async () => {
    const world = await createWorld({ ra: CLERKS });
    const ready = await reach("ready-to-install", world);
    const { client } = world.program({ driver: shortSighted(world.program().driver) });
    const blind = inState(await client.resume(ready.id), "ready-to-install");

    const error = await failureOf(blind.install(acknowledgeAll(blind)));

    expect(error).toMatchObject({ code: "ERR_PROOF_FAILED", impact: { key: "old-usable" } });
    expect(world.ra.desk.applications[0]?.confirmed).toBe(false);
    const seeing = await world.program().client.resume(ready.id);
    const done = await inState(seeing, "installing").continue();
    expect(done.state).toBe("completed");
    expect(world.token.certificates).toHaveLength(2);
  });

  /** A driver whose sessions see what stood on the token a while ago. */
  function shortSighted(driver: Driver): Driver {
    return {
      ...driver,
      async unlock(token, options) {
        const session = await driver.unlock(token, options);
        const certificates: typeof session.certificates = async (given) => {
          const contents = await session.certificates(given);
          return { ...contents, certificates: contents.certificates.slice(0, 1) };
        };
        return { ...session, certificates };
      },
    };
  }

  test("confirms with what it signed before: no PIN where it only was not heard", async () => {
    const world = await createWorld({ ra: CLERKS });
    const confirming = await reach("confirming", world);
    expect(world.ra.desk.applications[0]?.confirmed).toBe(false);
    const { client } = world.program({ pin: undefined });

    const done = await inState(await client.resume(confirming.id), "confirming").continue();

    expect(done.state).toBe("completed");
    expect(world.ra.desk.applications[0]?.confirmed).toBe(true);
  });
});

describe("retirePrevious", () => {
  const only = (...remove: RetireOptions["remove"]) => ({ remove });

  test("is the only step that removes something, and only what it is told to", async () => {
    const world = await createWorld({ ra: CLERKS });
    const done = await reach("completed", world);
    const { previous, renewed } = done.report;

    const without = await done.retirePrevious(only("certificate"));
    expect(
      world.token.certificates.map(({ der }) => new X509Certificate(der).serialNumber),
    ).toEqual([renewed.serialNumber]);
    expect(world.token.keys).toHaveLength(2);

    const bare = await without.retirePrevious(only("key-pair"));
    expect(world.token.findKey({ keyId: Buffer.from(previous.keyId, "hex") })).toBeUndefined();
    expect(world.token.findKey({ keyId: Buffer.from(renewed.keyId, "hex") })).toBeDefined();
    // Safe to repeat; the report tells of what was.
    const again = await bare.retirePrevious(only("certificate", "key-pair"));
    expect(again.report.previous).toEqual(previous);
  });

  test("removes a key that opens files only when it is called that", async () => {
    const world = await createWorld({
      ra: CLERKS,
      certificate: { keyUsage: ["digitalSignature", "keyEncipherment"] },
    });
    const done = await reach("completed", world);

    const error = await failureOf(done.retirePrevious(only("certificate", "key-pair")));
    expect(error).toMatchObject({ code: "ERR_ARGUMENT", problems: [{ pointer: "/remove" }] });
    expect(world.token.keys).toHaveLength(2);
    expect(world.token.certificates).toHaveLength(2);

    await done.retirePrevious(only("decryption-key-pair"));
    expect(world.token.keys).toHaveLength(1);
    expect(world.token.certificates).toHaveLength(2);
  });

  test("never removes a key pair that the new certificate uses", async () => {
    const world = await createWorld();
    const ready = await readyWith(world, world.program(), { keyMode: "renew" });
    const done = await ready.install(acknowledgeAll(ready));

    for (const kind of ["key-pair", "decryption-key-pair"] as const) {
      expect((await failureOf(done.retirePrevious(only(kind)))).code).toBe("ERR_ARGUMENT");
    }
    await done.retirePrevious(only("certificate"));
    expect(world.token.keys).toHaveLength(1);
    expect(world.token.certificates).toHaveLength(1);
  });

  test.each([
    ["with its certificate", true],
    ["whose certificate is not there", false],
  ])("leaves another key pair under the same CKA_ID alone: one %s", async (_, hasCertificate) => {
    const world = await createWorld({ ra: CLERKS });
    const [signing] = world.token.certificates;
    const keyId = signing?.keyId ?? new Uint8Array();
    const pair = await world.token.generateKeyPair({ algorithm: "ec-p256", keyId, label: "files" });
    const der = world.ra.issue({ ...pair, keyUsage: ["keyAgreement"] });
    if (hasCertificate) world.token.importCertificate({ der, keyId, label: "files" });
    const done = await reach("completed", world);

    await done.retirePrevious(only("certificate", "key-pair"));

    expect(world.token.keys.map(({ label }) => label)).toContain("files");
    expect(world.token.keys).toHaveLength(2);
    expect(world.token.certificates).toHaveLength(hasCertificate ? 2 : 1);
    expect(world.token.findKey({ keyId, spki: pair.spki })).toBeDefined();
  });

  test.each(["certificate", "key-pair"] as const)(
    "removes nothing when the new %s is not on the token",
    async (missing) => {
      const world = await createWorld({ ra: CLERKS });
      const done = await reach("completed", world);
      const keyId = Buffer.from(done.report.renewed.keyId, "hex");
      world.token.destroy({ kind: missing, keyId });

      const error = await failureOf(done.retirePrevious(only("certificate", "key-pair")));

      expect(error).toMatchObject({ code: "ERR_PROOF_FAILED", renewal: { state: "completed" } });
      expect(oldPairWorks(world)).toBe(true);
    },
  );
});
