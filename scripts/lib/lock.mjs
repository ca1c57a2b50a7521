// Two commands started at once must not install or build over each other.
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./entries.mjs";
import { say } from "./run.mjs";

const lockFile = join(root, "build", "bootstrap.lock");
const ownFile = `${lockFile}.${process.pid}`;
const pauseMs = 200;

/**
 * Does the work while no other process of this work tree does.
 * @template T
 * @param {() => T} work
 * @returns {T}
 */
export function exclusively(work) {
  mkdirSync(join(root, "build"), { recursive: true });
  let hasSaid = false;
  while (!take()) {
    const holder = Number(read());
    if (holder > 0 && !isAlive(holder)) {
      rmSync(lockFile, { force: true });
      continue;
    }
    if (!hasSaid)
      say(`waiting for process ${holder} (if it is none of ours, remove build/bootstrap.lock)`);
    hasSaid = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  }
  try {
    return work();
  } finally {
    rmSync(lockFile, { force: true });
  }
}

function take() {
  try {
    // A link appears with its content, so that nobody reads a lock without its holder.
    writeFileSync(ownFile, String(process.pid));
    linkSync(ownFile, lockFile);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(ownFile, { force: true });
  }
}

function read() {
  try {
    return readFileSync(lockFile, "utf8");
  } catch {
    return "";
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
