import { join } from "node:path";
import { driverContract, storeContract, transportContract } from "certrenew/testing";
import { describe, expect, test } from "vitest";
import { driverFixture, storeFixture, transportFixture } from "../../examples/own/fixtures.js";
import { mustRun, root } from "../support/run.js";

/** The examples' own adapters pass the published suites: under vitest, under node:test, and by hand (custom-driver). */

describe("own driver", () => {
  for (const { name, run } of driverContract(driverFixture)) test(name, run);
});

describe("own transport", () => {
  for (const { name, run } of transportContract(transportFixture)) test(name, run);
});

describe("own store", () => {
  for (const { name, run } of storeContract(storeFixture)) test(name, run);
});

test("node:test takes the same suites", async () => {
  const file = join(root, "build", "examples", "own", "contract.test.js");
  const args = ["--test", "--test-reporter=tap", file];
  // A runner within a runner would otherwise speak to its parent.
  const { stdout } = await mustRun(process.execPath, args, {
    env: { NODE_TEST_CONTEXT: undefined },
  });
  const cases = [
    ...driverContract(driverFixture),
    ...transportContract(transportFixture),
    ...storeContract(storeFixture),
  ];
  expect(stdout).toContain(`# pass ${cases.length}\n`);
  expect(stdout).toContain("# fail 0\n");
}, 180_000);
