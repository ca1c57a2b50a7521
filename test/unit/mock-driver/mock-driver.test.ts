import {
  constants,
  createCipheriv,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  verify,
  X509Certificate,
} from "node:crypto";
import type { ProcessIdentity, Session } from "certrenew";
import {
  exportToken,
  type Fault,
  importToken,
  MockToken,
  type MockTokenOptions,
  mockDriver,
} from "certrenew/drivers/mock";
import { sampleCertificate } from "certrenew/testing";
import { describe, expect, test } from "vitest";
import { testClock } from "../../support/clock.js";

const PIN = "648219";
const OLD = Uint8Array.of(1);
const NEW = Uint8Array.of(2);

async function provisionedToken(options: MockTokenOptions = {}): Promise<MockToken> {
  const token = new MockToken({ label: "Sample", pin: PIN, ...options });
  const { spki } = await token.generateKeyPair({ algorithm: "ec-p256", keyId: OLD, label: "old" });
  token.importCertificate({ der: sampleCertificate(spki), keyId: OLD, label: "old" });
  return token;
}

async function unlocked(token: MockToken, ...faults: readonly Fault[]) {
  const clock = testClock();
  const driver = mockDriver({ tokens: [token], faults, clock });
  const session = await driver.unlock(token.identity, { pin: PIN });
  return { clock, driver, session };
}

const generate = (session: Session) =>
  session.generateKeyPair({ algorithm: "ec-p256", keyId: NEW, label: "new" });

describe("the PIN", () => {
  test("goes from ok over low and final to locked, and back with the right one", async () => {
    const token = await provisionedToken();
    const driver = mockDriver({ tokens: [token] });
    const states: unknown[] = [];
    for (const pin of ["1111", "2222", PIN, "3333", "4444", "5555"]) {
      const wrong = await driver.unlock(token.identity, { pin }).catch(({ code }) => code);
      if (typeof wrong !== "string") await wrong.close();
      const [{ pinState } = { pinState: "" }] = await driver.tokens();
      states.push([typeof wrong === "string" ? wrong : "unlocked", pinState]);
    }
    expect(states).toEqual([
      ["ERR_PIN_INCORRECT", "low"],
      ["ERR_PIN_INCORRECT", "final"],
      ["unlocked", "ok"],
      ["ERR_PIN_INCORRECT", "low"],
      ["ERR_PIN_INCORRECT", "final"],
      ["ERR_PIN_INCORRECT", "locked"],
    ]);
  });

  test("is told of, never told", async () => {
    const token = await provisionedToken();
    const driver = mockDriver({ tokens: [token] });
    await driver.unlock(token.identity, { pin: "1111" }).catch(() => {});
    await driver.unlock(token.identity, { pin: PIN });
    expect(token.pinPresentations).toEqual(["wrong", "right"]);
    expect(JSON.stringify(driver.calls)).not.toContain(PIN);
  });

  test("is not presented to a locked token, nor by an unlocking that was never begun", async () => {
    const token = await provisionedToken();
    const driver = mockDriver({ tokens: [token] });
    token.setWrongTries(3);
    await expect(driver.unlock(token.identity, { pin: PIN })).rejects.toMatchObject({
      code: "ERR_PIN_LOCKED",
    });
    token.setWrongTries(0);
    await expect(driver.unlock(token.identity)).rejects.toMatchObject({ code: "ERR_PIN_REQUIRED" });
    expect(token.pinPresentations).toEqual([]);
  });

  test("may be typed at the reader, or not be needed", async () => {
    const atReader = await provisionedToken({ protectedAuthenticationPath: true });
    await mockDriver({ tokens: [atReader] }).unlock(atReader.identity);
    expect(atReader.pinPresentations).toEqual(["right"]);
    const open = await provisionedToken({ loginRequired: false });
    await mockDriver({ tokens: [open] }).unlock(open.identity);
    expect(open.pinPresentations).toEqual([]);
  });
});

describe("a token that is pulled out", () => {
  test.each(["generateKeyPair", "sign", "findKeyPair", "destroy"] as const)(
    "at the second %s and at no other call",
    async (method) => {
      const token = await provisionedToken();
      const { session } = await unlocked(token, { type: "remove", method, call: 2 });
      const call = {
        generateKeyPair: () => generate(session),
        sign: () => sign(session),
        findKeyPair: () => session.findKeyPair({ keyId: OLD }),
        destroy: () => session.destroy({ kind: "certificate", keyId: NEW }),
      }[method];
      await call();
      await expect(call()).rejects.toMatchObject({ code: "ERR_TOKEN_REMOVED" });
      await expect(session.certificates()).rejects.toMatchObject({ code: "ERR_TOKEN_REMOVED" });
    },
  );

  test("before a call: nothing was done; after it: it was", async () => {
    for (const [when, keys] of [
      ["before", 1],
      ["after", 2],
    ] as const) {
      const token = await provisionedToken();
      const fault = { type: "remove", method: "generateKeyPair", when } as const;
      const { driver, session } = await unlocked(token, fault);
      await expect(generate(session)).rejects.toMatchObject({ code: "ERR_TOKEN_REMOVED" });
      expect(token.keys).toHaveLength(keys);
      expect(await driver.tokens()).toEqual([]);
    }
  });

  test("and plugged into another port is the same token, with a session to be opened anew", async () => {
    const token = await provisionedToken();
    const { driver, session } = await unlocked(token);
    const [before] = await driver.tokens();
    driver.fault({ type: "remove", method: "sign", thenInsert: "same" });
    await expect(sign(session)).rejects.toMatchObject({ code: "ERR_TOKEN_REMOVED" });
    const [after] = await driver.tokens();
    expect(after).toEqual({ ...before, slot: after?.slot });
    expect(after?.slot).not.toBe(before?.slot);
    await sign(await driver.unlock(token.identity, { pin: PIN }));
  });

  test("and exchanged for another one is not taken for it", async () => {
    const token = await provisionedToken();
    const other = new MockToken({ serialNumber: "0002", label: "Other", pin: PIN });
    const { driver, session } = await unlocked(token);
    driver.fault({ type: "remove", method: "importCertificate", thenInsert: other });
    const importing = session.importCertificate({ der: OLD, keyId: OLD, label: "" });
    await expect(importing).rejects.toMatchObject({
      code: "ERR_TOKEN_WRONG",
      details: { token: "Sample", found: "Other" },
    });
    expect(other.certificates).toEqual([]);
    expect(other.pinPresentations).toEqual([]);
  });
});

describe("a module", () => {
  test("that hangs is given up at the deadline, by the clock that was given", async () => {
    const token = await provisionedToken();
    const { clock, session } = await unlocked(token, { type: "hang", method: "generateKeyPair" });
    await expect(generate(session)).rejects.toMatchObject({
      code: "ERR_MODULE_HUNG",
      details: { deadlineMs: 30_000 },
    });
    expect(clock.slept).toEqual([30_000]);
    await expect(session.certificates()).rejects.toMatchObject({ code: "ERR_MODULE_HUNG" });
    expect(token.keys).toHaveLength(1);
  });

  test("that crashes after a call has done it, and ends the session", async () => {
    const token = await provisionedToken();
    const { driver, session } = await unlocked(token, {
      type: "crash",
      method: "generateKeyPair",
      when: "after",
    });
    await expect(generate(session)).rejects.toMatchObject({ code: "ERR_MODULE_CRASHED" });
    await expect(session.certificates()).rejects.toMatchObject({ code: "ERR_MODULE_CRASHED" });
    const next = await driver.unlock(token.identity, { pin: PIN });
    expect(await next.findKeyPair({ keyId: NEW })).toMatchObject({ algorithm: "ec-p256" });
  });

  test("that crashes while the PIN is presented leaves its result unknown", async () => {
    const token = await provisionedToken();
    const fault = { type: "crash", method: "unlock", when: "after" } as const;
    const driver = mockDriver({ tokens: [token], faults: [fault] });
    await expect(driver.unlock(token.identity, { pin: "1111" })).rejects.toMatchObject({
      code: "ERR_PIN_INCORRECT",
    });
    driver.fault(fault);
    await expect(driver.unlock(token.identity, { pin: PIN })).rejects.toMatchObject({
      code: "ERR_MODULE_CRASHED",
    });
    expect(token.pinPresentations).toEqual(["wrong", "right"]);
  });

  test("that is slow takes its time, and can be stopped", async () => {
    const token = await provisionedToken();
    const { clock, driver } = await unlocked(token);
    driver.fault({ type: "slow", ms: 5000 });
    await driver.tokens();
    expect(clock.slept).toEqual([5000]);
    const waiting = mockDriver({ tokens: [token], faults: [{ type: "slow", ms: 5000 }] });
    const controller = new AbortController();
    const listing = waiting.tokens({ signal: controller.signal });
    controller.abort();
    await expect(listing).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });

  test("may fail as the catalogue says, once or always", async () => {
    const token = await provisionedToken();
    const { driver, session } = await unlocked(token);
    driver.fault({ type: "fail", code: "ERR_TOKEN_FULL", method: "generateKeyPair" });
    await expect(generate(session)).rejects.toMatchObject({ code: "ERR_TOKEN_FULL" });
    await generate(session);
    driver.fault({ type: "fail", code: "ERR_MODULE_MISSING", method: "tokens", call: "every" });
    for (const _ of [1, 2, 3]) {
      await expect(driver.tokens()).rejects.toMatchObject({ code: "ERR_MODULE_MISSING" });
    }
    expect(driver.calls.map(({ method, outcome }) => `${method} ${outcome}`)).toEqual([
      "unlock ok",
      "generateKeyPair ERR_TOKEN_FULL",
      "generateKeyPair ok",
      ...Array(3).fill("tokens ERR_MODULE_MISSING"),
    ]);
  });
});

describe("a token", () => {
  test("tells of its memory, and is full when that is used up", async () => {
    const token = await provisionedToken({ memory: 2000 });
    const { driver, session } = await unlocked(token);
    const room = async () => (await driver.tokens())[0]?.freeMemory?.private ?? 0;
    const before = await room();
    await generate(session);
    expect(await room()).toBeLessThan(before);
    await session.importCertificate({ der: new Uint8Array(400), keyId: NEW, label: "x" });
    await expect(
      session.generateKeyPair({ algorithm: "rsa-2048", keyId: NEW, label: "" }),
    ).rejects.toMatchObject({ code: "ERR_TOKEN_FULL" });
    expect((await session.certificates()).certificates).toHaveLength(2);
  });

  test("hides its private keys before login, unless it is one that does not", async () => {
    for (const [privateKeysVisible, seen] of [
      [false, "unknown"],
      [true, "present"],
    ] as const) {
      const token = await provisionedToken({ privateKeysVisible });
      const [contents] = await mockDriver({ tokens: [token] }).certificates();
      expect(contents?.certificates.map(({ privateKey }) => privateKey)).toEqual([seen]);
    }
  });

  test("refuses algorithms that it does not have", async () => {
    const token = await provisionedToken({
      keyAlgorithms: ["rsa-2048"],
      signatureAlgorithms: ["sha256WithRSAEncryption"],
    });
    const { session } = await unlocked(token);
    const refusal = { code: "ERR_ALGORITHM_UNSUPPORTED" };
    await expect(generate(session)).rejects.toMatchObject(refusal);
    await expect(sign(session)).rejects.toMatchObject(refusal);
  });

  test("outlives its driver, and is found by the next one", async () => {
    const token = await provisionedToken();
    const first = await unlocked(token);
    await generate(first.session);
    await first.driver.close();
    const { session } = await unlocked(token);
    expect(await session.findKeyPair({ keyId: NEW })).toMatchObject({ algorithm: "ec-p256" });
  });

  test("loses the sessions of a dead owner to whoever takes over", async () => {
    const token = await provisionedToken();
    const first = mockDriver({ tokens: [token] });
    const hosts: ProcessIdentity[] = [];
    const session = await first.unlock(token.identity, {
      pin: PIN,
      onHost: async (host) => void hosts.push(host),
    });
    const [host] = hosts;
    if (!host) throw new Error("no host was told");
    const second = mockDriver({ tokens: [token] });
    await second.endHost({ ...host, startedAt: "another time" });
    await session.certificates();
    await second.endHost(host);
    await expect(session.certificates()).rejects.toMatchObject({ code: "ERR_MODULE_CRASHED" });
  });

  test("is the same in another process", async () => {
    const token = await provisionedToken({ memory: 4000, pinTries: Number.POSITIVE_INFINITY });
    token.presentPin("wrong");
    const again = importToken(JSON.parse(JSON.stringify(exportToken(token))));
    expect(again.identity).toEqual(token.identity);
    expect(again.settings).toEqual(token.settings);
    expect(again.pinState).toBe("low");
    expect(again.freeMemory).toBe(token.freeMemory);
    expect(again.certificates).toEqual(token.certificates);
    const { session } = await unlocked(again);
    const signature = await sign(session);
    const [{ der } = { der: OLD }] = token.certificates;
    const { publicKey } = new X509Certificate(der);
    expect(verify("sha256", MESSAGE, publicKey, signature)).toBe(true);
  });
});

describe("RSA keys", () => {
  test("sign with the padding that the driver is asked for", async () => {
    const token = await provisionedToken();
    const driver = mockDriver({ tokens: [token], rsaPadding: "pss" });
    const [listed] = await driver.tokens();
    expect(listed?.signatureAlgorithms[0]).toBe("RSASSA-PSS-SHA256");
    const session = await driver.unlock(token.identity, { pin: PIN });
    expect(session.token.signatureAlgorithms).toEqual(listed?.signatureAlgorithms);
    expect((await mockDriver({ tokens: [token] }).tokens())[0]?.signatureAlgorithms[0]).toBe(
      "sha256WithRSAEncryption",
    );
  });

  test("come out of an envelope, are for encryption, and stay so in another process", async () => {
    const token = await provisionedToken();
    const opening = await token.generateKeyPair({
      ...{ algorithm: "rsa-2048", keyId: NEW, label: "opens", usage: "encryption" },
    });
    const made = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const spki = new Uint8Array(made.publicKey.export({ type: "spki", format: "der" }));
    const aesKey = randomBytes(16);
    const cipher = createCipheriv("id-aes128-wrap-pad", aesKey, Buffer.from("A65959A6", "hex"));
    const pkcs8 = made.privateKey.export({ type: "pkcs8", format: "der" });
    const recipient = { key: Buffer.from(opening.spki), type: "spki", format: "der" } as const;
    const wanted = {
      envelopedKey: {
        encryptedKey: publicEncrypt({ ...recipient, oaepHash: "sha256" }, aesKey),
        keyEncryption: "rsaes-oaep-sha256",
        wrappedPrivateKey: Buffer.concat([cipher.update(pkcs8), cipher.final()]),
      },
      unwrappingKey: { keyId: NEW },
      spki,
      keyId: Uint8Array.of(3),
      label: "from the CA",
    } as const;
    const { session } = await unlocked(token);
    await expect(session.importKeyPair?.({ ...wanted, spki: opening.spki })).rejects.toMatchObject({
      code: "ERR_DECRYPTION_FAILED",
    });
    for (const _ of [1, 2]) await session.importKeyPair?.(wanted);
    expect(token.keys.map(({ usage }) => usage)).toEqual([undefined, "encryption", "encryption"]);

    const again = await unlocked(importToken(JSON.parse(JSON.stringify(exportToken(token)))));
    const key = { keyId: wanted.keyId };
    const padding = constants.RSA_PKCS1_PADDING;
    const ciphertext = publicEncrypt({ key: made.publicKey, padding }, MESSAGE);
    const decrypted = await again.session.decrypt?.({
      ...{ key, algorithm: "rsaes-pkcs1-v1_5", ciphertext },
    });
    expect(decrypted).toEqual(MESSAGE);
    await expect(
      again.session.sign({ key, algorithm: "sha256WithRSAEncryption", message: MESSAGE }),
    ).rejects.toMatchObject({ code: "ERR_ALGORITHM_UNSUPPORTED" });
  });
});

test("a listener that throws changes nothing", async () => {
  const token = await provisionedToken();
  const driver = mockDriver();
  const seen: string[] = [];
  const controller = new AbortController();
  driver.watch(() => {
    throw new Error("a listener's own");
  });
  driver.watch(({ type, token: { label } }) => seen.push(`${type} ${label}`), {
    signal: controller.signal,
  });
  driver.insert(token);
  driver.insert(token);
  driver.remove(token);
  controller.abort();
  driver.insert(token);
  expect(seen).toEqual(["inserted Sample", "removed Sample"]);
});

const MESSAGE = new TextEncoder().encode("what is signed");

const sign = (session: Session) =>
  session.sign({ key: { keyId: OLD }, algorithm: "ecdsa-with-SHA256", message: MESSAGE });
