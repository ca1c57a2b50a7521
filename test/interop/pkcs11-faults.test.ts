import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { processState } from "../../src/core/process-identity.js";
import { PIN } from "../support/softhsm.js";
import {
  failureOf,
  NEW_KEY,
  type VendorSetting,
  vendorSetting,
} from "../support/vendor-setting.js";

const CKR_GENERAL_ERROR = 5;

let setting: VendorSetting;
let store: VendorSetting["store"];
let vendor: VendorSetting["vendor"];
let driver: VendorSetting["driver"];

beforeEach(() => {
  setting = vendorSetting();
  ({ store, vendor, driver } = setting);
});

afterEach(() => setting.end());

describe("a module that hangs", () => {
  test("is ended at the deadline, and the next listing has a new host", async () => {
    const hasty = setting.makeDriver({ deadlines: { list: 1_000 } });
    vendor.order("hang C_GetTokenInfo");
    const error = await failureOf(hasty.tokens());
    expect(error).toMatchObject({
      code: "ERR_MODULE_HUNG",
      details: { request: "tokens", deadlineMs: 1_000, module: vendor.module },
    });
    vendor.order();
    expect(await hasty.tokens()).toHaveLength(1);
  });

  test("in the middle of a session ends it, and leaves no process and no key", async () => {
    const hasty = setting.makeDriver({ deadlines: { generate: 500 } });
    const { session, host } = await setting.unlocked(hasty);
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
  });

  test("is ended when the caller aborts the call", async () => {
    const { session, host } = await setting.unlocked();
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
    const { session } = await setting.unlocked();
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
    const { session } = await setting.unlocked();
    vendor.order(order);
    expect(await failureOf(setting.sign(session))).toMatchObject({
      code: "ERR_MODULE_CRASHED",
      details: { request: "sign", ...how },
    });
    await session.close();
    vendor.order();
    await using again = await driver.unlock(store.token, { pin: PIN });
    expect((await setting.sign(again)).length).toBeGreaterThan(60);
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
    const error = await failureOf(setting.makeDriver({ module }).tokens());
    expect(error.code).toBe("ERR_MODULE_MISSING");
    expect(error.details).toMatchObject({ module, reason: expect.stringMatching(reason) });
  });

  test("is missing when it cannot be initialised, and there again when it can", async () => {
    vendor.order(`fail C_Initialize ${CKR_GENERAL_ERROR}`);
    expect(await failureOf(driver.tokens())).toMatchObject({
      code: "ERR_MODULE_MISSING",
      details: { reason: "C_Initialize: CKR_GENERAL_ERROR", ckr: "CKR_GENERAL_ERROR" },
    });
    vendor.order();
    expect(await driver.tokens()).toHaveLength(1);
  });

  test("an executable or a host that cannot be started is told with the reason", async () => {
    const noNode = setting.makeDriver({ execPath: "/nowhere/node" });
    expect(await failureOf(noNode.tokens())).toMatchObject({
      code: "ERR_MODULE_MISSING",
      details: { reason: expect.stringMatching(/ENOENT/) },
    });
    const broken = join(store.folder, "host.mjs");
    expect(await failureOf(setting.makeDriver({ hostPath: broken }).tokens())).toMatchObject({
      code: "ERR_MODULE_MISSING",
      details: { reason: "the host file is missing" },
    });
    writeFileSync(broken, "nonsense(;");
    expect(await failureOf(setting.makeDriver({ hostPath: broken }).tokens())).toMatchObject({
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
    expect(await failureOf(setting.makeDriver({ hostPath }).tokens())).toMatchObject({
      code: "ERR_NATIVE_UNAVAILABLE",
      details: { reason: expect.stringMatching(/graphene-pk11|pkcs11js/) },
    });
    rmSync(folder, { recursive: true });
  });
});
