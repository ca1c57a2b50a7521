import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { root } from "../support/run.js";
import { PAGES, readPage, type Snippet, snippetsOf } from "./pages.js";

/** Code that stands on a page is code that compiles, against the declarations that are published. */

const snippets = PAGES.flatMap(snippetsOf).filter(({ language }) => language === "ts");

/** What snippets speak of without saying where it comes from. One that declares such a name itself means its own. */
const PREAMBLE = `
declare const client: import("certrenew").RenewalClient;
declare const driver: import("certrenew").Driver;
declare const transport: import("certrenew").Transport;
declare const store: import("certrenew").Store;
declare const trustAnchors: string;
declare const credential: import("certrenew").Credential;
declare let draft: import("certrenew").Draft;
declare let renewal: import("certrenew").Renewal;
declare const form: import("certrenew").JsonObject;
declare const bankTransfer: import("certrenew").BankTransfer;
declare const acknowledge: readonly string[];
declare const signal: AbortSignal;
declare const sandbox: import("certrenew/sandbox").Sandbox;
declare function askHolder(question: unknown): Promise<string>;
declare function show(...what: unknown[]): void;
declare function test(name: string, run: () => Promise<void>): void;
`;

describe("the code on the pages", () => {
  test("is the example's to the letter where it says so", () => {
    const copies = snippets.filter(({ copyOf }) => copyOf !== undefined);
    expect(copies.map(({ page }) => page)).toEqual(["README.md", "README.zh-CN.md"]);
    for (const { code, copyOf = "" } of copies) {
      expect(code).toBe(readFileSync(join(root, copyOf), "utf8"));
    }
  });

  test("compiles", () => {
    const own = snippets.filter(({ copyOf }) => copyOf === undefined);
    expect(own.length).toBeGreaterThan(0);
    expect(problemsIn(own)).toEqual([]);
  }, 120_000);
});

test.each(PAGES)("every link of %s leads to a file and a heading", (page) => {
  const dead = [...readPage(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^https?:/.test(target))
    .filter((target) => {
      const [path = "", fragment] = target.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      return fragment === undefined
        ? !isThere(join(root, file))
        : !headingsOf(readPage(file)).includes(fragment);
    });
  expect(dead).toEqual([]);
});

/** Compiles all snippets in one program; tells what is wrong by page and line. */
function problemsIn(own: readonly Snippet[]): readonly string[] {
  const folder = join(root, "build", "snippets");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const files = new Map(own.map((snippet, index) => [join(folder, `${index}.ts`), snippet]));
  for (const [file, { code }] of files) writeFileSync(file, `${code}export {};\n`);
  const preamble = join(folder, "preamble.d.ts");
  writeFileSync(preamble, PREAMBLE);

  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  // Without the paths: a reader of the page has the package, and not its source.
  const options = { ...config.compilerOptions, paths: {}, noUnusedLocals: false };
  const parsed = ts.convertCompilerOptionsFromJson(options, root);
  const program = ts.createProgram([preamble, ...files.keys()], parsed.options);
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, " ");
    const snippet = file && files.get(file.fileName);
    if (!file || !snippet) return `${file?.fileName ?? "the options"}: ${message}`;
    return `${snippet.page}:${snippet.line + file.getLineAndCharacterOfPosition(start).line}: ${message}`;
  });
}

function isThere(path: string): boolean {
  return ts.sys.fileExists(path) || ts.sys.directoryExists(path);
}

/** As the pages are rendered: lower case, without punctuation, hyphens for spaces. */
function headingsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
