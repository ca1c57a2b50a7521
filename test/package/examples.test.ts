import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mustRun, root, run } from "../support/run.js";
import { installPacked, manifest, type Project } from "./installed.js";

/** The examples, in a project that has nothing but the packed tarball: as ES modules, and through require(). */

const TIMEOUT_MS = 180_000;
const built = join(root, "build", "examples");

const EXAMPLES = [
  "quickstart/index.js",
  "step-by-step.js",
  "resume/index.js",
  "return-and-amend.js",
  "online-payment.js",
  "another-computer.js",
  "expired.js",
  "evidence.js",
  "custom-driver.js",
];

let project: Project;

beforeAll(async () => {
  project = await installPacked();
  // What draws in a terminal is left out: without one, no example needs it.
  project.link(Object.keys(manifest.optionalDependencies));
  cpSync(built, join(project.folder, "esm"), { recursive: true });
  writeFileSync(join(project.folder, "esm", "package.json"), '{ "type": "module" }');
  toCommonJs(join(project.folder, "cjs"));
});

afterAll(() => project.remove());

test.each(EXAMPLES)(
  "%s runs as an ES module, on SoftHSM",
  async (example) => {
    expect(await outcomeOf(join("esm", example))).not.toMatchObject({ driver: "mock" });
  },
  TIMEOUT_MS,
);

test.each(EXAMPLES)(
  "%s runs through require()",
  async (example) => {
    const outcome = await outcomeOf(join("cjs", example), {
      CERTRENEW_NATIVE_REASON: "not wanted",
    });
    expect(outcome).not.toMatchObject({ driver: "softhsm" });
  },
  TIMEOUT_MS,
);

test.each(["esm", "cjs"])("diagnose.js runs as %s, and says what is wrong", async (folder) => {
  const args = [join(project.folder, folder, "diagnose.js"), "--json", "no-such-module"];
  const { status, stdout } = await run(process.execPath, args, { cwd: project.folder });
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    program: { binding: "available" },
    modules: [{ path: "no-such-module", state: "failed" }],
  });
});

async function outcomeOf(file: string, env: Readonly<Record<string, string>> = {}) {
  const args = [join(project.folder, file), "--json"];
  const { stdout } = await mustRun(process.execPath, args, { cwd: project.folder, env });
  const outcome = JSON.parse(stdout);
  const states = [outcome.state, outcome.second?.lines.at(-1)];
  expect(states).toContain("completed");
  return outcome;
}

/** Every example as a program that was compiled to CommonJS has it: `import` is `require()`. */
function toCommonJs(folder: string): void {
  const { CommonJS: module } = ts.ModuleKind;
  const compilerOptions = { module, target: ts.ScriptTarget.ES2023 };
  for (const name of readdirSync(built, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".js")) continue;
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    const code = readFileSync(join(built, name), "utf8");
    writeFileSync(file, ts.transpileModule(code, { compilerOptions }).outputText);
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "commonjs" }');
}
