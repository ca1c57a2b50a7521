// The npm packages: node_modules in step with package-lock.json, and the native module built and loaded for real.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./entries.mjs";
import { run, say, tail } from "./run.mjs";

/** Installs the locked packages unless they are there, by npm's own account of what it installed. */
export function ensurePackages() {
  if (isInStep()) return;
  say("installing npm packages (npm ci)");
  // Without scripts: npm leaves an optional package out, with exit code 0, when its build fails. So pkcs11js comes first and is
  // built after, where its reason can be heard. Nothing else here needs its install script.
  const result = npm("ci", "--include=dev", "--include=optional", "--ignore-scripts");
  if (!result.ok) throw new Error(`npm ci failed:\n${tail(result.output)}`);
}

/** @typedef {{ ok: true } | { ok: false, reason: string }} NativeState */

/**
 * Loads pkcs11js in a process of its own, since a broken native module can take its process with it.
 * @returns {NativeState}
 */
export function probeNative() {
  const script = 'const { PKCS11 } = require("pkcs11js"); new PKCS11();';
  const result = run(process.execPath, ["--input-type=commonjs", "-e", script], {
    NODE_OPTIONS: undefined,
  });
  if (result.ok) return { ok: true };
  return { ok: false, reason: `pkcs11js does not load: ${reasonIn(result.output)}` };
}

/**
 * Compiles pkcs11js and loads it.
 * @returns {NativeState}
 */
export function buildNative() {
  say("building pkcs11js");
  const built = npm("rebuild", "pkcs11js", "--ignore-scripts=false", "--foreground-scripts");
  if (!built.ok) say(`building pkcs11js failed:\n${tail(built.output)}`);
  return probeNative();
}

function isInStep() {
  const installed = packagesIn("node_modules/.package-lock.json");
  const { "": project, ...locked } = packagesIn("package-lock.json");
  return Object.entries(locked).every(([path, { version, optional }]) => {
    // What is optional further down is mostly for other systems; what is optional to the project itself is wanted here.
    const mayBeAbsent =
      optional === true && !(path.slice("node_modules/".length) in project.optionalDependencies);
    return installed[path] === undefined ? mayBeAbsent : installed[path].version === version;
  });
}

/** @param {string} file */
function packagesIn(file) {
  const path = join(root, file);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : {};
}

/** @param {readonly string[]} args */
function npm(...args) {
  // With Node's own headers at hand, node-gyp has nothing to download.
  const prefix = dirname(dirname(process.execPath));
  const hasHeaders = existsSync(join(prefix, "include", "node", "node.h"));
  return run(
    "npm",
    [...args, "--loglevel=error"],
    hasHeaders ? { npm_config_nodedir: prefix } : {},
  );
}

/** @param {string} output */
function reasonIn(output) {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => /Error\b/.test(line))?.trim() ?? lines.at(-1) ?? "it crashed";
}
