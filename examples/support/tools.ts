import { spawnSync } from "node:child_process";

/** What an outside program says. */
export interface ToolResult {
  readonly command: string;
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a program to its end; one that is not installed is a result, and no exception. */
export function runTool(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ToolResult {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return {
    command: [...settings, program, ...args].map(quote).join(" "),
    ok: status === 0,
    output: error ? error.message : `${stdout}${stderr}`.trim(),
  };
}

/** As a POSIX shell reads it back. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
