import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { identifyProcess, type ProcessIdentity } from "../../../src/core/process-identity.js";

export interface Child extends AsyncDisposable {
  readonly identity: ProcessIdentity;
  /** Ends it and waits until it is gone. */
  end(): Promise<void>;
}

/** A real process that does nothing until it is ended. */
export async function startChild(): Promise<Child> {
  const child = spawn("cat", { stdio: ["pipe", "ignore", "ignore"] });
  await once(child, "spawn");
  const end = () => endProcess(child);
  const identity = await identifyProcess(child.pid ?? 0);
  if (!identity) throw new Error("the child is not there");
  return { identity, end, [Symbol.asyncDispose]: end };
}

/** The identity of a process that was there, and is not any more. */
export async function deadProcess(): Promise<ProcessIdentity> {
  await using child = await startChild();
  return child.identity;
}

/** A process that has ended and that its parent, which lives on, has not asked about. */
export async function startZombie(): Promise<Child> {
  const parent = spawn("sh", ["-c", "exec 3<&0; cat <&3 & echo $!; exec tail -f /dev/null"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const [output] = await once(parent.stdout, "data");
  const identity = await identifyProcess(Number(String(output).trim()));
  if (!identity) throw new Error("the child is not there");
  return {
    identity,
    async end() {
      parent.stdin.end();
    },
    [Symbol.asyncDispose]: () => endProcess(parent),
  };
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
