import type { KeyMode } from "certrenew";
import { describe, expect, test } from "vitest";
import { pairWorks, validCertificates } from "./pairs.js";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  DAY_MS,
  failureOf,
  inState,
  oldPairWorks,
  sendings,
  transferOf,
  type World,
} from "./world.js";

const AT_INSTALLATION = { ra: { ...CLERKS, policy: { requestAt: "installation" } as const } };

async function ready(keyMode: KeyMode = "re-key") {
  const world = await createWorld(AT_INSTALLATION);
  const program = world.program();
  const draft = await reach("draft", world, program);
  expect(draft.offer.terms.requestAt).toBe("installation");
  const unpaid = inState(
    await draft.submit({ ...acceptOffer(draft), keyMode }),
    "awaiting-payment",
  );
  const reviewed = inState(await unpaid.payByBankTransfer(transferOf(10_000)), "awaiting-review");
  world.ra.desk.book(draft.id);
  world.ra.desk.approve(draft.id);
  return { world, program, renewal: inState(await reviewed.refresh(), "ready-to-install") };
}

/** What an outsider finds once the renewal is completed. */
async function expectRenewed(world: World, keys: number): Promise<void> {
  const certificates = await validCertificates(world);
  expect(certificates).toHaveLength(1);
  expect(certificates.every((der) => pairWorks(world.token, der))).toBe(true);
  expect(world.token.keys).toHaveLength(keys);
  expect(world.ra.desk.applications).toMatchObject([{ confirmed: true }]);
  expect(oldPairWorks(world)).toBe(true);
}

describe("terms that want the key pair at installation", () => {
  test("no key pair lies on the token before, and one is made by install, with one PIN", async () => {
    const { world, renewal } = await ready();
    expect(world.token.keys).toHaveLength(1);
    expect(sendings(world, "certification-request")).toBe(0);
    const asked = world.asked;

    const completed = await renewal.install(acknowledgeAll(renewal));

    expect(completed.report.keyMode).toBe("re-key");
    expect(world.asked).toBe(asked + 1);
    expect(sendings(world, "certification-request")).toBe(1);
    await expectRenewed(world, 2);
  });

  test("cancelled before the installation: nothing is left on the token", async () => {
    const { world, renewal } = await ready();

    await renewal.cancel();

    expect(world.token.keys).toHaveLength(1);
    expect(world.token.certificates).toHaveLength(1);
  });

  test("renew: the request is for the present key, and none is made", async () => {
    const { world, renewal } = await ready("renew");

    const completed = await renewal.install(acknowledgeAll(renewal));

    expect(completed.report).toMatchObject({ keyMode: "renew" });
    await expectRenewed(world, 1);
  });

  test.each(["before", "after"] as const)(
    "the request's outcome is open (lost %s): another process installs with the same key",
    async (when) => {
      const { world, renewal } = await ready();
      world.ra.fault({
        type: "unreachable",
        method: "send",
        purpose: "certification-request",
        when,
      });

      const error = await failureOf(renewal.install(acknowledgeAll(renewal)));
      expect(error).toMatchObject({
        code: "ERR_RA_UNREACHABLE",
        renewal: { state: "ready-to-install" },
      });
      const { client } = world.program();
      const again = inState(await client.resume(renewal.id), "ready-to-install");
      await again.install(acknowledgeAll(again));

      await expectRenewed(world, 2);
    },
  );

  test("a request that never arrived and is too old is signed anew, for the same key", async () => {
    const { world, renewal } = await ready();
    world.ra.fault({ type: "unreachable", method: "send", purpose: "certification-request" });
    await failureOf(renewal.install(acknowledgeAll(renewal)));
    world.clock.advance(DAY_MS);

    await renewal.install(acknowledgeAll(renewal));

    await expectRenewed(world, 2);
  });

  test("refused by the RA: nothing is written, and install can be called again", async () => {
    const { world, renewal } = await ready();
    world.ra.fault({ type: "refused", method: "send", purpose: "certification-request" });

    const error = await failureOf(renewal.install(acknowledgeAll(renewal)));

    expect(error.code).toBe("ERR_RA_REFUSED");
    expect(world.token.certificates).toHaveLength(1);
    await inState(error.renewal, "ready-to-install").install(acknowledgeAll(renewal));
    await expectRenewed(world, 2);
  });

  test.each(["generateKeyPair", "sign", "importCertificate", "session.certificates"] as const)(
    "the token fails at %s: install or continue goes on",
    async (method) => {
      const { world, program, renewal } = await ready();
      program.driver.fault({ type: "crash", method, when: "after" });

      const error = await failureOf(renewal.install(acknowledgeAll(renewal)));
      expect(error.code).toBe("ERR_MODULE_CRASHED");
      const left = error.renewal;
      if (left?.state === "ready-to-install") await left.install(acknowledgeAll(left));
      else await inState(left, "installing").continue();

      await expectRenewed(world, 2);
    },
  );

  test("the key pair is lost after its request was handed in: a reissue makes another", async () => {
    const { world, program, renewal } = await ready();
    program.driver.fault({ type: "crash", method: "importCertificate" });
    const crashed = await failureOf(renewal.install(acknowledgeAll(renewal)));
    const [, made] = world.token.keys;
    world.token.destroy({ kind: "key-pair", keyId: made?.keyId ?? new Uint8Array() });
    const lost = await failureOf(inState(crashed.renewal, "installing").continue());
    expect(lost.code).toBe("ERR_KEY_NOT_FOUND");

    const again = inState(
      await inState(lost.renewal, "installing").requestReissue({ reason: "key-lost" }),
      "ready-to-install",
    );
    await again.install(acknowledgeAll(again));

    await expectRenewed(world, 2);
  });

  test("the key pair is lost while its request is on the way: key-lost hands in another", async () => {
    const { world, renewal } = await ready();
    world.ra.fault({
      type: "unreachable",
      method: "send",
      purpose: "certification-request",
      when: "after",
    });
    await failureOf(renewal.install(acknowledgeAll(renewal)));
    const [, made] = world.token.keys;
    world.token.destroy({ kind: "key-pair", keyId: made?.keyId ?? new Uint8Array() });

    const again = inState(await renewal.requestReissue({ reason: "key-lost" }), "ready-to-install");
    await again.install(acknowledgeAll(again));

    await expectRenewed(world, 2);
  });
});
