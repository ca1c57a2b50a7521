// Everything that can be judged without running the code. All checks run, then it fails if any did.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bootstrapOrExit } from "./bootstrap.mjs";
import { root } from "./lib/entries.mjs";
import { run } from "./lib/run.mjs";

const linesShown = 80;

/**
 * Each check is a program that a package brings, or a script of ours, with its arguments.
 * @type {readonly { name: string, program: string | Script, args: readonly string[] }[]}
 * @typedef {{ script: string }} Script
 */
const checks = [
  {
    name: "format and lint",
    program: "@biomejs/biome:biome",
    args: ["check", "--error-on-warnings"],
  },
  { name: "import walls", program: { script: "scripts/import-walls.mjs" }, args: [] },
  { name: "types", program: "typescript:tsc", args: ["-p", "tsconfig.json"] },
  {
    name: "public types, without the DOM",
    program: "typescript:tsc",
    args: ["-p", "tsconfig.public.json"],
  },
  {
    name: "public types, nothing third-party",
    program: { script: "scripts/public-types.mjs" },
    args: [],
  },
  { name: "publint", program: "publint:publint", args: ["--strict"] },
  {
    name: "are the types wrong",
    program: "@arethetypeswrong/cli:attw",
    args: ["--pack", ".", "--profile", "esm-only"],
  },
  { name: "documentation of the API", program: "typedoc:typedoc", args: ["--emit", "none"] },
  { name: "unused code", program: "knip:knip", args: [] },
];

bootstrapOrExit();
const failed = checks.filter((check) => !passes(check)).map(({ name }) => name);
if (failed.length > 0) console.log(`failed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** @param {(typeof checks)[number]} check */
function passes({ name, program, args }) {
  const startedAt = performance.now();
  const file = typeof program === "string" ? programFile(program) : program.script;
  const { ok, output } = run(process.execPath, [join(root, file), ...args]);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${ok ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (!ok) console.log(firstLines(output));
  return ok;
}

/**
 * The file behind a package's program, so that no shell and no npx stands in between.
 * @param {string} program `package:program`
 */
function programFile(program) {
  const [packageName = "", name = ""] = program.split(":");
  const folder = join("node_modules", packageName);
  const { bin } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  return join(folder, typeof bin === "string" ? bin : bin[name]);
}

/** @param {string} output */
function firstLines(output) {
  const lines = output.split("\n");
  const left = lines.length - linesShown;
  return [...lines.slice(0, linesShown), ...(left > 0 ? [`… ${left} more lines`] : [])].join("\n");
}
