import { expect, test } from "vitest";
import { TRANSITIONS } from "../../src/core/transitions.js";
import { withDefaults } from "../../src/drivers/pkcs11/deadlines.js";
import { policySchema } from "../../src/sandbox/policy.js";
import { PROBLEM_STATUS } from "../../src/transport/http/wire/problem.js";
import { ROUTES, type Route } from "../../src/transport/http/wire/routes.js";
import { readPage } from "./pages.js";

/** Tables of the pages that tell what a table of the code tells. */

test("transports.md has the RA's interface", () => {
  const has = (holds: boolean) => (holds ? "yes" : "–");
  const rows = Object.entries<Route>(ROUTES).map(([name, route]) => {
    const { method, path, writes, bearer, summary } = route;
    return [`\`${name}\``, `\`${method} ${path}\``, has(writes), has(bearer), summary];
  });
  expect(tableOf("docs/transports.md", "call")).toEqual(rows);
});

test("transports.md has the codes that an RA may name", () => {
  const rows = Object.entries(PROBLEM_STATUS).map(([code, status]) => [`\`${code}\``, `${status}`]);
  expect(tableOf("docs/transports.md", "code")).toEqual(rows);
});

test("transports.md has every rule of the sandbox's policy", () => {
  const named = tableOf("docs/transports.md", "rule").flatMap(([cell = ""]) => codeIn(cell));
  expect(named.sort()).toEqual(Object.keys(policySchema.shape).sort());
});

test("lifecycle.md has every state with its steps", () => {
  const rows = tableOf("docs/lifecycle.md", "`state`").map(([state = "", , , steps = ""]) => [
    ...codeIn(state),
    codeIn(steps).sort(),
  ]);
  // These steps go on through the states of their own making.
  const passing = new Set([
    ...["submitting submit", "submitting amend", "submitting attach"],
    ...["installing install", "confirming install", "ready-to-install continue"],
  ]);
  const enforced = Object.entries(TRANSITIONS).map(([state, steps]) => [
    state,
    Object.keys(steps)
      .filter((step) => !passing.has(`${state} ${step}`))
      .sort(),
  ]);
  expect(rows).toEqual(enforced);
});

test("lifecycle.md has what the RA may have done between two looks", () => {
  const rows = tableOf("docs/lifecycle.md", "in").map(([state = "", found = ""]) => {
    const [names = "", reasons = ""] = found.split("`closed`");
    return [...codeIn(state), [...codeIn(names), ...codeIn(reasons).map(closed)].sort()];
  });
  const enforced = Object.entries(TRANSITIONS)
    .filter(([, { refresh = [] }]) => refresh.length > 0)
    .map(([state, { refresh = [] }]) => [state, [...refresh].sort()]);
  expect(rows).toEqual(enforced);
});

test("drivers.md has the deadlines", () => {
  const rows = tableOf("docs/drivers.md", "deadline").map(([name = "", value = ""]) => [
    ...codeIn(name),
    Number.parseInt(value, 10) * 1000,
  ]);
  expect(Object.fromEntries(rows)).toEqual(withDefaults());
});

/** The rows under the header that begins with this cell. */
function tableOf(page: string, firstCell: string): readonly (readonly string[])[] {
  const lines = readPage(page).split("\n");
  const header = lines.findIndex((line) => line.startsWith(`| ${firstCell} |`));
  const body = lines.slice(header + 2);
  const rows = body.slice(
    0,
    body.findIndex((line) => !line.startsWith("|")),
  );
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

const closed = (reason: string) => `closed:${reason}`;

function codeIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}
