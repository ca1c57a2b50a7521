import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { pkcs11Driver } from "certrenew/drivers/pkcs11";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ProcessIdentity, processState } from "../../src/core/process-identity.js";
import { PIN, provisionedStore } from "../support/softhsm.js";
import { type VendorModule, vendorModule } from "../support/vendor-module.js";

const PARENT = fileURLToPath(new URL("../support/driver-parent.mjs", import.meta.url));
const KEY = { algorithm: "rsa-2048", keyId: "c0ffee", label: "new key" };

let store: ReturnType<typeof provisionedStore>;
let vendor: VendorModule;
const started: Parent[] = [];

beforeEach(() => {
  store = provisionedStore("EC:prime256v1");
  vendor = vendorModule(store);
});

afterEach(async () => {
  for (const { child } of started.splice(0)) child.kill("SIGKILL");
  vendor.order();
  store.erase();
});

describe("after SIGKILL of the program in the middle of a key generation", () => {
  test("endHost from another process waits for its host, and no key comes after it", async () => {
    vendor.order("hang C_GenerateKeyPair");
    const { parent, host } = await generating();
    parent.child.kill("SIGKILL");
    await parent.ended;
    expect(await processState(host)).toBe("alive");

    await using driver = pkcs11Driver({ module: store.module, env: store.env });
    await driver.endHost(host);
    expect(await processState(host)).toBe("dead");
    // What the module would go on with, if anything of it still ran.
    vendor.order();
    await using session = await driver.unlock(store.token, { pin: PIN });
    const keyId = Buffer.from(KEY.keyId, "hex");
    expect(await session.findKeyPair({ keyId })).toBeUndefined();
    expect(store.pkcs11Tool("--list-objects")).not.toContain(KEY.keyId);
  });

  test("a host that is left alone finishes its call, and ends", async () => {
    vendor.order("hang C_GenerateKeyPair");
    const { parent, host } = await generating();
    parent.child.kill("SIGKILL");
    await parent.ended;
    vendor.order();
    await vi.waitFor(async () => expect(await processState(host)).toBe("dead"), 20_000);
    expect(store.pkcs11Tool("--list-objects").match(new RegExp(KEY.keyId, "g"))).toHaveLength(2);
  });
});

test("an open driver with a watch does not keep a program from ending", async () => {
  const parent = startParent({ action: "list" });
  expect(await parent.next()).toEqual({ tokens: ["Sample Token"] });
  expect(await parent.ended).toBe(0);
});

test("a module that prints does not print into what the program prints", async () => {
  vendor.order("print C_GetSlotList chatter", "print C_GetTokenInfo chatter");
  const parent = startParent({ action: "list" });
  // Anything else on standard output would not parse.
  expect(await parent.next()).toEqual({ tokens: ["Sample Token"] });
  await parent.ended;
  expect(vendor.calls()).toContain("C_GetTokenInfo");
});

test("a host inherits the little that it needs, and no options for Node", async () => {
  vi.stubEnv("NODE_OPTIONS", "--no-warnings");
  vi.stubEnv("SAMPLE_SECRET", "not for the module");
  vi.stubEnv("OPENSC_CONF", "/nowhere/opensc.conf");
  await using driver = pkcs11Driver({ module: vendor.module, env: vendor.env });
  let environment = "";
  let commandLine = "";
  const onHost = async ({ pid }: ProcessIdentity) => {
    environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8");
  };
  await using session = await driver.unlock(store.token, { pin: PIN, onHost });
  vi.unstubAllEnvs();
  expect(session.token.label).toBe("Sample Token");
  const names = environment.split("\0").map((entry) => entry.split("=")[0]);
  expect(names).toEqual(expect.arrayContaining(["PATH", "OPENSC_CONF", "SOFTHSM2_CONF"]));
  expect(names).not.toContain("NODE_OPTIONS");
  expect(names).not.toContain("SAMPLE_SECRET");
  expect(environment).not.toContain(PIN);
  expect(commandLine.split("\0").slice(1)).toEqual([expect.stringMatching(/host\.js$/), ""]);
});

test("a module is initialised with CKF_OS_LOCKING_OK, and gets its library parameters whole", async () => {
  const libraryParameters = "configdir='sql:/nowhere'";
  const { module, env } = vendor;
  await using driver = pkcs11Driver({ module, env, libraryParameters });
  await driver.tokens();
  expect(vendor.calls()).toContain(`flags:2 parameters:${libraryParameters};`);
});

interface Parent {
  readonly child: ChildProcessByStdio<null, Readable, null>;
  /** Its exit code, `null` when it was killed. */
  readonly ended: Promise<number | null>;
  /** What it tells next. */
  next(): Promise<unknown>;
}

function startParent(task: { readonly action: string }): Parent {
  const options = { module: vendor.module, env: vendor.env };
  const argument = JSON.stringify({ ...task, options, token: store.token, pin: PIN, key: KEY });
  const child = spawn(process.execPath, [PARENT, argument], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const parent = {
    child,
    ended: once(child, "exit").then(([code]) => code as number | null),
    next: async () => JSON.parse((await lines.next()).value as string) as unknown,
  };
  started.push(parent);
  return parent;
}

/** A program whose host is inside C_GenerateKeyPair. */
async function generating(): Promise<{ parent: Parent; host: ProcessIdentity }> {
  const parent = startParent({ action: "generate" });
  const { host } = (await parent.next()) as { host: ProcessIdentity };
  await parent.next();
  await vi.waitFor(() => expect(vendor.calls()).toContain("C_GenerateKeyPair"), 20_000);
  return { parent, host };
}
