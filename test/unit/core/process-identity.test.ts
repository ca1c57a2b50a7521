import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { describe, expect, it, vi } from "vitest";
import {
  identifyProcess,
  identifyThisProcess,
  processIdentitySchema,
  processState,
} from "../../../src/core/process-identity.js";
import { deadProcess, startChild, startZombie } from "./children.js";

describe("a process", () => {
  it("is alive until it has ended", async () => {
    await using child = await startChild();
    expect(await processState(child.identity)).toBe("alive");
    await child.end();
    expect(await processState(child.identity)).toBe("dead");
    expect(await identifyProcess(child.identity.pid)).toBeUndefined();
  });

  it("that has ended and was not waited for runs nothing any more, and is dead", async () => {
    await using zombie = await startZombie();
    const { identity } = zombie;
    expect(await processState(identity)).toBe("alive");
    await zombie.end();
    await vi.waitFor(async () => {
      expect(await readFile(`/proc/${identity.pid}/stat`, "utf8")).toMatch(/\) Z /);
    });
    expect(await processState(identity)).toBe("dead");
    expect(await identifyProcess(identity.pid)).toBeUndefined();
  });

  it("is not taken for an earlier one that had its pid", async () => {
    const earlier = await deadProcess();
    const own = await identifyThisProcess();
    expect(await processState({ ...own, startedAt: earlier.startedAt })).toBe("dead");
  });

  it("is not taken for one of another boot", async () => {
    const own = await identifyThisProcess();
    const [, ticks] = own.startedAt.split(":");
    expect(await processState({ ...own, startedAt: `another-boot:${ticks}` })).toBe("dead");
  });

  it("on another machine cannot be told", async () => {
    const own = await identifyThisProcess();
    expect(await processState({ ...own, machine: `not-${hostname()}` })).toBe("unknown");
  });

  it("whose start the system did not tell is never taken for dead while its pid is taken", async () => {
    const { pid, machine } = await identifyThisProcess();
    const { pid: deadPid } = await deadProcess();
    expect(await processState({ pid, machine, startedAt: "unknown" })).toBe("unknown");
    expect(await processState({ pid: 1, machine, startedAt: "unknown" })).toBe("unknown");
    expect(await processState({ pid: deadPid, machine, startedAt: "unknown" })).toBe("dead");
  });
});

describe("this process", () => {
  it("is alive, and always the same", async () => {
    const own = await identifyThisProcess();
    expect(own).toEqual(await identifyProcess(process.pid));
    expect(await identifyThisProcess()).toBe(own);
    expect(await processState(own)).toBe("alive");
    expect(processIdentitySchema.parse(own)).toEqual(own);
  });
});
