import { spawnSync } from "node:child_process";

export interface OpensslResult {
  readonly ok: boolean;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs `openssl` and gives what it says, whether it likes what it was given or not. */
export function tryOpenssl(args: readonly string[], input?: Uint8Array | string): OpensslResult {
  const { status, stdout, stderr, error } = spawnSync("openssl", args, { input, timeout: 60_000 });
  if (error) throw error;
  return { ok: status === 0, stdout, stderr: stderr.toString() };
}

/** Runs `openssl`, which has to succeed. */
export function openssl(args: readonly string[], input?: Uint8Array | string): Buffer {
  const { ok, stdout, stderr } = tryOpenssl(args, input);
  if (!ok) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
  return stdout;
}
