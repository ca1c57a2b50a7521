import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ERROR_CATALOGUE, type ErrorCode } from "../../src/core/errors.js";
import { en } from "../../src/core/messages/en.js";
import { root } from "../support/run.js";

/**
 * docs/errors.md is made from the catalogue. When it is out of step: `npm test -- test/docs/errors.test.ts -u`.
 */
test("docs/errors.md says what the catalogue says", async () => {
  await expect(errorsPage()).toMatchFileSnapshot(join(root, "docs", "errors.md"));
});

test("every code stands in one group", () => {
  const grouped = groups().flatMap(({ codes }) => codes);
  expect(grouped).toEqual(Object.keys(ERROR_CATALOGUE));
});

interface Group {
  readonly name: string;
  readonly codes: readonly ErrorCode[];
}

/** As the comments of the catalogue divide it. */
function groups(): readonly Group[] {
  const source = readFileSync(join(root, "src", "core", "errors.ts"), "utf8");
  const table = /ERROR_CATALOGUE = \{\n([\s\S]*?)\n\}/.exec(source)?.[1] ?? "";
  return table
    .split(/^ {2}\/\/ /m)
    .filter((part) => part.trim() !== "")
    .map((part) => ({
      name: part.split("\n")[0] ?? "",
      codes: (part.match(/ERR_\w+(?=:)/g) ?? []) as ErrorCode[],
    }));
}

function errorsPage(): string {
  return [
    INTRODUCTION,
    ...groups().map(({ name, codes }) =>
      section(
        name,
        ["code", "what happened", "what to do next", "retry"],
        codes.map((code) => {
          const { what, next } = en.errors[code];
          return [`\`${code}\``, what, next, `\`${ERROR_CATALOGUE[code]}\``];
        }),
      ),
    ),
    meanings("Whether the key is safe", "impact.key", en.key),
    meanings("Whether the money is safe", "impact.money", en.money),
    meanings("Whether to retry", "impact.retry", en.retry),
  ].join("\n");
}

const INTRODUCTION = `# Errors

<!-- Made from src/core/errors.ts and src/core/messages/en.ts: npm test -- test/docs/errors.test.ts -u -->

Every failure is a \`RenewalError\`. Its \`code\` is the contract: it stays what it is, texts may be improved.

\`\`\`ts
import { RenewalError } from "certrenew";

try {
  if (renewal.state === "ready-to-install") renewal = await renewal.install({ acknowledge });
} catch (error) {
  if (!(error instanceof RenewalError)) throw error;
  const { what, key, money, retry, next, ...more } = error.explain("zh-CN"); // or "en"
  show(error.code, what, key, money, retry, next);
  show(more.reason, more.problems, more.hotline);
  if (error.renewal) renewal = error.renewal; // the handle to go on with
}
\`\`\`

| member | what |
|---|---|
| \`code\` | one of the codes below |
| \`impact\` | \`key\`, \`money\`, \`retry\`: read off the record at the moment of the failure |
| \`problems\` | all that is wrong with an input, each by JSON Pointer (RFC 6901) |
| \`details\` | facts for programs and support, which fill \`{name}\` in the texts, and leave out what stands in \`[ ]\` where they are not known; never a secret |
| \`renewal\` | the handle to go on with, where the failure belongs to a renewal |
| \`cause\` | what was thrown underneath: the PKCS#11 result, the network's error |
| \`explain(language)\` | the texts, in \`en\` or \`zh-CN\`; beside them \`reason\` (the RA's or the driver's own words), \`problems\`, and \`hotline\` where the offer has one, all fit for a terminal |
| \`toJSON()\` | for a log: without \`renewal\` and \`cause\` |

The texts below are the English ones; the Chinese ones stand in \`src/core/messages/zh-cn.ts\`.
`;

function meanings(title: string, member: string, texts: Readonly<Record<string, string>>): string {
  const rows = Object.entries(texts).map(([name, text]) => [`\`${name}\``, text]);
  return section(title, [`\`${member}\``, "what it says"], rows);
}

function section(
  title: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = `|${header.map(() => "---").join("|")}|`;
  return [`## ${title}`, "", line(header), rule, ...rows.map(line), ""].join("\n");
}
