import {
  type DiagnosedCertificate,
  type DiagnosedModule,
  type DiagnosedToken,
  type Diagnosis,
  redactDiagnosis,
} from "certrenew/drivers/pkcs11";
import { describe, expect, test } from "vitest";
import { FINDINGS, type FindingCode } from "../../../src/drivers/pkcs11/finding-texts.js";
import { findingsOf } from "../../../src/drivers/pkcs11/findings.js";

const at = new Date("2030-06-01T00:00:00Z");
const program = { platform: "linux", arch: "x64", node: "v22.12.0", binding: "available" } as const;

const certificate: DiagnosedCertificate = {
  subject: "CN=张三",
  issuer: "CN=Sample CA",
  serialNumber: "0A0B0C",
  notBefore: new Date("2029-01-01T00:00:00Z"),
  notAfter: new Date("2031-01-01T00:00:00Z"),
  keyId: "0a0b",
  label: "",
  isCa: false,
  keyAlgorithm: "ec-p256",
  privateKey: "present",
  publicKey: "present",
};

const token: DiagnosedToken = {
  label: "张三的 Key",
  serialNumber: "SN-0001",
  model: "Sample",
  manufacturer: "Sample Vendor",
  pinState: "ok",
  pinSet: true,
  loginRequired: true,
  protectedAuthenticationPath: false,
  writeProtected: false,
  keyAlgorithms: ["ec-p256"],
  objects: {
    certificates: [certificate],
    publicKeys: 1,
    privateKeys: 1,
    unreadable: 0,
    orphanPublicKeys: [],
  },
};

const ELF_X64 = { format: "elf", architectures: ["x64"], bits: 64 } as const;

const empty: DiagnosedModule = {
  path: "/home/zhangsan/vendor.so",
  named: true,
  file: { found: true, header: ELF_X64, fits: true },
  state: "usable",
  slots: [],
};

const slot = { manufacturer: "", removable: true, hardware: true } as const;

function having(...tokens: readonly Partial<DiagnosedToken>[]): DiagnosedModule {
  return {
    ...empty,
    slots: tokens.map((each, index) => ({
      ...slot,
      description: `Reader ${index} SN-READER`,
      state: "ready",
      token: { ...token, ...each },
    })),
  };
}

const withCertificate = (changes: Partial<DiagnosedCertificate>) =>
  having({
    objects: {
      certificates: [{ ...certificate, ...changes }],
      publicKeys: 0,
      privateKeys: 0,
      unreadable: 0,
      orphanPublicKeys: [],
    },
  });

const failed = (code: "ERR_MODULE_CRASHED" | "ERR_MODULE_HUNG" | "ERR_MODULE_MISSING") => ({
  ...empty,
  state: "failed" as const,
  failure: { code, reason: "SIGSEGV", during: "slots" },
});

const codes = (...modules: readonly DiagnosedModule[]) =>
  findingsOf(at, program, modules).map(({ code }) => code);

/** One module that leads to each finding. */
const LEADING: Readonly<Partial<Record<FindingCode, DiagnosedModule>>> = {
  "module-missing": { ...empty, state: "not-tried", file: { found: false } },
  "module-unreadable": { ...failed("ERR_MODULE_MISSING"), file: { found: true } },
  "module-no-library": {
    ...failed("ERR_MODULE_MISSING"),
    file: { found: true, header: { format: "unknown", architectures: [] }, fits: false },
  },
  "module-architecture": {
    ...failed("ERR_MODULE_MISSING"),
    file: { found: true, header: { ...ELF_X64, architectures: ["loong64"] }, fits: false },
  },
  "module-unloadable": failed("ERR_MODULE_MISSING"),
  "module-crashed": failed("ERR_MODULE_CRASHED"),
  "module-hung": failed("ERR_MODULE_HUNG"),
  "not-tried": { ...empty, state: "not-tried" },
  "no-slot": empty,
  "no-token": { ...empty, slots: [{ ...slot, description: "Reader", state: "empty" }] },
  "several-tokens": having({}, { serialNumber: "SN-0002" }),
  "token-uninitialised": {
    ...empty,
    slots: [{ ...slot, description: "R", state: "uninitialised" }],
  },
  "token-unreadable": { ...empty, slots: [{ ...slot, description: "R", state: "unreadable" }] },
  "objects-failed": having({
    failure: { code: "ERR_TOKEN_FAILURE", reason: "?" },
    objects: undefined,
  }),
  "pin-low": having({ pinState: "low" }),
  "pin-final": having({ pinState: "final" }),
  "pin-locked": having({ pinState: "locked" }),
  "pin-not-set": having({ pinSet: false }),
  "pin-at-reader": having({ protectedAuthenticationPath: true }),
  "token-write-protected": having({ writeProtected: true }),
  "memory-low": having({ freeMemory: { public: 100_000, private: 512 } }),
  "no-certificate": withCertificate({ isCa: true }),
  "certificate-expired": withCertificate({ notAfter: at }),
  "certificate-expiring": withCertificate({ notAfter: new Date("2030-07-01") }),
  "certificate-not-yet-valid": withCertificate({ notBefore: new Date("2030-07-01") }),
  "certificate-unsupported": withCertificate({ keyAlgorithm: undefined }),
  "private-key-absent": withCertificate({ privateKey: "absent" }),
  "orphan-certificate": withCertificate({ privateKey: "unknown", publicKey: "absent" }),
  "private-keys-hidden": withCertificate({ privateKey: "unknown" }),
  "orphan-public-key": having({ objects: { ...objects(), orphanPublicKeys: ["0c"] } }),
  "unreadable-objects": having({ objects: { ...objects(), unreadable: 2 } }),
  ready: having({}),
};

function objects() {
  return {
    certificates: [certificate],
    publicKeys: 1,
    privateKeys: 1,
    unreadable: 0,
    orphanPublicKeys: [],
  };
}

describe("findings", () => {
  test.each(Object.entries(LEADING))("%s", (code, module) => {
    expect(codes(module)).toContain(code);
    const others = Object.values(LEADING).filter((each) => each !== module);
    expect(others.some((each) => !codes(each).includes(code as FindingCode))).toBe(true);
  });

  test("of the program itself, and of a computer without any driver", () => {
    const unavailable = { code: "ERR_NATIVE_UNAVAILABLE", reason: "not compiled" } as const;
    const bare = findingsOf(at, { ...program, binding: unavailable }, []);
    expect(bare.map(({ code }) => code)).toEqual(["native-unavailable", "no-module"]);
    expect(bare[0]?.zh).toContain("not compiled");
    const unstartable = { code: "ERR_MODULE_MISSING", reason: "no host" } as const;
    expect(findingsOf(at, { ...program, binding: unstartable }, [])[0]?.code).toBe(
      "host-unavailable",
    );
    const tested = [...Object.keys(LEADING), "native-unavailable", "host-unavailable", "no-module"];
    expect(tested.sort()).toEqual(Object.keys(FINDINGS).sort());
  });

  test("come gravest first, and once for a token that two modules show", () => {
    const found = findingsOf(at, program, [
      having({ pinState: "locked" }),
      having({ pinState: "locked" }),
    ]);
    expect(found.map(({ code }) => code)).toEqual(["pin-locked"]);
    const keyless = { privateKey: "absent", notBefore: new Date("2030-07-01") } as const;
    expect(codes(withCertificate(keyless), failed("ERR_MODULE_HUNG"))).toEqual([
      "module-hung",
      "private-key-absent",
      "certificate-not-yet-valid",
    ]);
  });

  test("call it ready only where a certificate can be renewed", () => {
    const changes = [
      { notAfter: at },
      { keyAlgorithm: undefined },
      { privateKey: "absent" },
    ] as const;
    for (const each of changes) expect(codes(withCertificate(each))).not.toContain("ready");
    expect(codes(withCertificate({ privateKey: "unknown" }))).toContain("ready");
  });

  test("of a driver that nobody named weigh little where another one reaches the token", () => {
    const other = { ...failed("ERR_MODULE_MISSING"), named: false };
    const severity = (...modules: readonly DiagnosedModule[]) =>
      findingsOf(at, program, modules).find(({ code }) => code === "module-unloadable")?.severity;
    expect(severity(other, having({}))).toBe("info");
    expect(severity(other)).toBe("error");
    expect(severity({ ...other, named: true }, having({}))).toBe("error");
  });

  test("say the same facts in both languages, without control characters of others", () => {
    const facts = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
    for (const { en, zh } of Object.values(FINDINGS)) {
      expect([...new Set(facts(en))]).toEqual([...new Set(facts(zh))]);
    }
    const [low] = findingsOf(at, program, [
      having({ label: "\u001b[31mKey\u202e", pinState: "low" }),
    ]);
    expect(low?.en).toContain("the Key [31mKey.");
  });
});

describe("a redacted diagnosis", () => {
  const whole: Diagnosis = {
    at,
    program,
    modules: [
      {
        ...having(
          { pinState: "low" },
          { serialNumber: "SN-0002", objects: { ...objects(), orphanPublicKeys: ["0c0d"] } },
        ),
        failure: {
          code: "ERR_TOKEN_FAILURE",
          reason: "C:\\Users\\zhangsan\\key.dll and /Users/zhangsan/x",
        },
      },
      having({ pinState: "low" }),
    ],
    findings: [],
  };
  const redacted = redactDiagnosis({ ...whole, findings: findingsOf(at, program, whole.modules) });

  test("holds no name, no serial number, no identifier, in data and in texts", () => {
    const text = JSON.stringify(redacted);
    for (const secret of ["张三", "SN-", "0A0B0C", "0a0b", "0c0d", "Sample CA", "zhangsan"]) {
      expect(text).not.toContain(secret);
    }
  });

  test("still tells what is wrong, and which tokens are the same", () => {
    const known = findingsOf(at, program, whole.modules).map(({ code }) => code);
    expect(redacted.findings.map(({ code }) => code)).toEqual(known);
    expect(redacted.findings.find(({ code }) => code === "pin-low")?.en).toContain(
      "the Key token 1.",
    );
    const labels = redacted.modules.flatMap(({ slots }) => slots.map(({ token }) => token?.label));
    expect(labels).toEqual(["token 1", "token 2", "token 1"]);
    expect(redacted.modules[0]?.path).toBe("~/vendor.so");
    expect(redacted.modules[0]?.slots[0]?.token?.objects?.certificates[0]?.notAfter).toEqual(
      certificate.notAfter,
    );
  });

  test("can be redacted again", () => {
    expect(redactDiagnosis(redacted)).toEqual(redacted);
  });
});
