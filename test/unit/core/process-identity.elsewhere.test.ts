import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { identifyProcess, processState } from "../../../src/core/process-identity.js";

// What other systems answer stands in for them: these tests run on Linux.
const { programs } = vi.hoisted(() => ({
  programs: new Map<string, (args: readonly string[]) => string>(),
}));

vi.mock("node:child_process", () => ({
  execFile(
    program: string,
    args: readonly string[],
    ...rest: readonly (object | ((error: Error | null, output?: { stdout: string }) => void))[]
  ) {
    const answer = programs.get(program);
    const done = rest.at(-1);
    if (typeof done !== "function") throw new TypeError("no callback");
    if (answer) done(null, { stdout: answer(args) });
    else done(new Error(`spawn ${program} ENOENT`));
  },
}));

function onPlatform(platform: NodeJS.Platform): void {
  vi.spyOn(process, "platform", "get").mockReturnValue(platform);
}

beforeEach(() => programs.clear());
afterEach(() => vi.restoreAllMocks());

describe("on macOS", () => {
  beforeEach(() => onPlatform("darwin"));

  it("a process is told by the start that ps shows", async () => {
    programs.set("ps", (args) => (args.includes("42") ? "Mon Mar  2 10:00:00 2026\n" : ""));
    const identity = await identifyProcess(42);
    expect(identity).toMatchObject({ pid: 42, startedAt: "Mon Mar  2 10:00:00 2026" });
    expect(identity && (await processState(identity))).toBe("alive");
    programs.set("ps", () => "Mon Mar  2 11:00:00 2026\n");
    expect(identity && (await processState(identity))).toBe("dead");
    programs.set("ps", () => "\n");
    expect(await identifyProcess(42)).toBeUndefined();
  });
});

describe("on Windows", () => {
  beforeEach(() => onPlatform("win32"));

  it("a process is told by the ticks that PowerShell shows", async () => {
    programs.set("powershell.exe", (args) =>
      args.at(-1)?.includes("-Id 42)") ? "6391\r\n" : "\r\n",
    );
    expect(await identifyProcess(42)).toMatchObject({ startedAt: "6391" });
    expect(await identifyProcess(43)).toBeUndefined();
  });

  it("a process cannot be told where PowerShell cannot be started", async () => {
    expect(await identifyProcess(42)).toBeUndefined();
  });
});

describe("this process, on a system that tells nothing", () => {
  it("is not taken for dead by others", async () => {
    onPlatform("win32");
    vi.resetModules();
    const elsewhere = await import("../../../src/core/process-identity.js");
    const own = await elsewhere.identifyThisProcess();
    expect(own).toMatchObject({ pid: process.pid, startedAt: "unknown" });
    expect(await elsewhere.processState(own)).toBe("unknown");
  });
});
