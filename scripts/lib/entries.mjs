// The package's entries, read from `exports`, so that the build, the tests and the unused-code check cannot disagree with it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The repository's root, as an absolute path. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** The child process that loads a PKCS#11 module: built beside the entries, never imported by a caller. */
const hostSource = "src/drivers/pkcs11/host.ts";

/**
 * One row for each importable subpath: `name` is what a caller imports, `source` the file it is built from.
 * @returns {{ name: string, source: string, output: string }[]}
 */
export function packageEntries() {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === "object")
    .map(([subpath, target]) => ({
      name: manifest.name + subpath.slice(1),
      source: target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts"),
      output: target.default.slice(2),
    }));
}

/** Every source file that becomes a file of its own in `dist`. */
export function buildSources() {
  return [...packageEntries().map((entry) => entry.source), hostSource];
}
