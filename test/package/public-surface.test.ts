import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { packageEntries, root } from "../../scripts/lib/entries.mjs";

/**
 * What a consumer can name, as the published declarations have it, so that a change of it is seen in review. When it is meant:
 * `npm test -- test/package/public-surface.test.ts -u`.
 */
test("the public surface is the one that was agreed", async () => {
  const entries = packageEntries().map(({ name, output }) => ({
    name,
    file: join(root, output.replace(/\.js$/, ".d.ts")),
  }));
  const program = ts.createProgram(
    entries.map(({ file }) => file),
    {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
      types: ["node"],
      strict: true,
    },
  );
  const checker = program.getTypeChecker();
  const pages = entries.map(({ name, file }) => {
    const source = program.getSourceFile(file);
    const symbol = source && checker.getSymbolAtLocation(source);
    if (!symbol) throw new Error(`${file} is no module`);
    const lines = checker.getExportsOfModule(symbol).map((each) => describeExport(checker, each));
    return [name, ...lines.sort().map((line) => `  ${line}`), ""].join("\n");
  });
  await expect(pages.join("\n")).toMatchFileSnapshot("public-surface.txt");
}, 60_000);

const KINDS: readonly (readonly [ts.SymbolFlags, string])[] = [
  [ts.SymbolFlags.Class, "class"],
  [ts.SymbolFlags.Function, "function"],
  [ts.SymbolFlags.Interface, "interface"],
  [ts.SymbolFlags.TypeAlias, "type"],
  [ts.SymbolFlags.Variable, "const"],
];

/** Kind and name; of a function its signatures too, of an interface or a class the names of its own members. */
function describeExport(checker: ts.TypeChecker, exported: ts.Symbol): string {
  const symbol =
    exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
  const kind = KINDS.find(([flag]) => symbol.flags & flag)?.[1];
  if (kind === undefined) throw new Error(`${exported.name}: of no kind that is known here`);
  const head = `${kind} ${exported.name}`;
  if (kind === "function") {
    const type = checker.getTypeOfSymbol(symbol);
    const signatures = type.getCallSignatures().map((each) => checker.signatureToString(each));
    return `${head}${signatures.join(" | ")}`;
  }
  const members = [...(symbol.members?.keys() ?? [])]
    .map(String)
    .filter((name) => /^\w+$/.test(name));
  const shown = members.filter((name) => !name.startsWith("__"));
  return kind === "interface" && shown.length > 0 ? `${head} { ${shown.join(", ")} }` : head;
}
