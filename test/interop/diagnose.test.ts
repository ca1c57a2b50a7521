import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DiagnoseOptions, type Diagnosis, diagnose } from "certrenew/drivers/pkcs11";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { PIN, provisionedStore, softHsmStore } from "../support/softhsm.js";
import { type VendorModule, vendorModule } from "../support/vendor-module.js";

let store: ReturnType<typeof provisionedStore>;
let vendor: VendorModule;

beforeEach(() => {
  store = provisionedStore("EC:prime256v1");
  vendor = vendorModule(store);
});

afterEach(() => {
  vendor.order();
  store.erase();
});

const ofStore = (options: DiagnoseOptions = {}) =>
  diagnose({ modules: [store.module], env: store.env, ...options });
const ofVendor = (options: DiagnoseOptions = {}) =>
  diagnose({ modules: [vendor.module], env: vendor.env, ...options });
const codes = ({ findings }: Diagnosis) => findings.map(({ code }) => code);
const tokensOf = ({ modules }: Diagnosis) =>
  modules.flatMap(({ slots }) => slots.flatMap(({ token }) => token ?? []));

describe("a token in good order", () => {
  test("is described as it is, without a PIN", async () => {
    const diagnosis = await ofVendor();
    expect(diagnosis.program).toEqual({
      platform: process.platform,
      arch: process.arch,
      node: process.version,
      binding: "available",
    });
    const [module] = diagnosis.modules;
    expect(module).toMatchObject({
      path: vendor.module,
      named: true,
      state: "usable",
      file: { found: true, fits: true, header: { architectures: [process.arch] } },
      library: { manufacturer: "SoftHSM", cryptokiVersion: "2.40", version: "2.6" },
    });
    expect(module?.slots.map(({ state }) => state)).toEqual(["ready", "uninitialised"]);
    const [token] = tokensOf(diagnosis);
    expect(token).toMatchObject({ ...store.token, pinState: "ok", pinSet: true });
    expect(token?.objects).toMatchObject({
      publicKeys: 1,
      privateKeys: 0,
      unreadable: 0,
      orphanPublicKeys: [],
      certificates: [
        {
          subject: "CN=Sample Applicant",
          keyId: "0a0b0c",
          keyAlgorithm: "ec-p256",
          privateKey: "unknown",
          publicKey: "present",
          isCa: false,
        },
      ],
    });
    expect(codes(diagnosis)).toEqual(["token-uninitialised", "private-keys-hidden", "ready"]);
    expect(vendor.calls()).not.toContain("C_Login");
    expect(vendor.calls()).not.toContain("C_CreateObject");
  });

  test("is described without its names where the diagnosis is for strangers", async () => {
    const text = JSON.stringify(await ofStore({ redact: true }));
    const { serialNumber, label } = store.token;
    for (const name of [serialNumber, label, "Sample Applicant", "0a0b0c"]) {
      expect(text).not.toContain(name);
    }
    expect(text).toContain("private-keys-hidden");
  });

  test("is told in time: a certificate that has expired by now", async () => {
    const now = new Date(Date.now() + 400 * 24 * 60 * 60 * 1000);
    const clock = { now: () => now, sleep: async () => undefined };
    const diagnosis = await ofStore({ clock });
    expect(diagnosis.at).toBe(now);
    expect(codes(diagnosis)).toContain("certificate-expired");
  });
});

describe("what is on a token", () => {
  test("a public key without a certificate, a wrong PIN, a second token", async () => {
    const pair = ["--keypairgen", "--key-type", "EC:prime256v1", "--id", "0d0e"];
    store.pkcs11Tool(...pair, "--label", "orphan");
    const wrong = ["--login", "--pin", `${PIN}0`, "-O"];
    expect(() => store.pkcs11Tool(...wrong)).toThrow();
    store.initialise("Another Token");
    const diagnosis = await ofStore();
    expect(codes(diagnosis)).toEqual(
      expect.arrayContaining(["orphan-public-key", "pin-low", "several-tokens", "no-certificate"]),
    );
    const several = diagnosis.findings.find(({ code }) => code === "several-tokens");
    expect(several?.zh).toContain("同时插入了 2 个 Key");
    expect(several?.details["tokens"]).toContain("Another Token");
    const orphans = tokensOf(diagnosis).flatMap(({ objects }) => objects?.orphanPublicKeys);
    expect(orphans).toEqual(["0d0e"]);
  });

  test("objects that cannot be read, which hide no other", async () => {
    const second = join(store.folder, "second.der");
    writeFileSync(second, store.credential.certificate);
    for (const id of ["bad0", "bad1"]) {
      store.pkcs11Tool("--write-object", second, "--type", "cert", "--id", id, "--label", "bad");
    }
    truncateSync(objectFileWith("bad0"), 100);
    truncateSync(objectFileWith("bad1"), 0);
    const diagnosis = await ofStore();
    const [token] = tokensOf(diagnosis);
    expect(token?.objects?.unreadable).toBe(1);
    expect(token?.objects?.certificates.map(({ label }) => label)).toEqual(["Sample Applicant"]);
    expect(codes(diagnosis)).toContain("unreadable-objects");
  });

  test("none at all", async () => {
    store.removeTokens();
    expect(codes(await ofStore())).toEqual(["no-token", "token-uninitialised"]);
  });
});

describe("a module that", () => {
  const cases = [
    ["crash C_GetSlotList", "module-crashed", "slots"],
    ["exit C_GetTokenInfo", "module-crashed", "slots"],
    ["crash C_Initialize", "module-crashed", "load"],
    ["hang C_GetSlotInfo", "module-hung", "slots"],
    ["hang C_Initialize", "module-hung", "load"],
  ] as const;
  test.each(cases)("does this: %s, is a finding: %s", async (order, code, during) => {
    vendor.order(order);
    const deadlines = order === "hang C_Initialize" ? { start: 2_000 } : { list: 3_000 };
    const diagnosis = await ofVendor({ deadlines });
    expect(diagnosis.modules[0]).toMatchObject({ state: "failed", failure: { during } });
    expect(codes(diagnosis)).toEqual([code]);
    // What it told before it failed is kept.
    const isLoaded = during !== "load";
    expect(diagnosis.modules[0]?.library?.manufacturer).toBe(isLoaded ? "SoftHSM" : undefined);
  });

  test.each(["crash", "hang"])(
    "does this when a token is read: %s, hides no other module",
    async (order) => {
      vendor.order(`${order} C_FindObjectsInit`);
      const diagnosis = await ofVendor({
        modules: [vendor.module, store.module],
        deadlines: { list: 3_000 },
      });
      const [bad, good] = tokensOf(diagnosis);
      expect(bad?.objects).toBeUndefined();
      expect(bad?.failure).toMatchObject({
        code: order === "crash" ? "ERR_MODULE_CRASHED" : "ERR_MODULE_HUNG",
        during: "objects",
      });
      expect(good?.objects?.certificates).toHaveLength(1);
    },
  );

  test("takes all the time is reported, and so are those that were not reached", async () => {
    vendor.order("hang C_GetSlotList");
    const diagnosis = await ofVendor({
      modules: [vendor.module, store.module],
      timeLimitMs: 5_000,
    });
    expect(codes(diagnosis)).toEqual(["not-tried", "not-tried"]);
  });

  test("hangs is ended when the caller aborts", async () => {
    vendor.order("hang C_GetSlotList");
    const controller = new AbortController();
    const diagnosing = ofVendor({ signal: controller.signal });
    await vi.waitFor(() => expect(vendor.calls()).toContain("C_GetSlotList"), 10_000);
    controller.abort(new Error("the window was closed"));
    await expect(diagnosing).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });
});

describe("a file that", () => {
  const only = async (path: string) => {
    const diagnosis = await diagnose({ modules: [path] });
    expect(diagnosis.findings).toHaveLength(1);
    return diagnosis.findings[0];
  };

  test("is not there", async () => {
    expect(await only(join(store.folder, "no.so"))).toMatchObject({ code: "module-missing" });
  });

  test("is a folder", async () => {
    expect(await only(store.folder)).toMatchObject({ code: "module-missing" });
  });

  test("is no library", async () => {
    expect(await only(store.conf)).toMatchObject({ code: "module-no-library" });
  });

  test("is for other processors, of 32 or 64 bits", async () => {
    const path = join(store.folder, "foreign.so");
    const bytes = readFileSync(store.module);
    // e_machine: LoongArch, where this test runs on something else.
    bytes.writeUInt16LE(258, 18);
    writeFileSync(path, bytes);
    expect(await only(path)).toMatchObject({
      code: "module-architecture",
      details: { built: "loong64", program: process.arch },
    });
    // EI_CLASS and e_machine: 32 bits of Intel.
    bytes.writeUInt8(1, 4);
    bytes.writeUInt16LE(3, 18);
    writeFileSync(path, bytes);
    const finding = await only(path);
    expect(finding).toMatchObject({ code: "module-architecture", details: { built: "ia32" } });
    expect(finding?.zh).toContain("适用于 ia32");
  });

  test("is a library and no PKCS#11 module", async () => {
    const path = join(store.folder, "copy.so");
    const binding = new URL(
      "../../node_modules/pkcs11js/build/Release/pkcs11.node",
      import.meta.url,
    );
    copyFileSync(binding, path);
    const finding = await only(path);
    expect(finding).toMatchObject({ code: "module-unloadable" });
    expect(finding?.en).toContain("C_GetFunctionList");
  });
});

describe("a computer", () => {
  const nowhere = {
    realPath: async () => undefined,
    readText: async () => undefined,
    list: async () => [],
  };

  test("without any driver", async () => {
    const diagnosis = await diagnose({ locate: { fileSystem: nowhere } });
    expect(diagnosis.modules).toEqual([]);
    expect(codes(diagnosis)).toEqual(["no-module"]);
  });

  test("whose located modules are looked at, each file once, proxies left out", async () => {
    const fileSystem = {
      ...nowhere,
      realPath: async (path: string) => {
        if (path.includes("softhsm")) return store.module;
        return path.includes("p11-kit-proxy") ? path : undefined;
      },
    };
    const diagnosis = await diagnose({ locate: { platform: "linux", fileSystem }, env: store.env });
    expect(diagnosis.modules).toEqual([
      expect.objectContaining({ name: "SoftHSM 2", state: "usable", named: false }),
    ]);
    expect(diagnosis.modules[0]?.source).toContain("libsofthsm2");
    expect(codes(diagnosis)).toContain("ready");
  });

  test("where hosts cannot run, or run without the native binding", async () => {
    const hostPath = join(store.folder, "host.mjs");
    const missing = await ofStore({ hostPath });
    expect(codes(missing)).toEqual(["host-unavailable"]);
    expect(missing.modules[0]).toMatchObject({ state: "not-tried", file: { found: true } });

    const failure = { code: "ERR_NATIVE_UNAVAILABLE", details: { reason: "no compiler" } };
    writeFileSync(
      hostPath,
      `process.on("message", () => process.send(${JSON.stringify({ failure })}));
       process.send({ ready: true });`,
    );
    const unavailable = await ofStore({ hostPath });
    expect(codes(unavailable)).toEqual(["native-unavailable"]);
    expect(unavailable.findings[0]?.en).toContain("no compiler");
  });
});

test("options that are wrong are told before anything is started", async () => {
  const wrong = { modules: ["x.so", ""], timeLimitMs: 0 };
  await expect(diagnose(wrong)).rejects.toMatchObject({
    code: "ERR_ARGUMENT",
    problems: [{ pointer: "/timeLimitMs" }, { pointer: "/modules/1" }],
  });
  await expect(diagnose({ deadlines: { list: -1 } })).rejects.toMatchObject({
    code: "ERR_ARGUMENT",
  });
  await expect(diagnose({ signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: "ERR_ABORTED",
  });
});

test("an uninitialised store has nothing to say but that", async () => {
  const bare = softHsmStore();
  const diagnosis = await diagnose({ modules: [bare.module], env: bare.env });
  bare.erase();
  expect(codes(diagnosis)).toEqual(["no-token", "token-uninitialised"]);
});

/** The file in which SoftHSM keeps the object under this CKA_ID. */
function objectFileWith(id: string): string {
  const tokens = join(store.folder, "tokens");
  const files = readdirSync(tokens, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".object"))
    .map((name) => join(tokens, name));
  const found = files.find((path) => readFileSync(path).includes(Buffer.from(id, "hex")));
  if (found === undefined) throw new Error("SoftHSM has no such object");
  return found;
}
