import { X509Certificate } from "node:crypto";
import {
  type DecryptionAlgorithm,
  type KeyAlgorithm,
  type KeyMode,
  type Renewal,
  RenewalError,
  type RetireOptions,
  type Transport,
} from "certrenew";
import type { MockTransportOptions } from "certrenew/transport/mock";
import { describe, expect, test } from "vitest";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  addEncryptionCertificate,
  createWorld,
  type EncryptionOptions,
  failureOf,
  inState,
  theCredential,
  transferOf,
  type World,
  type WorldOptions,
} from "./world.js";

/** A token with a signing and an encryption certificate. */
async function pairWorld(
  options: WorldOptions = {},
  encryption: EncryptionOptions = {},
): Promise<World> {
  const world = await createWorld({ ra: CLERKS, ...options });
  await addEncryptionCertificate(world, encryption);
  return world;
}

const ra = (policy: MockTransportOptions["policy"]) => ({ ra: { ...CLERKS, policy } });
const fingerprint = (der: Uint8Array | undefined) =>
  new X509Certificate(der ?? new Uint8Array()).fingerprint256.replaceAll(":", "").toLowerCase();

async function completedWith(world: World, choice: object) {
  const program = world.program();
  const draft = await reach("draft", world, program);
  const unpaid = await draft.submit({ ...acceptOffer(draft), ...choice });
  const reviewed = await inState(unpaid, "awaiting-payment").payByBankTransfer(transferOf(10_000));
  world.ra.desk.book(draft.id);
  world.ra.desk.approve(draft.id);
  const ready = inState(await inState(reviewed, "awaiting-review").refresh(), "ready-to-install");
  return ready.install(acknowledgeAll(ready));
}

describe("renewed together", () => {
  test.each<[signing: KeyAlgorithm, encryption: KeyAlgorithm, KeyMode]>([
    ["ec-p256", "rsa-2048", "re-key"],
    ["rsa-2048", "ec-p256", "re-key"],
    ["rsa-2048", "rsa-2048", "re-key"],
    ["ec-p256", "ec-p384", "re-key"],
    ["ec-p256", "rsa-2048", "renew"],
    ["rsa-2048", "ec-p256", "renew"],
  ])("%s beside %s, %s: each stays of its kind", async (algorithm, beside, keyMode) => {
    const world = await pairWorld({ algorithm }, { algorithm: beside });
    const { token } = world;

    const { report } = await completedWith(world, { keyMode });

    const [signing, encryption, newSigning, newEncryption] = token.certificates;
    expect(token.certificates).toHaveLength(4);
    expect(token.keys.map((key) => key.algorithm)).toEqual(
      keyMode === "renew" ? [algorithm, beside] : [algorithm, beside, algorithm, beside],
    );
    expect(report.renewed.sha256).toBe(fingerprint(newSigning?.der));
    expect(report.encryption).toMatchObject({
      outcome: "renewed",
      previous: { sha256: fingerprint(encryption?.der), label: "encryption" },
      renewed: { sha256: fingerprint(newEncryption?.der) },
      changes: [],
    });
    // Each certificate stands under the CKA_ID of its own key, and is for it.
    for (const { der, keyId } of [signing, encryption, newSigning, newEncryption].flatMap((each) =>
      each ? [each] : [],
    )) {
      const { publicKey } = new X509Certificate(der);
      const spki = publicKey.export({ format: "der", type: "spki" });
      expect(token.findKey({ keyId, spki: new Uint8Array(spki) })).toBeDefined();
    }
    expect(new X509Certificate(newEncryption?.der ?? new Uint8Array()).validTo).toBe(
      new X509Certificate(newSigning?.der ?? new Uint8Array()).validTo,
    );
    // The RA knows of both: it refuses a confirmation that does not name all that it issued.
    expect(world.ra.desk.applications[0]?.confirmed).toBe(true);
    // What the new key was made for, its token lets it do.
    const made = keyMode === "renew" ? undefined : token.keys.at(-1);
    expect(made?.usage).toBe(keyMode === "renew" ? undefined : "encryption");
  });

  test.each<[string, opens: readonly DecryptionAlgorithm[]]>([
    ["knows OAEP alone", ["rsaes-oaep-sha256"]],
    ["knows OAEP with SHA-1 alone", ["rsaes-oaep-sha1"]],
    ["decrypts nothing", []],
  ])("on a token that %s, both are installed", async (_, opens) => {
    const world = await pairWorld();
    const { id } = await reach("ready-to-install", world);
    const { driver } = world.program();
    const opened: DecryptionAlgorithm[] = [];
    const { client } = world.program({
      driver: {
        ...driver,
        async unlock(...given) {
          const session = await driver.unlock(...given);
          return {
            ...session,
            async decrypt(options) {
              const { algorithm } = options;
              if (!session.decrypt || !opens.includes(algorithm)) {
                throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED", { details: { algorithm } });
              }
              opened.push(algorithm);
              return session.decrypt(options);
            },
          };
        },
      },
    });
    const renewal = inState(await client.resume(id), "ready-to-install");

    const { report } = await renewal.install(acknowledgeAll(renewal));

    expect(report.encryption?.outcome).toBe("renewed");
    expect(opened).toEqual(opens);
    expect(world.token.certificates).toHaveLength(4);
  });

  test("asks whether files are encrypted to the one before, at submit and at install", async () => {
    const world = await pairWorld();
    const draft = await reach("draft", world);
    const about = ({ guards }: Pick<Renewal, "guards">) =>
      guards.filter(({ from }) => from === "token").map(({ id }) => id);
    const others = ({ guards }: Pick<Renewal, "guards">) =>
      guards.filter(({ from }) => from !== "token").map(({ id }) => id);

    expect(draft.offer.encryption?.renewal).toBe("together");
    expect(about(draft)).toHaveLength(1);
    const choice = { ...acceptOffer(draft), acknowledge: others(draft) };
    const error = await failureOf(draft.submit(choice));
    const details = { guards: about(draft) };
    expect(error).toMatchObject({ code: "ERR_GUARD_UNACKNOWLEDGED", details });
    const ready = await reach("ready-to-install", await pairWorld());
    const late = await failureOf(ready.install({ acknowledge: others(ready) }));
    expect(late).toMatchObject({ code: "ERR_GUARD_UNACKNOWLEDGED", details });
  });

  test("an RA that does not deliver the second is told so, and nothing is written", async () => {
    const world = await pairWorld();
    const ready = await reach("ready-to-install", world);
    const { client } = world.program({ transport: withoutSecond(world) });
    const renewal = inState(await client.resume(ready.id), "ready-to-install");

    const error = await failureOf(renewal.install(acknowledgeAll(renewal)));

    expect(error).toMatchObject({
      code: "ERR_ISSUED_MISMATCH",
      problems: [{ pointer: "/encryption" }],
      renewal: { state: "ready-to-install" },
    });
    expect(world.token.certificates).toHaveLength(2);
    // Collected again, once the RA has mended it.
    const mended = inState(await world.program().client.resume(ready.id), "ready-to-install");
    expect((await mended.install(acknowledgeAll(mended))).state).toBe("completed");
  });

  test("one that delivers the first twice has issued for another key", async () => {
    const world = await pairWorld({}, { algorithm: "ec-p256" });
    const ready = await reach("ready-to-install", world);
    const { collect } = world.ra;
    const transport: Transport = {
      ...world.ra,
      collect: async (...given) => {
        const { certificate, chain } = await collect(...given);
        return { certificate, chain, encryption: { certificate, chain } };
      },
    };
    const renewal = inState(
      await world.program({ transport }).client.resume(ready.id),
      "ready-to-install",
    );

    const error = await failureOf(renewal.install(acknowledgeAll(renewal)));

    expect(error).toMatchObject({ code: "ERR_ISSUED_WRONG_KEY", details: { use: "encryption" } });
    expect(world.token.certificates).toHaveLength(2);
  });

  test("what is wrong with the second is told apart", async () => {
    const world = await pairWorld({}, { algorithm: "ec-p256" });
    const ready = await reach("ready-to-install", world);
    const { collect } = world.ra;
    const [, key] = world.token.keys.slice(-2);
    const transport: Transport = {
      ...world.ra,
      collect: async (...given) => {
        const issued = await collect(...given);
        const notAfter = new Date("2028-12-20T02:00:00Z");
        const der = world.ra.issue({
          spki: key?.spki ?? new Uint8Array(),
          subject: "CN=Sample Applicant",
          notBefore: world.clock.now(),
          notAfter,
          keyUsage: ["keyAgreement"],
        });
        return { ...issued, encryption: { certificate: der, chain: issued.chain } };
      },
    };
    const renewal = inState(
      await world.program({ transport }).client.resume(ready.id),
      "ready-to-install",
    );

    const error = await failureOf(renewal.install(acknowledgeAll(renewal)));

    expect(error).toMatchObject({
      code: "ERR_ISSUED_MISMATCH",
      problems: [{ pointer: "/encryption/notAfter" }],
    });
  });

  test("without its key pair on the token nothing is written", async () => {
    const world = await pairWorld({}, { algorithm: "ec-p256" });
    const ready = await reach("ready-to-install", world);
    const made = world.token.keys.at(-1);
    world.token.destroy({ kind: "key-pair", keyId: made?.keyId ?? new Uint8Array() });

    const error = await failureOf(ready.install(acknowledgeAll(ready)));

    expect(error).toMatchObject({
      code: "ERR_KEY_NOT_FOUND",
      details: { reason: "the new encryption key pair is not on the token" },
    });
    expect(world.token.certificates).toHaveLength(2);
  });

  test("a token with room for one pair alone is told so before anything is signed", async () => {
    const withMemory = (memory: number) =>
      pairWorld({ token: { memory } }, { algorithm: "ec-p256" });
    const { token } = await withMemory(1_000_000);
    const used = 1_000_000 - (token.freeMemory ?? 0);
    const world = await withMemory(used + 5000);
    const draft = await reach("draft", world);

    const error = await failureOf(draft.submit(acceptOffer(draft)));

    expect(error).toMatchObject({
      code: "ERR_TOKEN_FULL",
      details: { area: "public", neededBytes: 2 * (3072 + 32 + 512) },
    });
    expect(world.asked).toBe(0);
    expect(world.token.keys).toHaveLength(2);
  });

  test("requested at installation: both requests are handed in then", async () => {
    const world = await pairWorld(ra({ requestAt: "installation" }), { algorithm: "ec-p256" });
    const ready = await reach("ready-to-install", world);
    expect(world.token.keys).toHaveLength(2);

    const { report } = await ready.install(acknowledgeAll(ready));

    expect(report.encryption?.outcome).toBe("renewed");
    expect(world.token.keys).toHaveLength(4);
    expect(world.token.certificates).toHaveLength(4);
  });
});

describe("kept, and explained", () => {
  test.each<[string, WorldOptions, EncryptionOptions, RegExp]>([
    [
      "by the RA's policy",
      ra({ encryption: { renewal: "kept", note: "请到柜台办理加密证书" } }),
      {},
      /^请到柜台办理加密证书$/,
    ],
    [
      "without a word of the RA's own",
      ra({ encryption: { renewal: "kept" } }),
      {},
      /does not renew/,
    ],
  ])("%s", async (_, options, encryption, reason) => {
    const world = await pairWorld(options, encryption);

    const done = await reach("completed", world);

    const { report } = done;
    expect(report.encryption).toMatchObject({
      outcome: "kept",
      reason: expect.stringMatching(reason),
      previous: { label: "encryption", keyId: "02" },
    });
    expect(world.token.certificates).toHaveLength(3);
    expect(world.token.keys).toHaveLength(3);
    for (const kind of ["encryption-certificate", "decryption-key-pair"] as const) {
      const error = await failureOf(done.retirePrevious({ remove: [kind] }));
      expect(error.problems[0]?.message).toMatch(/the one in use/);
    }
    await done.retirePrevious({ remove: ["certificate", "key-pair"] });
    expect(world.token.keys.map(({ label }) => label)).toContain("encryption");
  });

  test("somebody else's on the same token is none of the credential", async () => {
    const world = await pairWorld({}, { subject: "CN=Somebody Else" });
    const { client } = world.program();

    expect((await theCredential(client)).encryption).toBeUndefined();
    expect((await reach("completed", world)).report.encryption).toBeUndefined();
    expect(world.token.certificates).toHaveLength(3);
  });
});

describe("a single certificate that signs and decrypts", () => {
  const both = { keyUsage: ["digitalSignature", "keyEncipherment"] } as const;

  test("has a new key that may do both", async () => {
    const world = await createWorld({ algorithm: "rsa-2048", certificate: both, ra: CLERKS });
    const { report } = await reach("completed", world);

    const key = world.token.findKey({ keyId: Buffer.from(report.renewed.keyId, "hex") });
    expect(key?.usage).toBe("encryption");
    expect(report.encryption).toBeUndefined();
  });

  test("whose key only signs is renewed all the same where the key is kept", async () => {
    const world = await createWorld({ algorithm: "rsa-2048", certificate: both, ra: CLERKS });
    const [held] = world.token.certificates;
    const [key] = world.token.keys;
    if (!held || !key) throw new Error("the token should have a pair");
    world.token.destroy({ kind: "key-pair", keyId: held.keyId });
    world.token.addKey({ ...key, usage: "signing" });

    const done = await completedWith(world, { keyMode: "renew" });

    expect(done.report.keyMode).toBe("renew");
    expect(world.token.certificates).toHaveLength(2);
  });
});

describe("retirePrevious", () => {
  const kinds: readonly [RetireOptions["remove"], certificates: number, keys: readonly string[]][] =
    [
      [["certificate"], 3, ["old", "encryption"]],
      [["key-pair"], 4, ["encryption"]],
      [["encryption-certificate"], 3, ["old", "encryption"]],
      [["decryption-key-pair"], 4, ["old"]],
      [["certificate", "key-pair", "encryption-certificate", "decryption-key-pair"], 2, []],
    ];

  test.each(kinds)("%s", async (remove, certificates, keys) => {
    const world = await pairWorld({}, { algorithm: "ec-p256" });
    const done = await reach("completed", world);

    await done.retirePrevious({ remove });

    const { token } = world;
    expect(token.certificates).toHaveLength(certificates);
    const left = token.keys.map(({ label }) => label);
    expect(left.filter((label) => label === "old" || label === "encryption")).toEqual(keys);
    // The new pairs are never touched.
    const { report } = done;
    if (report.encryption?.outcome !== "renewed") throw new Error("it was to be renewed");
    for (const { keyId, sha256 } of [report.renewed, report.encryption.renewed]) {
      expect(token.findKey({ keyId: Buffer.from(keyId, "hex") })).toBeDefined();
      expect(token.certificates.map(({ der }) => fingerprint(der))).toContain(sha256);
    }
  });

  test("removes nothing where the new encryption pair is not on the token", async () => {
    const world = await pairWorld({}, { algorithm: "ec-p256" });
    const done = await reach("completed", world);
    const { encryption } = done.report;
    if (encryption?.outcome !== "renewed") throw new Error("it was to be renewed");
    const keyId = Buffer.from(encryption.renewed.keyId, "hex");
    world.token.destroy({ kind: "key-pair", keyId });

    const error = await failureOf(done.retirePrevious({ remove: ["decryption-key-pair"] }));

    expect(error.code).toBe("ERR_PROOF_FAILED");
    expect(world.token.keys.map(({ label }) => label)).toContain("encryption");
  });

  test("of a signing key that opens files leaves an encryption pair that was kept", async () => {
    const world = await pairWorld({
      algorithm: "rsa-2048",
      certificate: { keyUsage: ["digitalSignature", "keyEncipherment"] },
      ...ra({ encryption: { renewal: "kept" } }),
    });
    const done = await reach("completed", world);

    await done.retirePrevious({ remove: ["decryption-key-pair"] });

    const left = world.token.keys.map(({ label }) => label);
    expect(left).toContain("encryption");
    expect(left).not.toContain("old");
  });

  test("of an encryption certificate that there never was is refused", async () => {
    const world = await createWorld({ ra: CLERKS });
    const done = await reach("completed", world);
    const error = await failureOf(done.retirePrevious({ remove: ["encryption-certificate"] }));
    expect(error).toMatchObject({ code: "ERR_ARGUMENT", problems: [{ pointer: "/remove" }] });
  });
});

/** An RA that keeps the encryption certificate for itself. */
function withoutSecond({ ra: transport }: World): Transport {
  return {
    ...transport,
    collect: async (...given) => {
      const { encryption: _, ...issued } = await transport.collect(...given);
      return issued;
    },
  };
}
