// The examples by name, and what README says of each.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./entries.mjs";

/** Names as `npm run example` takes them: `examples/NAME.ts` or `examples/NAME/index.ts`. */
export function exampleNames() {
  const folder = join(root, "examples");
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) =>
      entry.isDirectory()
        ? existsSync(join(folder, entry.name, "index.ts"))
        : entry.name.endsWith(".ts"),
    )
    .map((entry) => entry.name.replace(/\.ts$/, ""))
    .sort();
}

/**
 * The table of examples of a page: name and one line.
 * @param {"README.md" | "README.zh-CN.md"} page
 * @returns {(readonly [name: string, line: string])[]}
 */
export function describedExamples(page) {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^\| \[`([\w-]+)`\]\(examples\/[^)]+\) \| (.+) \|$/gm)].map(
    ([, name = "", line = ""]) => [name, line],
  );
}

/** What `npm run example` prints without a name. */
export function listOfExamples({ LC_ALL, LC_MESSAGES, LANG } = process.env) {
  const isChinese = /^zh/i.test(LC_ALL || LC_MESSAGES || LANG || "");
  const described = new Map(describedExamples(isChinese ? "README.zh-CN.md" : "README.md"));
  const names = exampleNames();
  const width = Math.max(...names.map((name) => name.length));
  return [
    "npm run example NAME -- ARGUMENTS",
    "",
    ...names.map((name) => `  ${name.padEnd(width)}  ${described.get(name) ?? ""}`.trimEnd()),
  ].join("\n");
}
