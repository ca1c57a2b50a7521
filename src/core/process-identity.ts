import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { z } from "zod";

/** One process of one boot of one machine: a pid alone is given again to others. */
export interface ProcessIdentity {
  readonly pid: number;
  /** As the system tells it: opaque, compared for equality only. */
  readonly startedAt: string;
  readonly machine: string;
}

export const processIdentitySchema = z.object({
  pid: z.int().positive(),
  startedAt: z.string().max(200),
  machine: z.string().max(300),
});

const run = promisify(execFile);

/** Where the system does not tell when a process was started. */
const UNTOLD = "unknown";

/** The identity of a process that runs now; `undefined` when there is none with this pid. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const startedAt = await startOf(pid);
  return startedAt === undefined ? undefined : { pid, startedAt, machine: hostname() };
}

/** The identity of a process that is known to run, also where the system does not tell when it was started. */
export async function identifyRunningProcess(pid: number): Promise<ProcessIdentity> {
  return (await identifyProcess(pid)) ?? { pid, startedAt: UNTOLD, machine: hostname() };
}

let own: Promise<ProcessIdentity> | undefined;

/** This process, as a driver names it to `onHost` whose sessions run in no other. */
export function identifyThisProcess(): Promise<ProcessIdentity> {
  own ??= identifyRunningProcess(process.pid);
  return own;
}

/** `unknown` where it ran on another machine, which cannot be asked from here, or where another may have its pid. */
export async function processState(
  identity: ProcessIdentity,
): Promise<"alive" | "dead" | "unknown"> {
  if (identity.machine !== hostname()) return "unknown";
  if (identity.startedAt === UNTOLD) return pidIsTaken(identity.pid) ? "unknown" : "dead";
  const now = await startOf(identity.pid);
  return now === identity.startedAt ? "alive" : "dead";
}

function pidIsTaken(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // A process of another user is there all the same.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform === "linux") return startOnLinux(pid);
  try {
    if (process.platform === "win32") {
      const script = `(Get-Process -Id ${pid}).StartTime.ToUniversalTime().Ticks`;
      const { stdout } = await run("powershell.exe", ["-NoProfile", "-Command", script]);
      return stdout.trim() || undefined;
    }
    const { stdout } = await run("ps", ["-o", "lstart=", "-p", String(pid)], {
      env: { LC_ALL: "C" },
    });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

async function startOnLinux(pid: number): Promise<string | undefined> {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile("/proc/sys/kernel/random/boot_id", "utf8"),
    ]);
    // proc(5): the second field is the command in parentheses and may hold spaces; the state and the start time are the
    // 3rd and 22nd, so the 1st and 20th of what follows the last parenthesis. A zombie runs nothing any more.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return `${boot.trim()}:${fields[19] ?? ""}`;
  } catch {
    return undefined;
  }
}
