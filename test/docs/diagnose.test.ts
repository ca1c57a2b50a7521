import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { FINDINGS } from "../../src/drivers/pkcs11/finding-texts.js";
import { root, run } from "../support/run.js";
import { provisionedStore } from "../support/softhsm.js";
import { readPage } from "./pages.js";

/** The example as it is built, and the page that tells its findings. */

const store = provisionedStore("EC:prime256v1");
afterAll(() => store.erase());

const diagnose = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  run(process.execPath, [join(root, "build/examples/diagnose.js"), ...args], {
    env: { LC_ALL: undefined, LANG: "en_US.UTF-8", ...store.env, ...env },
  });

test("shows what is wrong and what to do, in English or Chinese, by the system's language or on demand", async () => {
  const english = await diagnose([store.module]);
  expect(english).toMatchObject({ status: 0, stderr: "" });
  expect(english.stdout).toContain("CN=Sample Applicant");
  expect(english.stdout).toContain("· Driver, Key and certificate are in order");
  for (const ran of [
    await diagnose([store.module], { LANG: "zh_CN.UTF-8" }),
    await diagnose(["--lang", "zh", store.module]),
  ]) {
    expect(ran.stdout).toContain("· 驱动、Key 与证书均正常");
  }
});

test("prints the data, and runs where there is no module: what is wrong is its exit code", async () => {
  const { status, stdout } = await diagnose(["--json", "--redact", join(store.folder, "no.so")]);
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ findings: [{ code: "module-missing" }] });
});

test("drivers.md has every finding", () => {
  const [, table = ""] = readPage("docs/drivers.md").split("| finding | about |\n|---|---|\n");
  const rows = table.slice(0, table.indexOf("\n\n")).split("\n");
  const codes = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)]);
  expect(codes.map(([, code]) => code).sort()).toEqual(Object.keys(FINDINGS).sort());
});
