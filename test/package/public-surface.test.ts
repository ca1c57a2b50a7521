import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { packageEntries, root } from "../../scripts/lib/entries.mjs";

/**
 * What a consumer can name, as the published declarations have it, so that a change of it is seen in review. When it is
 * meant: `npm test -- test/package/public-surface.test.ts -u`.
 */
test("the public surface is the one that was agreed", async () => {
  const entries = packageEntries().map(({ name, output }) => ({
    name,
    file: join(root, output.replace(/\.js$/, ".d.ts")),
  }));
  const { config } = ts.readConfigFile(join(root, "tsconfig.public.json"), ts.sys.readFile);
  const base = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config;
  const settings = { ...base.compilerOptions, ...config.compilerOptions };
  const { options } = ts.convertCompilerOptionsFromJson(settings, root);
  const program = ts.createProgram(
    entries.map(({ file }) => file),
    options,
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

const printer = ts.createPrinter({ removeComments: true });

/** Kind and name; then a function's signature, what a type stands for, and the members of an interface by name. */
function describeExport(checker: ts.TypeChecker, exported: ts.Symbol): string {
  const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
  const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
  const [declaration] = symbol.declarations ?? [];
  const { name } = exported;
  if (declaration && ts.isFunctionDeclaration(declaration)) {
    const text = printed(declaration).replace(/^(export |declare )*function \w+/, "");
    return `function ${name}${text}`;
  }
  if (declaration && ts.isTypeAliasDeclaration(declaration)) {
    return `type ${name} = ${printed(declaration.type)}`;
  }
  if (declaration && ts.isInterfaceDeclaration(declaration)) {
    const bases =
      declaration.heritageClauses?.map((clause) => ` ${printed(clause)}`).join("") ?? "";
    const members = declaration.members.map((member) => member.name && printed(member.name));
    return `interface ${name}${bases} { ${members.join(", ")} }`;
  }
  if (declaration && ts.isClassDeclaration(declaration)) return `class ${name}`;
  if (declaration && ts.isVariableDeclaration(declaration)) return `const ${name}`;
  throw new Error(`${name} is of no kind that is known here`);
}

function printed(node: ts.Node): string {
  return printer
    .printNode(ts.EmitHint.Unspecified, node, node.getSourceFile())
    .replace(/\s+/g, " ")
    .replace(/;$/, "");
}
