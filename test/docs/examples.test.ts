import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openssl } from "../support/openssl.js";
import { mustRun, root } from "../support/run.js";
import { idsOnToken, type TokenAccess } from "./token.js";

/** `npm run example NAME -- --json`, without the bootstrap, in a working directory of its own. */

const TIMEOUT_MS = 180_000;
const built = join(root, "build", "examples");

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "certrenew-examples-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome extends TokenAccess {
  readonly driver: string;
  readonly state: string;
  readonly previous: { readonly keyId: string; readonly notAfter: string };
  readonly renewed: { readonly keyId: string; readonly notAfter: string };
}

async function runExample<T>(name: string, env: Readonly<Record<string, string>> = {}) {
  const { stdout, stderr } = await mustRun(process.execPath, [join(built, name), "--json"], {
    cwd: folder,
    env: { LC_ALL: "C.UTF-8", ...env },
  });
  return { outcome: JSON.parse(stdout) as T, progress: stderr };
}

describe("step-by-step", () => {
  test(
    "goes through every state, and both pairs are on the token",
    async () => {
      const { outcome } = await runExample<Outcome & { states: string[] }>("step-by-step.js");
      expect(outcome).toMatchObject({ driver: "softhsm", state: "completed" });
      expect(outcome.states).toEqual([
        "draft",
        "submitting",
        "awaiting-payment",
        "awaiting-review",
        "ready-to-install",
        "installing",
        "confirming",
        "completed",
      ]);
      await expectBothOnToken(outcome);
    },
    TIMEOUT_MS,
  );

  test(
    "takes a mock where there is no token to work with",
    async () => {
      const env = { CERTRENEW_NATIVE_REASON: "pkcs11js does not load: no compiler" };
      const { outcome } = await runExample<Outcome>("step-by-step.js", env);
      expect(outcome).toMatchObject({ driver: "mock", state: "completed" });
    },
    TIMEOUT_MS,
  );
});

describe("resume", () => {
  interface Resumed extends TokenAccess {
    readonly driver: string;
    readonly id: string;
    readonly first: { readonly signal: string; readonly lines: readonly string[] };
    readonly second: { readonly code: number; readonly lines: readonly string[] };
    readonly applications: readonly { readonly renewalId: string; readonly issuance: string }[];
  }

  test(
    "a killed program leaves one application and one new pair, and another goes on from the id",
    async () => {
      const { outcome } = await runExample<Resumed>("resume/index.js");
      const { id, first, second, applications } = outcome;
      expect(first).toEqual({ signal: "SIGKILL", lines: [id, "submitting"] });
      expect(second.code).toBe(0);
      expect(second.lines[0]).toBe("submitting");
      expect(second.lines.at(-1)).toBe("completed");
      expect(applications).toEqual([{ renewalId: id, issuance: "confirmed" }]);
      const { certificates, privateKeys } = await idsOnToken(outcome);
      expect(privateKeys).toHaveLength(2);
      expect(certificates).toEqual(privateKeys);
    },
    TIMEOUT_MS,
  );

  test(
    "so it is with a mock token, which lies in a file",
    async () => {
      const env = { CERTRENEW_NATIVE_REASON: "pkcs11js does not load: no compiler" };
      const { outcome } = await runExample<Resumed>("resume/index.js", env);
      expect(outcome.driver).toBe("mock");
      expect(outcome.first.signal).toBe("SIGKILL");
      expect(outcome.second.lines.at(-1)).toBe("completed");
      expect(outcome.applications).toHaveLength(1);
    },
    TIMEOUT_MS,
  );
});

test(
  "expired: says where to go, and installs what was applied for before",
  async () => {
    interface Expired extends Outcome {
      readonly refused: { readonly code: string; readonly next: string };
      readonly hotline: string;
      readonly reasons: readonly string[];
    }
    const { outcome, progress } = await runExample<Expired>("expired.js");
    const { refused, hotline, reasons, previous, renewed, state } = outcome;
    expect(refused.code).toBe("ERR_CERTIFICATE_EXPIRED");
    expect(refused.next).toMatch(/counter.*hotline/);
    expect(progress).toContain(hotline);
    expect(reasons).toEqual(["expired", "renewal-in-progress"]);
    expect(state).toBe("completed");
    expect(Date.parse(previous.notAfter)).toBeLessThan(Date.now());
    expect(Date.parse(renewed.notAfter)).toBeGreaterThan(Date.now());
    const { certificates } = await idsOnToken(outcome);
    // Both expired ones are still there, and the new one.
    expect(certificates).toEqual(["01", "02", renewed.keyId].sort());
  },
  TIMEOUT_MS,
);

test(
  "custom-driver: own adapters pass the suites by hand, and renew a certificate that openssl verifies",
  async () => {
    const { outcome } = await runExample<{
      readonly passed: Readonly<Record<string, number>>;
      readonly state: string;
      readonly directory: string;
      readonly certificates: readonly [string, string];
    }>("custom-driver.js");
    expect(outcome.state).toBe("completed");
    expect(Object.keys(outcome.passed)).toEqual(["driver", "transport", "store"]);
    for (const count of Object.values(outcome.passed)) expect(count).toBeGreaterThan(10);

    const renewed = join(folder, "own.der");
    writeFileSync(renewed, Buffer.from(outcome.certificates[1], "base64"));
    const authority = join(folder, "demo", "custom-driver", "softhsm", "sandbox");
    const chain = [
      "-CAfile",
      join(authority, "root.pem"),
      "-untrusted",
      join(authority, "issuing.pem"),
    ];
    expect(openssl(["verify", ...chain, renewed]).toString()).toContain("OK");
    expect(readdirSync(outcome.directory).length).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

describe("in a terminal", () => {
  /** Runs an example under a pseudo-terminal, as util-linux's script makes one. */
  async function inTerminal(args: string, env: Readonly<Record<string, string>>) {
    const command = `stty cols 100 rows 50; ${process.execPath} ${join(built, "step-by-step.js")} ${args}`;
    const { stdout } = await mustRun("script", ["-qec", command, "/dev/null"], {
      cwd: folder,
      env: { TERM: "xterm-256color", CI: undefined, NO_COLOR: undefined, ...env },
    });
    return stdout;
  }

  test(
    "shows stages, due date, amounts and a QR code in Chinese, where the locale is Chinese",
    async () => {
      const shown = await inTerminal("", { LC_ALL: "zh_CN.UTF-8" });
      expect(shown).toContain("✓ 用户申请   ▶ 用户缴费   · 管理员审核   · 安装新证书   · 完成");
      expect(shown).toMatch(/等待注册机构 \(预计完成 约 \d{4}年\d+月\d+日/);
      expect(shown).toMatch(/总价 +200\.00 CNY/);
      expect(shown).toMatch(/█▀|▄█/);
      expect(shown).toContain("\u001b[");
    },
    TIMEOUT_MS,
  );

  test(
    "speaks English with --lang en",
    async () => {
      const shown = await inTerminal("--lang en", { LC_ALL: "zh_CN.UTF-8" });
      expect(shown).toContain("✓ application   ▶ payment");
      expect(shown).toMatch(/waiting for the RA \(due about \d+ \w+ \d{4}/);
      expect(shown).toContain("\u001b[");
    },
    TIMEOUT_MS,
  );

  test(
    "is plain in a pipe: nothing moves, nothing is coloured, no code is drawn",
    async () => {
      const { stdout, stderr } = await mustRun(process.execPath, [join(built, "step-by-step.js")], {
        cwd: folder,
        env: { LC_ALL: "zh_CN.UTF-8", FORCE_COLOR: undefined },
      });
      expect(stdout).toContain("▶ 用户缴费");
      expect(stdout).toMatch(/总价 +200\.00 CNY/);
      for (const mark of ["\u001b", "\r", "█"]) expect(stdout).not.toContain(mark);
      expect(stderr).toBe("");
    },
    TIMEOUT_MS,
  );
});

async function expectBothOnToken(outcome: Outcome): Promise<void> {
  const ids = [outcome.previous.keyId, outcome.renewed.keyId].sort();
  expect(await idsOnToken(outcome)).toEqual({ certificates: ids, privateKeys: ids });
}
