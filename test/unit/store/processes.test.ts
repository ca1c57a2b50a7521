import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { fileStore } from "certrenew/store/file";
import { afterEach, beforeEach, expect, test } from "vitest";

const writer = fileURLToPath(new URL("writer.mjs", import.meta.url));

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "certrenew-processes-"));
});

afterEach(() => rm(directory, { recursive: true }));

interface Writer {
  readonly process: ChildProcess;
  /** What it says it has saved. */
  readonly saved: number[];
  readonly ended: Promise<unknown>;
  /** Resolves with its n-th success, or its end. */
  after(n: number): Promise<void>;
}

function startWriter(times: number): Writer {
  const process_ = spawn(process.execPath, [writer, directory, "counter", String(times)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const saved: number[] = [];
  const lines = createInterface({ input: process_.stdout });
  lines.on("line", (line) => saved.push(Number(line)));
  // Lines that came in before the kill are all read by then.
  const ended = Promise.all([once(process_, "exit"), once(lines, "close")]);
  const after = (n: number) =>
    new Promise<void>((resolve) => {
      lines.on("line", () => {
        if (saved.length >= n) resolve();
      });
      void ended.then(() => resolve());
    });
  return { process: process_, saved, ended, after };
}

const load = async () => {
  const stored = await fileStore({ directory }).load("counter");
  const document = stored?.document ?? {};
  return { revision: stored?.revision ?? 0, n: Number(document["n"] ?? 0), document };
};

test("no increment of several processes is lost, and none counts twice", async () => {
  const writers = Array.from({ length: 4 }, () => startWriter(40));
  await Promise.all(writers.map(({ ended }) => ended));
  const all = writers.flatMap(({ saved }) => saved).sort((a, b) => a - b);
  expect(all).toEqual(Array.from({ length: 160 }, (_, n) => n + 1));
  expect((await load()).n).toBe(160);
}, 60_000);

test("writers killed at any moment leave a whole document, and lose nothing they had saved", async () => {
  let last = 0;
  for (let round = 0; round < 12; round++) {
    const writers = [startWriter(10_000), startWriter(10_000)];
    // Where in its next save the kill meets a writer is up to chance, and to what it did on the way here.
    await Promise.all(
      writers.map(async ({ process: child, after, ended }, index) => {
        await after(1 + ((round * 3 + index * 5) % 11));
        child.kill("SIGKILL");
        await ended;
      }),
    );
    const { revision, n, document } = await load();
    const told = Math.max(last, ...writers.flatMap(({ saved }) => saved));
    expect(n).toBeGreaterThanOrEqual(told);
    // What was saved and not told yet: at most one for each writer that was killed.
    expect(n).toBeLessThanOrEqual(told + writers.length);
    expect(document["again"]).toBe(n);
    expect(document["padding"]).toHaveLength(20_000);
    await fileStore({ directory }).save(
      "counter",
      { ...document, n: n + 1, again: n + 1 },
      revision,
    );
    last = n + 1;
  }
}, 120_000);
