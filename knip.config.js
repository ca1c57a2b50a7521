import { buildSources } from "./scripts/lib/entries.mjs";

/** @type {import("knip").KnipConfig} */
export default {
  entry: [
    ...buildSources(),
    "scripts/*.mjs",
    "tsup.examples.config.ts",
    "examples/*.ts",
    "examples/*/index.ts",
    // Programs that another example, and node:test, start.
    "examples/resume/{apply,go-on}.ts",
    "examples/own/*.test.ts",
  ],
  // scripts/check.mjs starts these two by name.
  ignoreDependencies: ["@arethetypeswrong/cli", "publint"],
  // Debian packages and the compiler, which the bootstrap looks after.
  ignoreBinaries: ["openssl", "gcc"],
  project: ["src/**/*.ts", "test/**/*.ts", "examples/**/*.ts", "scripts/**/*.mjs", "*.config.*"],
};
