// Bootstraps, then runs one built example in a process of its own, with this one's terminal, signals and exit code.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bootstrapOrExit } from "../bootstrap.mjs";
import { root } from "./entries.mjs";
import { exampleNames, listOfExamples } from "./examples.mjs";
import { say } from "./run.mjs";

const builtExamples = join(root, "build", "examples");

/**
 * @param {string | undefined} name `examples/NAME.ts` or `examples/NAME/index.ts`
 * @param {readonly string[]} args
 */
export function runExample(name, args) {
  if (name === undefined || !exampleNames().includes(name)) {
    process.stdout.write(`${listOfExamples()}\n`);
    process.exit(name === undefined ? 0 : 2);
  }
  const readiness = bootstrapOrExit();
  const file = fileOf(name);
  if (file === undefined) throw new Error(`${name} was not built`);
  const reason = whyNoToken(readiness);
  if (reason !== undefined) say(reason);
  const child = spawn(process.execPath, ["--enable-source-maps", file, ...args], {
    stdio: "inherit",
    env: {
      ...process.env,
      // An example that can do without a token takes the mock driver then, and shows this reason.
      ...(reason === undefined ? {} : { CERTRENEW_NATIVE_REASON: reason }),
    },
  });
  // A terminal sends Ctrl-C to the example as well: twice could mean "at once" to it.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 1;
    if (signal !== null) say(`${name} was ended by ${signal}`);
  });
}

/**
 * Why there is no SoftHSM token to work with here, if there is none.
 * @param {import("../bootstrap.mjs").Readiness} readiness
 * @returns {string | undefined}
 */
export function whyNoToken({ native, tools }) {
  if (!native.ok) return native.reason;
  const missing = ["SoftHSM 2 library", "softhsm2-util"].filter((tool) => !tools[tool]);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}

/** @param {string} name */
function fileOf(name) {
  return [`${name}.js`, join(name, "index.js")]
    .map((path) => join(builtExamples, path))
    .find((path) => existsSync(path));
}
