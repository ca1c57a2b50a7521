import { RenewalError } from "certrenew";
import { openTerminal, type Terminal } from "./terminal.js";

/**
 * Runs an example. What it returns is its outcome: one JSON document on standard output with `--json`. A failure is
 * explained, and the exit code is 1.
 */
export function example(run: (terminal: Terminal) => Promise<object>): void {
  // Not at the top level: a module that awaits there cannot be loaded with require().
  void start(run);
}

async function start(run: (terminal: Terminal) => Promise<object>): Promise<void> {
  const terminal = await openTerminal();
  try {
    const outcome = await run(terminal);
    if (terminal.json) process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`);
  } catch (error) {
    if (!(error instanceof RenewalError)) throw error;
    terminal.explain(error);
    process.exitCode = 1;
  } finally {
    terminal.close();
  }
}
