import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
  "return-and-amend: what was wrong is corrected under one signature each, and the RA has the last documents",
  async () => {
    interface Amended extends Outcome {
      readonly revision: number;
      readonly mobile: string;
      readonly attachments: readonly { readonly purpose: string; readonly sha256: string }[];
      readonly evidence: readonly string[];
    }
    const { outcome, progress } = await runExample<Amended>("return-and-amend.js");
    expect(outcome).toMatchObject({ driver: "softhsm", state: "completed", revision: 3 });
    expect(progress).toContain("/mobile: 手机号码与单位登记的不一致");
    expect(outcome.mobile).toBe("13800138000");
    const scan = "%PDF-1.4\n% scan, both pages\n";
    const [sha256] = openssl(["dgst", "-sha256", "-r"], scan).toString().split(" ");
    expect(outcome.attachments).toEqual([
      { purpose: "business-licence", mediaType: "application/pdf", size: scan.length, sha256 },
    ]);
    for (const revision of [1, 2, 3]) {
      expect(outcome.evidence).toContain(`application/${revision}/application.p7m`);
    }
    await expectBothOnToken(outcome);
  },
  TIMEOUT_MS,
);

test(
  "online-payment: paid at the gateway's page, with invoice and parcel",
  async () => {
    interface Paid extends Outcome {
      readonly qrPayload: string;
      readonly page: boolean;
      readonly payment: unknown;
      readonly invoices: readonly { readonly status: string; readonly number: string }[];
      readonly shipments: readonly { readonly status: string; readonly trackingNumber: string }[];
    }
    const { outcome, progress } = await runExample<Paid>("online-payment.js");
    expect(outcome).toMatchObject({ driver: "softhsm", state: "completed", page: true });
    expect(progress).toContain(outcome.qrPayload);
    expect(outcome.payment).toEqual({
      status: "paid",
      received: { amount: 20_000, currency: "CNY" },
    });
    expect(outcome.invoices).toEqual([{ status: "issued", number: expect.stringMatching(/^FP/) }]);
    expect(outcome.shipments).toEqual([{ status: "shipped", trackingNumber: "EX0000000001" }]);
    await expectBothOnToken(outcome);
  },
  TIMEOUT_MS,
);

test(
  "another-computer: the Key alone finds the order, and it stays the only one",
  async () => {
    interface Found extends Outcome {
      readonly applied: string;
      readonly here: string | null;
      readonly found: readonly string[];
      readonly applications: readonly string[];
    }
    const { outcome } = await runExample<Found>("another-computer.js");
    const { applied, here, found, applications } = outcome;
    expect(outcome).toMatchObject({ driver: "softhsm", state: "completed" });
    expect(here).toBeNull();
    expect(found).toEqual([applied]);
    expect(applications).toEqual([applied]);
    await expectBothOnToken(outcome);
  },
  TIMEOUT_MS,
);

test(
  "evidence: others open the archive, openssl likes all of it, and the support bundle names nobody",
  async () => {
    const { outcome } = await runExample<{
      readonly state: string;
      readonly archive: string;
      readonly commands: readonly string[];
      readonly failed: readonly string[];
      readonly support: string;
    }>("evidence.js");
    expect(outcome.state).toBe("completed");
    expect(outcome.failed).toEqual([]);
    expect(outcome.commands.length).toBeGreaterThan(20);
    const listed = await mustRun("python3", ["-m", "zipfile", "-l", outcome.archive]);
    expect(listed.stdout).toContain("installation/continuity.p7m");
    expect(outcome.support).toContain("completed");
    for (const personal of ["张三", "13800138000", "示例科技"]) {
      expect(outcome.support).not.toContain(personal);
    }
  },
  TIMEOUT_MS,
);

test(
  "custom-driver: own adapters pass the suites by hand, and renew a certificate that openssl verifies",
  async () => {
    const { outcome } = await runExample<{
      readonly passed: Readonly<Record<string, number>>;
      readonly state: string;
      readonly documents: readonly string[];
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
    expect(outcome.documents).toContainEqual(expect.stringMatching(/^renewal-/));
  },
  TIMEOUT_MS,
);

async function expectBothOnToken(outcome: Outcome): Promise<void> {
  const ids = [outcome.previous.keyId, outcome.renewed.keyId].sort();
  expect(await idsOnToken(outcome)).toEqual({ certificates: ids, privateKeys: ids });
}
