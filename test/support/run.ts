import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The work tree, without a slash at the end. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Kills the program and whatever it started, with SIGKILL, as soon as it has printed this. */
  readonly killAt?: string;
}

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, in a process group of its own, without blocking the servers of this process. */
export function run(
  program: string,
  args: readonly string[],
  { cwd = root, env = {}, killAt }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      printed[name] += text;
      const isDue = killAt !== undefined && printed[name].includes(killAt);
      if (isDue && child.pid !== undefined && child.exitCode === null) killGroup(child.pid);
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, ...printed }));
  });
}

/** As `run`; what does not end well is an error that shows what was printed. */
export async function mustRun(
  program: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<Ran> {
  const ran = await run(program, args, options);
  if (ran.status === 0) return ran;
  throw new Error(`${program} ${args.join(" ")}: ${ran.status}\n${ran.stdout}${ran.stderr}`);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
