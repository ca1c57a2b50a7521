import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Completed,
  createRenewalClient,
  type RebindHook,
  type RenewalReport,
} from "certrenew";
import { afterAll, describe, expect, test } from "vitest";
import { toPem } from "../../src/core/pki/certificate.js";
import { openssl, tryOpenssl } from "../support/openssl.js";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import { acceptOffer, createWorld, failureOf, inState, transferOf, type World } from "./world.js";

const folder = mkdtempSync(join(tmpdir(), "certrenew-continuity-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the continuity statement", () => {
  test.each(["ec-p256", "rsa-2048"] as const)(
    "is opened by openssl with the new certificate, then with the old one (%s)",
    async (algorithm) => {
      const world = await createWorld({ algorithm, ra: CLERKS });
      const { report, id } = await reach("completed", world);

      const inner = openWith(report.renewed, report.continuity);
      const content = openWith(report.previous, inner);

      expect(JSON.parse(content.toString())).toEqual({
        purpose: "urn:certrenew:statement:continuity:1",
        renewalId: id,
        previousSha256: report.previous.sha256,
        renewedSha256: report.renewed.sha256,
        subject: "CN=Sample Applicant",
        renewed: Buffer.from(report.renewed.der).toString("base64"),
        at: world.clock.now().toISOString(),
      });
      // Neither key speaks in the place of the other.
      expect(verify(report.previous, report.continuity).ok).toBe(false);
      expect(verify(report.renewed, inner).ok).toBe(false);
    },
  );

  test("is signed twice by the same key where that was kept", async () => {
    const world = await createWorld({ ra: CLERKS });
    const draft = await reach("draft", world);
    const unpaid = await draft.submit({ ...acceptOffer(draft), keyMode: "renew" });
    await inState(unpaid, "awaiting-payment").payByBankTransfer(transferOf(10_000));
    world.ra.desk.book(draft.id);
    world.ra.desk.approve(draft.id);
    const { client } = world.program();
    const reviewed = inState(await client.resume(draft.id), "awaiting-review");
    const ready = inState(await reviewed.refresh(), "ready-to-install");

    const { report } = await ready.install(acknowledgeAll(ready));

    openWith(report.previous, openWith(report.renewed, report.continuity));
  });

  test("is absent where the old key is gone, and nothing else is", async () => {
    const world = await createWorld({ ra: CLERKS });
    const ready = await reach("ready-to-install", world);
    world.token.destroy({ kind: "key-pair", keyId: Uint8Array.of(1) });

    const { report } = await ready.install(acknowledgeAll(ready));

    expect(report.continuity).toBeUndefined();
    expect(report.renewed.notAfter).toEqual(new Date("2027-12-20T02:00:00Z"));
  });

  test.each(["ERR_TOKEN_FAILURE", "ERR_ALGORITHM_UNSUPPORTED"] as const)(
    "is absent where the old key answers %s, and the installation goes on",
    async (code) => {
      const world = await createWorld({ ra: CLERKS });
      const ready = await reach("ready-to-install", world);
      const { driver } = world.program();
      const asked: number[] = [];
      const { client } = world.program({
        driver: {
          ...driver,
          async unlock(...given) {
            const session = await driver.unlock(...given);
            return {
              ...session,
              sign(options) {
                const [id] = options.key.keyId;
                if (options.key.keyId.length === 1 && id === 1) {
                  asked.push(id);
                  driver.fault({ type: "fail", code, method: "sign" });
                }
                return session.sign(options);
              },
            };
          },
        },
      });
      const renewal = inState(await client.resume(ready.id), "ready-to-install");

      const { report, state } = await renewal.install(acknowledgeAll(renewal));

      expect(state).toBe("completed");
      expect(report.continuity).toBeUndefined();
      expect(asked).toEqual([1]);
      expect(world.ra.desk.applications).toMatchObject([{ confirmed: true }]);
    },
  );
});

/** Where a certificate is bound, and what becomes of it. */
function hook(id: string, rebind: RebindHook["rebind"] = () => "moved"): Counted {
  const counted: Counted = {
    id,
    title: `登录绑定 ${id}`,
    calls: [],
    rebind(continuity, options) {
      counted.calls.push(continuity);
      return rebind(continuity, options);
    },
  };
  return counted;
}

type Counted = RebindHook & { readonly calls: Parameters<RebindHook["rebind"]>[0][] };

async function completedWith(world: World, rebind: readonly RebindHook[]): Promise<Completed> {
  return reach("completed", world, world.program({ rebind }));
}

const told = ({ rebindings }: RenewalReport) =>
  Object.fromEntries(rebindings.map(({ id, status, reason }) => [id, reason ?? status]));

describe("rebind hooks", () => {
  test("are shown both certificates and the statement, after the RA has confirmed", async () => {
    const world = await createWorld({ ra: CLERKS });
    let confirmed: boolean | undefined;
    const login = hook("login", () => {
      confirmed = world.ra.desk.applications[0]?.confirmed;
      return "moved";
    });

    const { report, id } = await completedWith(world, [login]);

    expect(confirmed).toBe(true);
    expect(login.calls).toEqual([
      {
        renewalId: id,
        previous: report.previous,
        renewed: report.renewed,
        statement: report.continuity,
      },
    ]);
    expect(report.rebindings).toEqual([
      { id: "login", title: "登录绑定 login", status: "moved", at: world.clock.now() },
    ]);
  });

  test("that leave, throw, or answer nonsense are told, and cost nothing else", async () => {
    const world = await createWorld({ ra: CLERKS });
    const nonsense = () => "perhaps" as "moved";
    const throwing = (thrown: unknown) => () => {
      throw thrown;
    };
    const hooks = [
      hook("seal", () => "left"),
      hook("throws", throwing(new Error("网关\u001b[31m 502"))),
      hook("rejects", () => Promise.reject(new Error("out of order"))),
      hook("throws-text", throwing("no")),
      hook("throws-nothing", throwing(Object.create(null))),
      hook("nonsense", nonsense),
      hook("login"),
    ];

    const done = await completedWith(world, hooks);

    expect(told(done.report)).toEqual({
      seal: "the hook left it",
      throws: "网关[31m 502",
      rejects: "out of order",
      "throws-text": "no",
      "throws-nothing": "the hook failed without a word",
      nonsense: "the hook left it",
      login: "moved",
    });
    const resumed = inState(await world.program().client.resume(done.id), "completed");
    expect(resumed.report).toEqual(done.report);
  });

  test("that moved are not called again; those that left are, without token and PIN", async () => {
    const world = await createWorld({ ra: CLERKS });
    const login = hook("login");
    let answer: "moved" | "left" = "left";
    const seal = hook("seal", () => answer);
    const done = await completedWith(world, [login, seal]);
    const { asked } = world;
    const late = hook("late");
    const rebind = [login, seal, late];
    const { client } = world.program({ rebind, pin: undefined }, { tokens: [] });

    const again = await inState(await client.resume(done.id), "completed").rebind();
    expect(told(again.report)).toEqual({ login: "moved", seal: "the hook left it", late: "moved" });
    answer = "moved";
    const last = await again.rebind();

    expect(told(last.report)).toEqual({ login: "moved", seal: "moved", late: "moved" });
    expect([login, seal, late].map(({ calls }) => calls.length)).toEqual([1, 3, 1]);
    expect(world.asked).toBe(asked);
    // There is nothing left, and nothing is called.
    expect(told((await last.rebind()).report)).toEqual(told(last.report));
    expect(seal.calls).toHaveLength(3);
  });

  test("that hang end with the caller's signal: completed, and the rest is left", async () => {
    const world = await createWorld({ ra: CLERKS });
    const stop = new AbortController();
    let seen: AbortSignal | undefined;
    const hanging = hook("hanging", (_, { signal }) => {
      seen = signal;
      stop.abort();
      return new Promise(() => undefined);
    });
    const after = hook("after");
    const program = world.program({ rebind: [hook("before"), hanging, after] });
    const ready = await reach("ready-to-install", world, program);

    const done = await ready.install({ ...acknowledgeAll(ready), signal: stop.signal });

    expect(seen?.aborted).toBe(true);
    expect(done.report.rebindings.map(({ id, status }) => `${id}: ${status}`)).toEqual([
      "before: moved",
      "hanging: left",
      "after: left",
    ]);
    expect(after.calls).toHaveLength(0);
    const { client } = world.program({ rebind: [hook("hanging"), after] });
    const resumed = inState(await client.resume(done.id), "completed");
    expect(told((await resumed.rebind()).report)).toMatchObject({
      hanging: "moved",
      after: "moved",
    });
  });

  test("of a program that died between two are gone on with by another one", async () => {
    const world = await createWorld({ ra: CLERKS });
    const login = hook("login");
    const { store } = world;
    let dead = false;
    // Nothing is saved any more once the second hook is at work: that is what its end looks like from outside.
    const mortal: typeof store = {
      ...store,
      save: (key, document, revision) =>
        dead ? Promise.reject(new Error("dead")) : store.save(key, document, revision),
    };
    const deadly = hook("seal", () => {
      dead = true;
      return "moved";
    });
    const program = world.program({ rebind: [login, deadly], store: mortal });
    const ready = await reach("ready-to-install", world, program);
    await failureOf(ready.install(acknowledgeAll(ready)));

    const seal = hook("seal");
    const { client } = world.program({ rebind: [login, seal], claimLeaseMs: 0 });
    const resumed = inState(await client.resume(ready.id), "completed");
    expect(told(resumed.report)).toEqual({ login: "moved" });
    const done = await resumed.rebind();

    expect(told(done.report)).toEqual({ login: "moved", seal: "moved" });
    expect([login, seal].map(({ calls }) => calls.length)).toEqual([1, 1]);
  });

  test("are called after a confirmation that was interrupted as well", async () => {
    const world = await createWorld({ ra: CLERKS });
    const login = hook("login");
    const program = world.program({ rebind: [login] });
    const confirming = await reach("confirming", world, program);
    expect(login.calls).toHaveLength(0);

    const done = await confirming.continue();

    expect(told(inState(done, "completed").report)).toEqual({ login: "moved" });
  });

  test.each<[string, unknown, pointer: string]>([
    ["no list", {}, "/rebind"],
    ["null", null, "/rebind"],
    ["no hook", [null], "/rebind/0"],
    ["an id that cannot be stored", [{ ...hook("a"), id: "a/b" }], "/rebind/0"],
    ["the same id twice", [hook("a"), hook("a")], "/rebind/1"],
    ["no title", [{ ...hook("a"), title: undefined }], "/rebind/0"],
    ["no function", [{ ...hook("a"), rebind: "moved" }], "/rebind/0"],
  ])("are refused where there is %s", async (_, rebind, pointer) => {
    const world = await createWorld();
    const { driver } = world.program();
    const options = {
      driver,
      transport: world.ra,
      store: world.store,
      trustAnchors: world.ra.trustAnchors,
      rebind: rebind as RebindHook[],
    };
    const error = await failureOf((async () => createRenewalClient(options))());
    expect(error).toMatchObject({ code: "ERR_ARGUMENT", problems: [{ pointer }] });
  });
});

/** The content of a CMS SignedData whose one signer is this certificate's key. */
function openWith(by: { readonly der: Uint8Array }, message: Uint8Array | undefined): Buffer {
  return openssl(argumentsFor(by), message);
}

function verify(by: { readonly der: Uint8Array }, message: Uint8Array | undefined) {
  return tryOpenssl(argumentsFor(by), message);
}

function argumentsFor({ der }: { readonly der: Uint8Array }): string[] {
  const file = join(folder, "signer.pem");
  writeFileSync(file, toPem(der, "CERTIFICATE"));
  return [
    ...["cms", "-verify", "-binary", "-inform", "DER"],
    ...["-nointern", "-noverify", "-certfile", file],
  ];
}
