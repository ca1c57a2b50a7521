import { defineConfig } from "tsup";
import { buildSources } from "./scripts/lib/entries.mjs";

export default defineConfig({
  entry: Object.fromEntries(
    buildSources().map((source) => [source.replace(/^src\//, "").replace(/\.ts$/, ""), source]),
  ),
  tsconfig: "tsconfig.build.json",
  format: "esm",
  target: "node20",
  platform: "node",
  splitting: true,
  sourcemap: true,
  clean: true,
  // Otherwise tsup inlines optional dependencies, and a native module cannot be inlined.
  skipNodeModulesBundle: true,
  // tsup 8.5 passes `baseUrl` to the compiler, which TypeScript 6 refuses without this.
  dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
});
