// No third-party type may appear in a public declaration: a caller would have to install that package, in that version.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { root } from "./lib/entries.mjs";

const foreign = readdirSync(join(root, "dist"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".d.ts"))
  .flatMap((name) =>
    ts
      .preProcessFile(readFileSync(join(root, "dist", name), "utf8"), true, true)
      .importedFiles.map(({ fileName }) => fileName)
      .filter((specifier) => !/^(\.|node:)/.test(specifier))
      .map((specifier) => `dist/${name}: a public type comes from ${specifier}`),
  );
for (const line of foreign) console.error(line);
process.exitCode = foreign.length === 0 ? 0 : 1;
