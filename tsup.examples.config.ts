import { defineConfig } from "tsup";

// Node 20 cannot run TypeScript: the examples are transpiled file by file, and import the package by its own name.
export default defineConfig({
  entry: ["examples/**/*.ts"],
  outDir: "build/examples",
  format: "esm",
  target: "node20",
  platform: "node",
  bundle: false,
  sourcemap: true,
  clean: true,
  esbuildOptions(options) {
    // Otherwise a lone folder of examples would lose its name.
    options.outbase = "examples";
  },
});
