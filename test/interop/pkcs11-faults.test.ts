import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pkcs11Driver } from "certrenew/drivers/pkcs11";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RenewalError } from "../../src/core/errors.js";
import type { Driver, Session } from "../../src/core/ports/driver.js";
import { type ProcessIdentity, processState } from "../../src/core/process-identity.js";
import type { Pkcs11DriverOptions } from "../../src/drivers/pkcs11/driver.js";
import { PIN, provisionedStore, WRONG_PIN } from "../support/softhsm.js";
import { type VendorModule, vendorModule } from "../support/vendor-module.js";

const CKR = {
  GENERAL_ERROR: 0x5,
  DEVICE_ERROR: 0x30,
  DEVICE_MEMORY: 0x31,
  DEVICE_REMOVED: 0x32,
  PIN_LOCKED: 0xa4,
  SESSION_HANDLE_INVALID: 0xb3,
  TOKEN_NOT_PRESENT: 0xe0,
};
const CKF_USER_PIN_FINAL_TRY = 0x20000;
const CKA_LABEL = 3;

let store: ReturnType<typeof provisionedStore>;
let vendor: VendorModule;
let driver: Driver;

beforeEach(() => {
  store = provisionedStore("EC:prime256v1");
  vendor = vendorModule(store);
  driver = makeDriver();
});

afterEach(async () => {
  vendor.order();
  await driver.close();
  store.erase();
});

describe("a module that hangs", () => {
  test("is ended at the deadline, and the next listing has a new host", async () => {
    const hasty = makeDriver({ deadlines: { list: 1_000 } });
    vendor.order("hang C_GetTokenInfo");
    const error = await failureOf(hasty.tokens());
    expect(error).toMatchObject({
      code: "ERR_MODULE_HUNG",
      details: { request: "tokens", deadlineMs: 1_000, module: vendor.module },
    });
    vendor.order();
    expect(await hasty.tokens()).toHaveLength(1);
    await hasty.close();
  });

  test("in the middle of a session ends it, and leaves no process and no key", async () => {
    const hasty = makeDriver({ deadlines: { generate: 500 } });
    const { session, host } = await unlocked(hasty);
    vendor.order("hang C_GenerateKeyPair");
    expect(await failureOf(session.generateKeyPair(NEW_KEY))).toMatchObject({
      code: "ERR_MODULE_HUNG",
      details: { request: "generate", deadlineMs: 500 },
    });
    expect(await processState(host)).toBe("dead");
    expect(await failureOf(session.certificates())).toMatchObject({ code: "ERR_MODULE_HUNG" });
    vendor.order();
    await using again = await hasty.unlock(store.token, { pin: PIN });
    expect(await again.findKeyPair(NEW_KEY)).toBeUndefined();
    await hasty.close();
  });

  test("is ended when the caller aborts the call", async () => {
    const { session, host } = await unlocked();
    vendor.order("hang C_GenerateKeyPair");
    const controller = new AbortController();
    const generating = failureOf(
      session.generateKeyPair({ ...NEW_KEY, signal: controller.signal }),
    );
    await vi.waitFor(() => expect(vendor.calls()).toContain("C_GenerateKeyPair"));
    controller.abort(new Error("the user pressed cancel"));
    const error = await generating;
    expect(error.code).toBe("ERR_ABORTED");
    expect(error.cause).toMatchObject({ message: "the user pressed cancel" });
    expect(await processState(host)).toBe("dead");
  });

  test("lets a queued call be aborted alone", async () => {
    const { session } = await unlocked();
    vendor.order("slow C_GenerateKeyPair 1");
    const generating = session.generateKeyPair(NEW_KEY);
    const controller = new AbortController();
    const queued = failureOf(session.certificates({ signal: controller.signal }));
    await vi.waitFor(() => expect(vendor.calls()).toContain("C_GenerateKeyPair"));
    controller.abort();
    expect((await queued).code).toBe("ERR_ABORTED");
    expect((await generating).algorithm).toBe("ec-p256");
  });
});

describe("a module that crashes", () => {
  test.each([
    ["crash C_Sign", { signal: "SIGSEGV" }],
    ["exit C_Sign", { exitCode: 3 }],
  ])("%s: is told with how it ended, and the token can be unlocked again", async (order, how) => {
    const { session } = await unlocked();
    vendor.order(order);
    expect(await failureOf(sign(session))).toMatchObject({
      code: "ERR_MODULE_CRASHED",
      details: { request: "sign", ...how },
    });
    await session.close();
    vendor.order();
    await using again = await driver.unlock(store.token, { pin: PIN });
    expect((await sign(again)).length).toBeGreaterThan(60);
  });

  test("while it is loaded is no missing module", async () => {
    vendor.order("crash C_Initialize");
    expect(await failureOf(driver.tokens())).toMatchObject({ code: "ERR_MODULE_CRASHED" });
    vendor.order();
    expect(await driver.tokens()).toHaveLength(1);
  });

  test("does not give the PIN away in what it printed", async () => {
    vendor.order(`print C_Login the-PIN-is-${PIN}`, "crash C_Login");
    const error = await failureOf(driver.unlock(store.token, { pin: PIN }));
    expect(error.code).toBe("ERR_MODULE_CRASHED");
    expect(String(error.cause)).toContain("the-PIN-is-•••");
  });
});

describe("a module that cannot be used", () => {
  test.each([
    ["no such file", "/nowhere/module.so", /no such file/],
    ["no library", import.meta.filename, /no library/],
    ["no PKCS#11 module", "libc.so.6", /no C_GetFunctionList/],
  ])("is missing: %s", async (_, module, reason) => {
    const error = await failureOf(makeDriver({ module }).tokens());
    expect(error.code).toBe("ERR_MODULE_MISSING");
    expect(error.details).toMatchObject({ module, reason: expect.stringMatching(reason) });
  });

  test("is missing when it cannot be initialised, and there again when it can", async () => {
    vendor.order(`fail C_Initialize ${CKR.GENERAL_ERROR}`);
    expect(await failureOf(driver.tokens())).toMatchObject({
      code: "ERR_MODULE_MISSING",
      details: { reason: "C_Initialize: CKR_GENERAL_ERROR", ckr: "CKR_GENERAL_ERROR" },
    });
    vendor.order();
    expect(await driver.tokens()).toHaveLength(1);
  });

  test("an executable or a host that cannot be started is told with the reason", async () => {
    const noNode = makeDriver({ execPath: "/nowhere/node" });
    expect(await failureOf(noNode.tokens())).toMatchObject({
      code: "ERR_MODULE_MISSING",
      details: { reason: expect.stringMatching(/ENOENT/) },
    });
    const broken = join(store.folder, "host.mjs");
    expect(await failureOf(makeDriver({ hostPath: broken }).tokens())).toMatchObject({
      code: "ERR_MODULE_MISSING",
      details: { reason: "the host file is missing" },
    });
    writeFileSync(broken, "nonsense(;");
    expect(await failureOf(makeDriver({ hostPath: broken }).tokens())).toMatchObject({
      code: "ERR_MODULE_MISSING",
      details: { reason: expect.stringMatching(/SyntaxError/) },
    });
  });

  test("the binding itself may be missing", async () => {
    // The built package without its node_modules, as after an installation without a compiler.
    const folder = mkdtempSync(join(tmpdir(), "certrenew-bare-"));
    const dist = fileURLToPath(new URL("../../dist", import.meta.url));
    cpSync(dist, join(folder, "dist"), { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    const hostPath = join(folder, "dist/drivers/pkcs11/host.js");
    expect(await failureOf(makeDriver({ hostPath }).tokens())).toMatchObject({
      code: "ERR_NATIVE_UNAVAILABLE",
      details: { reason: expect.stringMatching(/graphene-pk11|pkcs11js/) },
    });
    rmSync(folder, { recursive: true });
  });
});

describe("the PIN", () => {
  const logins = () => vendor.calls().filter((call) => call === "CKU_USER").length;

  test("is presented once for each unlock, right or wrong", async () => {
    const { session } = await unlocked();
    await sign(session);
    await session.certificates();
    expect(logins()).toBe(1);
    await failureOf(driver.unlock(store.token, { pin: WRONG_PIN }));
    expect(logins()).toBe(2);
  });

  test("is not presented by listing, to a locked token, after a refusal, or when there is none", async () => {
    await driver.certificates();
    vendor.order("flags 262144");
    expect(await failureOf(driver.unlock(store.token, { pin: PIN }))).toMatchObject({
      code: "ERR_PIN_LOCKED",
      details: { token: expect.stringContaining("Sample Token") },
    });
    vendor.order();
    const onHost = () => Promise.reject(new Error("not saved"));
    await expect(driver.unlock(store.token, { pin: PIN, onHost })).rejects.toThrow("not saved");
    expect(await failureOf(driver.unlock(store.token))).toMatchObject({ code: "ERR_PIN_REQUIRED" });
    expect(logins()).toBe(0);
  });

  test("locked by this very try is told as locked", async () => {
    vendor.order(`fail C_Login ${CKR.PIN_LOCKED}`);
    const error = await failureOf(driver.unlock(store.token, { pin: WRONG_PIN }));
    expect(error).toMatchObject({ code: "ERR_PIN_LOCKED", details: { ckr: "CKR_PIN_LOCKED" } });
  });

  test("on its final try shows in the token's state", async () => {
    vendor.order(`flags ${CKF_USER_PIN_FINAL_TRY}`);
    expect((await driver.tokens())[0]?.pinState).toBe("final");
  });
});

describe("a native failure in a session", () => {
  const { GENERAL_ERROR, DEVICE_ERROR, DEVICE_REMOVED, SESSION_HANDLE_INVALID, TOKEN_NOT_PRESENT } =
    CKR;

  test.each([
    GENERAL_ERROR,
    DEVICE_ERROR,
    DEVICE_REMOVED,
    SESSION_HANDLE_INVALID,
    TOKEN_NOT_PRESENT,
  ])("is a removal when the token is gone: CK_RV %i", async (rv) => {
    const { session } = await unlocked();
    vendor.order(`removed ${rv}`);
    expect(await failureOf(sign(session))).toMatchObject({
      code: "ERR_TOKEN_REMOVED",
      details: { ckr: expect.stringMatching(/^CKR_/), token: expect.stringContaining("Sample") },
    });
  });

  test("is another token when that is in the reader now", async () => {
    const { session } = await unlocked();
    vendor.order("serial 0002", `fail C_Sign ${DEVICE_ERROR}`);
    expect(await failureOf(sign(session))).toMatchObject({
      code: "ERR_TOKEN_WRONG",
      details: { found: "Sample Token (0002)" },
    });
  });

  test("is a failure of the token when it is still there", async () => {
    const { session } = await unlocked();
    vendor.order(`fail C_Sign ${GENERAL_ERROR}`);
    expect(await failureOf(sign(session))).toMatchObject({
      code: "ERR_TOKEN_FAILURE",
      details: { ckr: "CKR_GENERAL_ERROR" },
    });
  });

  test("is a lost session when the token was unplugged and is back", async () => {
    const { session } = await unlocked();
    vendor.order(`fail C_Sign ${SESSION_HANDLE_INVALID}`);
    expect(await failureOf(sign(session))).toMatchObject({ code: "ERR_TOKEN_REMOVED" });
  });

  test("is a full token where there is no room", async () => {
    const { session } = await unlocked();
    vendor.order(
      `fail C_GenerateKeyPair ${CKR.DEVICE_MEMORY}`,
      `fail C_CreateObject ${CKR.DEVICE_MEMORY}`,
    );
    const full = { code: "ERR_TOKEN_FULL", details: { ckr: "CKR_DEVICE_MEMORY" } };
    expect(await failureOf(session.generateKeyPair(NEW_KEY))).toMatchObject(full);
    const { certificate: der } = store.credential;
    const write = { der, keyId: NEW_KEY.keyId, label: "new" };
    expect(await failureOf(session.importCertificate(write))).toMatchObject(full);
  });
});

describe("an object that cannot be read", () => {
  test("is counted, and hides no other", async () => {
    const { certificate } = store.credential;
    const second = join(store.folder, "second.der");
    writeFileSync(second, certificate);
    store.pkcs11Tool("--write-object", second, "--type", "cert", "--id", "bad0", "--label", "bad");
    // Its class can still be read, and nothing after it.
    truncateSync(objectFileWith(Buffer.from("bad0", "hex")), 100);
    const [contents] = await driver.certificates();
    expect(contents?.unreadableObjects).toBe(1);
    expect(contents?.certificates.map(({ label }) => label)).toEqual(["Sample Applicant"]);
  });

  test("in one attribute only is read without it", async () => {
    vendor.order(`refuse ${CKA_LABEL}`);
    const [contents] = await driver.certificates();
    expect(contents?.certificates.map(({ label }) => label)).toEqual([""]);
    expect(contents?.certificates[0]?.der).toEqual(store.credential.certificate);
  });
});

const NEW_KEY = {
  algorithm: "ec-p256",
  keyId: Buffer.from("c0ffee", "hex"),
  label: "new key",
} as const;

function makeDriver(options: Partial<Pkcs11DriverOptions> = {}): Driver {
  return pkcs11Driver({ module: vendor.module, env: vendor.env, ...options });
}

async function unlocked(by = driver): Promise<{ session: Session; host: ProcessIdentity }> {
  let host: ProcessIdentity | undefined;
  const session = await by.unlock(store.token, {
    pin: PIN,
    onHost: async (identity) => {
      host = identity;
    },
  });
  if (host === undefined) throw new Error("the host was not told");
  return { session, host };
}

function sign(session: Session): Promise<Uint8Array> {
  const { keyId } = store.credential;
  const message = Buffer.from("message");
  return session.sign({ key: { keyId }, algorithm: "ecdsa-with-SHA256", message });
}

async function failureOf(action: Promise<unknown>): Promise<RenewalError> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RenewalError)) throw new Error(`no RenewalError: ${String(error)}`);
  expect(JSON.stringify(error)).not.toContain(PIN);
  return error;
}

/** The file in which SoftHSM keeps the object with these octets in it. */
function objectFileWith(octets: Buffer): string {
  const tokens = join(store.folder, "tokens");
  const files = readdirSync(tokens, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".object"))
    .map((name) => join(tokens, name));
  const found = files.find((path) => readFileSync(path).includes(octets));
  if (found === undefined) throw new Error("SoftHSM has no such object");
  return found;
}
