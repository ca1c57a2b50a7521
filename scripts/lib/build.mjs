// What is built: `dist` (the package) and `build/examples`, each only when its sources have changed.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { packageEntries, root } from "./entries.mjs";
import { run, say, tail } from "./run.mjs";

const toolchainFiles = [
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "tsup.config.ts",
  "tsup.examples.config.ts",
  "scripts/lib/entries.mjs",
];

/** Builds the package into `dist`. */
export function ensureBuilt() {
  build({
    name: "the package",
    sources: "src",
    outputs: packageEntries().flatMap(({ output }) => [output, output.replace(/\.js$/, ".d.ts")]),
    stamp: "build/dist.hash",
    config: "tsup.config.ts",
  });
}

/** Builds the examples into `build/examples`, since Node 20 cannot run TypeScript. */
export function ensureExamplesBuilt() {
  if (!existsSync(join(root, "examples"))) return;
  build({
    name: "the examples",
    sources: "examples",
    outputs: ["build/examples"],
    stamp: "build/examples.hash",
    config: "tsup.examples.config.ts",
  });
}

/** @param {{ name: string, sources: string, outputs: string[], stamp: string, config: string }} what */
function build({ name, sources, outputs, stamp, config }) {
  const hash = hashOf([...toolchainFiles, ...filesBelow(sources)]);
  const stampFile = join(root, stamp);
  const isBuilt =
    outputs.every((output) => existsSync(join(root, output))) &&
    existsSync(stampFile) &&
    readFileSync(stampFile, "utf8") === hash;
  if (isBuilt) return;

  say(`building ${name}`);
  rmSync(stampFile, { force: true });
  const tsup = join(root, "node_modules", "tsup", "dist", "cli-default.js");
  const result = run(process.execPath, [tsup, "--config", config]);
  if (!result.ok) throw new Error(`building ${name} failed:\n${tail(result.output)}`);
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, hash);
}

/** @param {readonly string[]} files */
function hashOf(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const bytes = readFileSync(join(root, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/** @param {string} folder */
function filesBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}
