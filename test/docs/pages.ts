import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/run.js";

/** The pages that are written for people. */
export const PAGES: readonly string[] = [
  "README.md",
  "README.zh-CN.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

export interface Snippet {
  readonly page: string;
  /** Of the first line of code, counted from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** The file that it is a copy of, from a comment before it: `<!-- examples/renew.ts -->`. */
  readonly copyOf: string | undefined;
}

export function readPage(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

/** The fenced blocks of a page. */
export function snippetsOf(page: string): readonly Snippet[] {
  const text = readPage(page);
  const block = /(?:<!-- (\S+) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm;
  return [...text.matchAll(block)].map((match) => {
    const [whole, copyOf, language = "", code = ""] = match;
    const before = text.slice(0, match.index + whole.indexOf("```"));
    return { page, line: before.split("\n").length + 1, language, code, copyOf };
  });
}
