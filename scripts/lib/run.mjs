// Running other programs and talking to the person at the terminal: always on stderr, because stdout belongs to the example (`--json`).
import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { root } from "./entries.mjs";

const longestTail = 4000;

/** @param {string} line */
export function say(line) {
  process.stderr.write(`bootstrap: ${line}\n`);
}

/**
 * Runs a program to its end, quietly. What it printed comes back, and is shown only by who finds it of use.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Record<string, string | undefined>} [env] added to the environment
 * @returns {{ ok: boolean, output: string }}
 */
export function run(command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["ignore", "pipe", "pipe"],
    // npm is a .cmd file on Windows, which only a shell starts.
    shell: process.platform === "win32" && command === "npm",
  });
  if (result.error) return { ok: false, output: result.error.message };
  return { ok: result.status === 0, output: `${result.stdout}${result.stderr}`.trimEnd() };
}

/**
 * The end of a long output, where the reason usually stands.
 * @param {string} output
 */
export function tail(output) {
  return output.length > longestTail ? `…${output.slice(-longestTail)}` : output;
}

/**
 * The path of a program, looked up as a shell would.
 * @param {string} name
 * @returns {string | undefined}
 */
export function findProgram(name) {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
