import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { provisionedStore } from "../support/softhsm.js";
import { installPacked, manifest, type Project } from "./installed.js";

/** What a consumer gets: the tarball, in a project of its own, without the work tree around it. */

const names = Object.keys(manifest.exports)
  .filter((subpath) => subpath !== "./package.json")
  .map((subpath) => `certrenew${subpath.slice(1)}`);
const optional = Object.keys(manifest.optionalDependencies);

let project: Project;

beforeAll(async () => {
  project = await installPacked();
});

afterAll(() => project.remove());

test("the tarball holds what is built, the licence and the README, and nothing else", () => {
  const others = project.files.filter((path) => !path.startsWith("dist/"));
  expect(others.sort()).toEqual(["LICENSE", "README.md", "README.zh-CN.md", "package.json"]);
});

describe("without the optional dependencies", () => {
  test.each(names)("%s can be imported, and required", async (name) => {
    const imported = await project.evaluate<string[]>(
      `console.log(JSON.stringify(Object.keys(await import("${name}"))));`,
    );
    const required = await project.evaluate<string[]>(
      `console.log(JSON.stringify(Object.keys(require("${name}"))));`,
      { inputType: "commonjs" },
    );
    expect(imported.length).toBeGreaterThan(0);
    const exported = required.filter((key) => key !== "__esModule");
    expect(exported.sort()).toEqual(imported.sort());
  });

  test("the manifest can be read", async () => {
    const version = await project.evaluate<string>(
      `console.log(JSON.stringify(require("certrenew/package.json").version));`,
      { inputType: "commonjs" },
    );
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
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
    const loaded = await project.evaluate<string[]>(
      `import { register } from "node:module";
       import { MessageChannel } from "node:worker_threads";
       const { port1, port2 } = new MessageChannel();
       const seen = [];
       const settled = new Promise((resolve) => {
         port1.on("message", (url) => (url === "end:" ? resolve() : seen.push(url)));
       });
       register("data:text/javascript," + encodeURIComponent(\`
         let port;
         export function initialize(data) { port = data; }
         export async function load(url, context, next) {
           if (!url.startsWith("data:")) port.postMessage(url);
           return next(url, context);
         }
         export async function resolve(specifier, context, next) {
           if (specifier !== "end:") return next(specifier, context);
           port.postMessage("end:");
           return { url: "data:text/javascript,", shortCircuit: true };
         }\`), { data: port2, transferList: [port2] });
       await import("${name}");
       await import("end:");
       await settled;
       port1.close();
       console.log(JSON.stringify(seen));`,
    );
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
         console.log(JSON.stringify(contents
           .filter(({ token }) => token.label !== "")
           .map(({ token, certificates }) => ({
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
