import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createWorld, type World } from "../e2e/world.js";
import { mustRun, root } from "../support/run.js";
import { PIN } from "../support/softhsm.js";

/** The example of the README, as it stands there (`snippets.test.ts`), run from what is built. */
const worlds: World[] = [];

afterEach(async () => {
  for (const world of worlds.splice(0)) await world[Symbol.asyncDispose]();
});

test("the example is short enough to be read at once", () => {
  const lines = readFileSync(join(root, "examples", "renew.ts"), "utf8")
    .trim()
    .split("\n");
  const [code, blank] = [lines.filter((line) => line !== ""), lines.filter((line) => line === "")];
  expect(code.length).toBeLessThanOrEqual(26);
  expect(blank.length).toBeLessThan(5);
});

test("the example renews the certificate on a token", async () => {
  const world = await createWorld();
  worlds.push(world);
  const { hsm, sandbox } = world;
  // Else the answer to the transfer may tell of the approval already.
  await sandbox.admin.setPolicy({ reviewDelayMs: 300 });
  const anchors = join(hsm.folder, "ca.pem");
  writeFileSync(anchors, sandbox.chainPem);

  const { stdout } = await mustRun(process.execPath, [join(root, "build/examples/renew.js")], {
    env: {
      ...hsm.env,
      CERTRENEW_MODULE: hsm.module,
      CERTRENEW_RA: sandbox.baseUrl,
      CERTRENEW_STORE: join(hsm.folder, "renewals"),
      CERTRENEW_CA: anchors,
      CERTRENEW_PIN: PIN,
    },
  });

  const lines = stdout.trim().split("\n");
  expect(lines.slice(0, -1)).toEqual([
    "application",
    "payment",
    "review",
    "installation",
    "completed",
  ]);
  const notAfter = new Date((lines.at(-1) ?? "").replace("valid until ", ""));
  const [application] = await sandbox.admin.applications();
  const issued = (await sandbox.admin.certificates()).find(
    ({ sha256 }) => sha256 === application?.issuedSha256,
  );
  expect(notAfter).toEqual(issued?.notAfter);
  expect(application?.progress.issuance.status).toBe("confirmed");
  expect(world.objects()).toEqual({ certificates: 2, privateKeys: 2, publicKeys: 2 });
}, 120_000);
