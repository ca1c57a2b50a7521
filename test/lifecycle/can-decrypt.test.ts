import type { DecryptionOutlook, RenewalClientOptions } from "certrenew";
import { describe, expect, test } from "vitest";
import { parseCertificate } from "../../src/core/pki/certificate.js";
import { encryptTo } from "../support/envelopes.js";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  addEncryptionCertificate,
  createWorld,
  failureOf,
  inState,
  PIN,
  theCredential,
  transferOf,
  type World,
  type WorldOptions,
} from "./world.js";

/** A certificate that signs, and to which bids are encrypted. */
const BOTH_USES = { keyUsage: ["digitalSignature", "keyEncipherment"] } as const;
const bidder = (options: WorldOptions = {}) =>
  createWorld({ algorithm: "rsa-2048", certificate: BOTH_USES, ra: CLERKS, ...options });

/** A certificate that signs, and another one to which bids are encrypted. */
async function bidderWithTwo(): Promise<World & { readonly encryption: Uint8Array }> {
  const world = await createWorld({ algorithm: "rsa-2048", ra: CLERKS });
  const keyUsage = ["keyEncipherment", "dataEncipherment"] as const;
  return Object.assign(world, { encryption: await addEncryptionCertificate(world, { keyUsage }) });
}

const newest = ({ token }: World): Uint8Array => token.certificates.at(-1)?.der ?? new Uint8Array();
const told = ({ answer, reason }: DecryptionOutlook) => `${answer}: ${reason}`;
const identifierOf = (der: Uint8Array) => {
  const { issuerDer: issuer, serialNumber } = parseCertificate(der);
  return { issuer, serialNumber };
};
const OPENED = "yes: opened";

describe("an envelope to the certificate that is renewed", () => {
  test("opens before payment and after installation", async () => {
    const world = await bidder();
    const program = world.program();
    const { client } = program;
    const old = encryptTo([newest(world)], { options: ["-stream"] });

    const unpaid = await reach("awaiting-payment", world, program);
    const asked = world.asked;
    expect(told(await client.canDecrypt(old))).toBe("unknown: pin-needed");
    expect(world.asked).toBe(asked);
    const outlook = await client.canDecrypt(old, { unlock: true });
    expect(world.asked).toBe(asked + 1);
    expect(told(outlook)).toBe(OPENED);
    expect(outlook.by).toMatchObject({
      token: { label: "Sample key" },
      certificate: { sha256: unpaid.previous.sha256 },
    });
    expect(outlook.recipients).toEqual([
      {
        kind: "key-transport",
        identifier: {
          issuer: expect.any(Uint8Array),
          serialNumber: unpaid.previous.serialNumber,
        },
      },
    ]);

    await unpaid.payByBankTransfer(transferOf(unpaid.payment?.total.amount ?? 0));
    world.ra.desk.book(unpaid.id);
    world.ra.desk.approve(unpaid.id);
    const reviewed = inState(await client.resume(unpaid.id), "awaiting-review");
    const ready = inState(await reviewed.refresh(), "ready-to-install");
    const { report } = await ready.install(acknowledgeAll(ready));

    expect(told(await client.canDecrypt(old, { unlock: true }))).toBe(OPENED);
    expect(world.token.certificates).toHaveLength(2);
    const renewed = await client.canDecrypt([identifierOf(newest(world))], { unlock: true });
    expect(told(renewed)).toBe("yes: key-present");
    expect(renewed.by?.certificate.sha256).toBe(report.renewed.sha256);
  });

  test("opens as one to the new certificate does, where that is one for encryption", async () => {
    const world = await bidderWithTwo();
    const program = world.program();
    const { client } = program;
    const old = encryptTo([world.encryption]);
    const done = await reach("completed", world, program);

    const { encryption } = done.report;
    if (encryption?.outcome !== "renewed") throw new Error("it was to be renewed");
    expect(told(await client.canDecrypt(old, { unlock: true }))).toBe(OPENED);
    const bid = encryptTo([encryption.renewed.der]);
    const outlook = await client.canDecrypt(bid, { unlock: true });
    expect(told(outlook)).toBe(OPENED);
    expect(outlook.by?.certificate.sha256).toBe(encryption.renewed.sha256);

    await done.retirePrevious({ remove: ["decryption-key-pair"] });
    expect(told(await client.canDecrypt(old, { unlock: true }))).toBe("no: key-gone");
    const toEither = encryptTo([world.encryption, encryption.renewed.der]);
    expect(told(await client.canDecrypt(toEither, { unlock: true }))).toBe(OPENED);
  });

  test("opens without its certificate, and no more without its key", async () => {
    const world = await bidder();
    const program = world.program();
    const { client } = program;
    const old = encryptTo([newest(world)]);
    const done = await reach("completed", world, program);

    const without = await done.retirePrevious({ remove: ["certificate"] });
    expect(world.token.certificates).toHaveLength(1);
    expect(told(await client.canDecrypt(old))).toBe("unknown: pin-needed");
    expect(told(await client.canDecrypt(old, { unlock: true }))).toBe(OPENED);

    await without.retirePrevious({ remove: ["decryption-key-pair"] });
    const gone = await client.canDecrypt(old, { unlock: true });
    expect(told(gone)).toBe("no: key-gone");
    expect(gone.en).toMatch(/Sample key, but the key is no longer there/);
    expect(gone.zh).toMatch(/“Sample key”.*密钥已不在其中/);
  });

  test("is told without a PIN where the token shows its keys", async () => {
    const world = await bidder({ token: { privateKeysVisible: true } });
    const program = world.program();
    const old = encryptTo([newest(world)]);

    expect(told(await program.client.canDecrypt(old))).toBe("yes: key-present");
    expect(world.asked).toBe(0);
    const done = await reach("completed", world, program);
    expect(told(await program.client.canDecrypt(old))).toBe("yes: key-present");
    await done.retirePrevious({ remove: ["decryption-key-pair"] });
    // The store remembers the certificate as well; the token has the last word.
    expect(told(await program.client.canDecrypt(old, { unlock: true }))).toBe("no: key-gone");
  });

  test("of a token that is not plugged in is not known", async () => {
    const world = await bidder();
    const old = encryptTo([newest(world)]);
    const { client } = world.program({}, { tokens: [] });

    expect(told(await client.canDecrypt(old))).toBe("unknown: no-token");
    await reach("draft", world);
    const away = await client.canDecrypt(old, { unlock: true });
    expect(told(away)).toBe("unknown: token-away");
    expect(away.by?.token.label).toBe("Sample key");
    expect(world.asked).toBe(0);
  });

  test("opens with an expired certificate", async () => {
    const world = await bidder({
      certificate: { ...BOTH_USES, notAfter: new Date("2026-11-01T00:00:00Z") },
    });
    const { client } = world.program();
    expect((await theCredential(client)).eligibility.reasons).toContain("expired");
    const old = encryptTo([newest(world)]);
    expect(told(await client.canDecrypt(old, { unlock: true }))).toBe(OPENED);
  });
});

describe("an envelope", () => {
  test("that names the key by its identifier, or is encrypted with OAEP, opens", async () => {
    const world = await bidder();
    const { client } = world.program();
    for (const given of [
      { options: ["-keyid"] },
      { options: ["-aes-256-gcm"], recipientOptions: ["-keyopt", "rsa_padding_mode:oaep"] },
    ]) {
      const envelope = encryptTo([newest(world)], given);
      expect(told(await client.canDecrypt(envelope, { unlock: true }))).toBe(OPENED);
    }
  });

  test("whose key was tampered with does not open", async () => {
    const world = await bidder();
    const { client } = world.program();
    const envelope = encryptTo([newest(world)], {
      recipientOptions: ["-keyopt", "rsa_padding_mode:oaep"],
    });
    const at = Buffer.from(envelope).indexOf(Uint8Array.of(0x04, 0x82, 0x01, 0x00)) + 100;
    envelope[at] = (envelope[at] ?? 0) ^ 1;
    expect(told(await client.canDecrypt(envelope, { unlock: true }))).toBe("no: not-opened");
  });

  test("whose key is encrypted in a way that the token cannot do is not tried", async () => {
    const world = await bidder();
    const { client } = world.program();
    const how = ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"];
    const recipientOptions = [...how, "-keyopt", "rsa_mgf1_md:sha1"];
    const envelope = encryptTo([newest(world)], { recipientOptions });
    expect(told(await client.canDecrypt(envelope, { unlock: true }))).toBe("unknown: not-tried");
  });

  test("to an EC key is told by the key alone", async () => {
    const world = await createWorld({
      certificate: { keyUsage: ["digitalSignature", "keyAgreement"] },
    });
    const { client } = world.program();
    const envelope = encryptTo([newest(world)]);
    expect(told(await client.canDecrypt(envelope))).toBe("unknown: pin-needed");
    expect(told(await client.canDecrypt(envelope, { unlock: true }))).toBe("yes: key-present");
  });

  test("to somebody else does not open, with a password perhaps", async () => {
    const world = await bidder();
    const { client } = world.program();
    const another = newest(await bidder());
    expect(told(await client.canDecrypt(encryptTo([another])))).toBe("no: not-addressed");
    const options = ["-pwri_password", "sample"];
    const envelope = encryptTo([another], { options });
    const outlook = await client.canDecrypt(envelope, { unlock: true });
    expect(told(outlook)).toBe("unknown: other-recipients");
    expect(outlook.recipients.map(({ kind }) => kind).sort()).toEqual([
      "key-transport",
      "unsupported",
    ]);
    expect(world.asked).toBe(0);
  });

  test("may be given by its recipients", async () => {
    const world = await bidder();
    const { client } = world.program();
    const { issuer, serialNumber } = identifierOf(newest(world));
    const { subjectKeyId } = parseCertificate(newest(world));
    for (const recipient of [
      { issuer, serialNumber: serialNumber.toLowerCase() },
      { subjectKeyIdentifier: subjectKeyId?.toUpperCase() ?? "" },
    ]) {
      const outlook = await client.canDecrypt([recipient], { unlock: true });
      expect(told(outlook)).toBe("yes: key-present");
    }
  });

  test.each([
    ["bytes that are none", new TextEncoder().encode("a bid")],
    ["no recipient", []],
    ["a recipient without a name", [{} as never]],
    ["text", "a bid" as never],
  ])("is refused where it is none: %s", async (_, envelope) => {
    const world = await bidder();
    const error = await failureOf(world.program().client.canDecrypt(envelope));
    expect(error).toMatchObject({ code: "ERR_ARGUMENT", problems: [{ pointer: "/envelope" }] });
  });
});

describe("the PIN", () => {
  test("is asked for to decrypt, and a wrong one is not presented twice", async () => {
    const world = await bidder();
    const reasons: string[] = [];
    const pins = ["000000", PIN];
    const { client } = world.program({
      pin: ({ reason }) => {
        reasons.push(reason);
        return pins.shift();
      },
    });
    const old = encryptTo([newest(world)]);

    const wrong = await failureOf(client.canDecrypt(old, { unlock: true }));
    expect(wrong).toMatchObject({ code: "ERR_PIN_INCORRECT", impact: { key: "untouched" } });
    const again = await failureOf(client.canDecrypt(old, { unlock: true }));
    expect(again.code).toBe("ERR_PIN_RETRY");
    expect(told(await client.canDecrypt(old, { unlock: true, retryPin: true }))).toBe(OPENED);
    expect(reasons).toEqual(["decrypt", "decrypt"]);
  });

  test("is asked for where a token has a key in question, until one opens it", async () => {
    const [first, second, third] = [await bidder(), await bidder(), await bidder()];
    Object.assign(second.token.identity, { serialNumber: "0002", label: "Second key" });
    Object.assign(third.token.identity, { serialNumber: "0003", label: "Third key" });
    const labels: string[] = [];
    const pin: RenewalClientOptions["pin"] = ({ token }) => {
      labels.push(token.label);
      return PIN;
    };
    const tokens = [first.token, second.token, third.token];
    const { client } = first.program({ pin }, { tokens });
    first.token.destroy({ kind: "key-pair", keyId: Uint8Array.of(1) });
    const toAll = encryptTo([newest(first), newest(second), newest(third)]);
    const toThird = encryptTo([newest(third)]);

    const outlook = await client.canDecrypt(toAll, { unlock: true });

    expect(told(outlook)).toBe(OPENED);
    expect(outlook.by?.token.label).toBe("Second key");
    expect(labels).toEqual(["Sample key", "Second key"]);
    expect((await client.canDecrypt(toThird, { unlock: true })).by?.token.label).toBe("Third key");
  });

  test("is not asked for once the signal has aborted", async () => {
    const world = await bidder();
    const old = encryptTo([newest(world)]);
    const options = { unlock: true, signal: AbortSignal.abort() };
    const error = await failureOf(world.program().client.canDecrypt(old, options));
    expect(error.code).toBe("ERR_ABORTED");
    expect(world.asked).toBe(0);
  });
});

describe("the guards", () => {
  test("ask about files encrypted to the present certificate, at submit and at install", async () => {
    const world = await bidder();
    const draft = await reach("draft", world);
    const id = "files-encrypted-to-previous";
    expect(draft.guards).toContainEqual(expect.objectContaining({ id, from: "token" }));
    const acknowledge = draft.guards.map((guard) => guard.id).filter((each) => each !== id);

    const error = await failureOf(draft.submit({ ...acceptOffer(draft), acknowledge }));
    expect(error).toMatchObject({ code: "ERR_GUARD_UNACKNOWLEDGED", details: { guards: [id] } });
    await inState(error.renewal, "draft").discard();

    const ready = await reach("ready-to-install", world);
    const late = await failureOf(ready.install({ acknowledge }));
    expect(late).toMatchObject({ code: "ERR_GUARD_UNACKNOWLEDGED", details: { guards: [id] } });
    const again = inState(late.renewal, "ready-to-install");
    expect((await again.install(acknowledgeAll(again))).state).toBe("completed");
  });

  test("of the platform may look whether its files can be opened, without a PIN", async () => {
    const world = await bidder();
    const bids = new Map([
      ["bid-7", encryptTo([newest(world)])],
      ["bid-8", encryptTo([newest(await bidder())])],
    ]);
    const guards: RenewalClientOptions["guards"] = async (_, { canDecrypt }) => {
      const outlooks = [...bids].map(async ([id, bid]) => ({ id, ...(await canDecrypt(bid)) }));
      return (await Promise.all(outlooks))
        .filter(({ answer }) => answer !== "no")
        .map(({ id, en, zh }) => ({ id, en, zh }));
    };

    const draft = await reach("draft", world, world.program({ guards }));
    const acknowledge = ["open-bids", "files-encrypted-to-previous"];
    const error = await failureOf(draft.submit({ ...acceptOffer(draft), acknowledge }));

    expect(error).toMatchObject({
      code: "ERR_GUARD_UNACKNOWLEDGED",
      details: { guards: ["bid-7"] },
      problems: [{ message: expect.stringMatching(/^bid-7: .*Sample key.* after the PIN/) }],
    });
    expect(world.asked).toBe(0);
  });
});
