import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { packageEntries, root } from "./scripts/lib/entries.mjs";

const sourceByPackageName = packageEntries().map(({ name, source }) => ({
  find: new RegExp(`^${name}$`),
  replacement: join(root, source),
}));

// These two look at what is published, so they import `dist`.
const publishedTests = ["test/package/**/*.test.ts", "test/docs/**/*.test.ts"];

export default defineConfig({
  test: {
    // Worker threads hide writes to process.env (SOFTHSM2_CONF) from native code.
    pool: "forks",
    maxWorkers: 2,
    allowOnly: false,
    // Nothing is timed here: this only ends what hangs, on a machine that does other things as well.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        resolve: { alias: sourceByPackageName },
        test: { name: "source", include: ["test/**/*.test.ts"], exclude: publishedTests },
      },
      { extends: true, test: { name: "published", include: publishedTests } },
      {
        extends: true,
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ["test/types/**/*.test-d.ts"],
            tsconfig: "tsconfig.json",
          },
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text", "html", "json"],
      // Of adapters, what runs in a host process is measured through its dispatcher, in this one.
      thresholds: {
        "src/core/**": { lines: 99.5, branches: 95 },
        "src/{drivers,store,transport}/**": { lines: 90 },
        "src/sandbox/**": { lines: 90 },
      },
    },
  },
});
