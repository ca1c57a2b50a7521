import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { provisionedStore } from "../support/softhsm.js";
import { installPacked, manifest, type Project } from "./installed.js";

/** What a consumer gets: the tarball, in a project of its own, without the work tree around it. */

const names = Object.keys(manifest.exports)
  .filter((subpath) => !subpath.endsWith(".json"))
  .map((subpath) => `certrenew${subpath.slice(1)}`);
const optional = Object.keys(manifest.optionalDependencies);

let project: Project;

beforeAll(async () => {
  project = await installPacked();
});

afterAll(() => project.remove());

test("the tarball holds what is built, the licence, the READMEs and the RA's interface, and nothing else", () => {
  const others = project.files.filter((path) => !path.startsWith("dist/"));
  expect(others.sort()).toEqual([
    "LICENSE",
    "README.md",
    "README.zh-CN.md",
    "docs/openapi.json",
    "package.json",
  ]);
});

describe("without the optional dependencies", () => {
  test("every subpath can be imported, and required, with the same exports", async () => {
    type Exports = Readonly<Record<string, readonly string[]>>;
    const imported = await project.evaluate<Exports>(
      `const found = {};
       for (const name of ${JSON.stringify(names)}) found[name] = Object.keys(await import(name));
       console.log(JSON.stringify(found));`,
    );
    const required = await project.evaluate<Exports>(
      `const found = {};
       for (const name of ${JSON.stringify(names)}) found[name] = Object.keys(require(name));
       console.log(JSON.stringify(found));`,
      { inputType: "commonjs" },
    );
    expect(Object.keys(imported)).toEqual(names);
    for (const name of names) {
      expect(imported[name]?.length).toBeGreaterThan(0);
      const members = required[name]?.filter((member) => member !== "__esModule");
      expect(new Set(members)).toEqual(new Set(imported[name]));
    }
  });

  test("the manifest can be read", async () => {
    const version = await project.evaluate<string>(
      `console.log(JSON.stringify(require("certrenew/package.json").version));`,
      { inputType: "commonjs" },
    );
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
  });

  test("the RA's interface can be read", async () => {
    const version = await project.evaluate<string>(
      `console.log(JSON.stringify(require("certrenew/openapi.json").openapi));`,
      { inputType: "commonjs" },
    );
    expect(version).toMatch(/^3\.1\.\d+$/);
  });

  test("what is not exported cannot be reached", async () => {
    const code = await project.evaluate(
      `const error = await import("certrenew/dist/index.js").catch((reason) => reason);
       console.log(JSON.stringify(error.code));`,
    );
    expect(code).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });

  test("the PKCS#11 driver says that the binding is missing", async () => {
    const code = await project.evaluate(
      `import { pkcs11Driver } from "certrenew/drivers/pkcs11";
       const driver = pkcs11Driver({ module: "any.so" });
       const error = await driver.tokens().catch((reason) => reason);
       await driver.close();
       console.log(JSON.stringify(error.code));`,
    );
    expect(code).toBe("ERR_NATIVE_UNAVAILABLE");
  });

  test("the sandbox says that its server is missing", async () => {
    const code = await project.evaluate(
      `import { createSandbox } from "certrenew/sandbox";
       const error = await createSandbox().catch((reason) => reason);
       console.log(JSON.stringify(error.code));`,
    );
    expect(code).toBe("ERR_UNSUPPORTED");
  });
});

describe("with the optional dependencies", () => {
  beforeAll(() => project.link(optional));

  test.each(names)("importing %s loads none of them", async (name) => {
    const coverage = mkdtempSync(join(project.folder, "coverage-"));
    await project.evaluate(`await import("${name}"); console.log(true);`, {
      env: { NODE_V8_COVERAGE: coverage },
    });
    const loaded = scriptsIn(coverage);
    expect(loaded.some((url) => url.includes("/node_modules/certrenew/dist/"))).toBe(true);
    const ofOptional = loaded.filter((url) =>
      optional.some((dependency) => url.includes(`/node_modules/${dependency}/`)),
    );
    expect(ofOptional).toEqual([]);
  });

  test("the PKCS#11 driver finds its host in the package, and lists a token", async () => {
    const store = provisionedStore("EC:prime256v1");
    try {
      const contents = await project.evaluate(
        `import { pkcs11Driver } from "certrenew/drivers/pkcs11";
         const driver = pkcs11Driver({ module: ${JSON.stringify(store.module)} });
         const contents = await driver.certificates();
         await driver.close();
         console.log(JSON.stringify(contents.map(({ token, certificates }) => ({
           serialNumber: token.serialNumber,
           certificates: certificates.map(({ der }) => Buffer.from(der).toString("hex")),
         }))));`,
        { env: store.env },
      );
      const { token, credential } = store;
      expect(contents).toEqual([
        {
          serialNumber: token.serialNumber,
          certificates: [Buffer.from(credential.certificate).toString("hex")],
        },
      ]);
    } finally {
      store.erase();
    }
  });
});

/** Every script that a process loaded, ESM or CommonJS, by V8's own account. */
function scriptsIn(coverage: string): readonly string[] {
  return readdirSync(coverage).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(coverage, name), "utf8")) as {
      readonly result: readonly { readonly url: string }[];
    };
    return result.map(({ url }) => url);
  });
}
