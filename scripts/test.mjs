// Runs every test. Fails also when one was skipped, when none ran, and when there is no SoftHSM: the mock never stands in.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootstrapOrExit } from "./bootstrap.mjs";
import { root } from "./lib/entries.mjs";
import { say } from "./lib/run.mjs";
import { whyNoToken } from "./lib/run-example.mjs";

const args = process.argv.slice(2);
const reason = whyNoToken(bootstrapOrExit());
if (reason !== undefined) {
  say(`the tests need SoftHSM and pkcs11js: ${reason}`);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "certrenew-test-"));
const resultFile = join(folder, "result.json");
const { status } = spawnSync(
  process.execPath,
  [
    join(root, "node_modules", "vitest", "vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${resultFile}`,
    ...args,
  ],
  { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
);
const result = existsSync(resultFile) ? JSON.parse(readFileSync(resultFile, "utf8")) : undefined;
rmSync(folder, { recursive: true, force: true });

const passed = result?.numPassedTests ?? 0;
// A file that does not load, or an error outside any test, fails the run though no test says so.
const failed = Math.max(result?.numFailedTests ?? 0, status === 0 ? 0 : 1);
const skipped = (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0);
// Asking for tests by name skips the others, and is no defect of theirs.
const hasNameFilter = args.some((arg) => /^(-t|--testNamePattern)/.test(arg));

const problems = [];
if (status !== 0) problems.push(`vitest ended with ${status ?? "a signal"}`);
if (passed + (result?.numFailedTests ?? 0) === 0) problems.push("no test ran");
if (skipped > 0 && !hasNameFilter) problems.push(`${skipped} skipped or still to do`);
for (const problem of problems) console.log(`npm test: ${problem}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = problems.length === 0 && failed === 0 ? 0 : 1;
