// Makes a fresh clone ready to run: system tools, npm packages, the native module, the build. Needs nothing but Node, does
// only what is missing, and is called by every command itself, because npm's own pre-scripts do not run under `ignore-scripts`.
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { ensureBuilt, ensureExamplesBuilt } from "./lib/build.mjs";
import { exclusively } from "./lib/lock.mjs";
import { requireNodeVersion } from "./lib/node-version.mjs";
import { buildNative, ensurePackages, probeNative } from "./lib/packages.mjs";
import { say } from "./lib/run.mjs";
import { ensureTools, findTools, missingForBuilding } from "./lib/tools.mjs";

/**
 * @typedef {object} Readiness
 * @property {import("./lib/packages.mjs").NativeState} native whether pkcs11js loads, and if not why
 * @property {Record<string, string | undefined>} tools where each system tool was found
 */

/**
 * @returns {Readiness}
 * @throws when packages cannot be installed or the sources do not build
 */
export function bootstrap() {
  requireNodeVersion();
  return exclusively(() => {
    ensurePackages();
    const native = ensureTokenAccess();
    ensureBuilt();
    ensureExamplesBuilt();
    return { native, tools: findTools() };
  });
}

/** @returns {import("./lib/packages.mjs").NativeState} */
function ensureTokenAccess() {
  const native = probeNative();
  ensureTools({ forBuilding: !native.ok });
  if (native.ok) return native;
  const missing = missingForBuilding();
  if (missing.length === 0) return buildNative();
  return { ok: false, reason: `pkcs11js cannot be built without: ${missing.join(", ")}` };
}

/**
 * For a command: what went wrong is said in one piece, without a stack, and ends it.
 * @returns {Readiness}
 */
export function bootstrapOrExit() {
  try {
    return bootstrap();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const { native } = bootstrapOrExit();
  say(native.ok ? "ready" : `ready, but ${native.reason}`);
}
