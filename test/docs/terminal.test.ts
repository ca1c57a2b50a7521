import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mustRun, root, run } from "../support/run.js";

/** What the examples show to people, and what to pipes. */

const TIMEOUT_MS = 180_000;
const built = join(root, "build", "examples");

const SIZE = "stty cols 100 rows 50";
const AS_TERMINAL =
  "data:text/javascript,Object.assign(process.stdout,{isTTY:true,columns:100,rows:50})";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "certrenew-terminal-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("in a terminal", () => {
  /**
   * Runs an example under a pseudo-terminal, as util-linux's script makes one. In a container that has none, standard output
   * says that it is one.
   */
  async function inTerminal(call: string, env: Readonly<Record<string, string>>) {
    const options = {
      cwd: folder,
      env: { TERM: "xterm-256color", CI: undefined, NO_COLOR: undefined, ...env },
    };
    const hasTerminals = await run("script", ["-qec", "true", "/dev/null"], options).then(
      ({ status }) => status === 0,
      () => false,
    );
    const example = join(built, call);
    const { stdout } = hasTerminals
      ? await mustRun(
          "script",
          ["-qec", `${SIZE}; ${process.execPath} ${example}`, "/dev/null"],
          options,
        )
      : await mustRun(process.execPath, ["--import", AS_TERMINAL, ...example.split(" ")], options);
    return stdout;
  }

  test(
    "shows stages, due date, amounts and a QR code in Chinese, where the locale is Chinese",
    async () => {
      const shown = await inTerminal("step-by-step.js", { LC_ALL: "zh_CN.UTF-8" });
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
      const shown = await inTerminal("step-by-step.js --lang en", { LC_ALL: "zh_CN.UTF-8" });
      expect(shown).toContain("✓ application   ▶ payment");
      expect(shown).toMatch(/waiting for the RA \(due about \d+ \w+ \d{4}/);
      expect(shown).toContain("\u001b[");
    },
    TIMEOUT_MS,
  );

  test(
    "shows where to pay as a code and as an address",
    async () => {
      const shown = await inTerminal("online-payment.js", { LC_ALL: "zh_CN.UTF-8" });
      expect(shown).toMatch(/200\.00 CNY,请在 \S+ 之前支付:/);
      expect(shown).toMatch(/http:\/\/127\.0\.0\.1:\d+\/gateway\/\w+/);
      expect(shown).toMatch(/█▀|▄█/);
      expect(shown).toMatch(/发票 +普通定额发票, FP\w+, 已开具/);
      expect(shown).toMatch(/快递 .*EX0000000001, 已寄出/);
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
