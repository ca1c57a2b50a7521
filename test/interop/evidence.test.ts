import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Evidence, KeyAlgorithm, Renewal } from "certrenew";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acknowledgeAll, CLERKS, reach } from "../lifecycle/stations.js";
import {
  addEncryptionCertificate,
  createWorld,
  type Program,
  SAMPLE_FORM,
  type World,
  type WorldOptions,
} from "../lifecycle/world.js";
import { authority } from "../support/certificates.js";

const directory = mkdtempSync(join(tmpdir(), "certrenew-evidence-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe.each<{ name: string; world: WorldOptions }>([
  ...(["ec-p256", "rsa-2048"] satisfies KeyAlgorithm[]).map((algorithm) => ({
    name: algorithm,
    world: { algorithm },
  })),
  {
    name: "RSASSA-PSS",
    world: { algorithm: "rsa-2048", token: { signatureAlgorithms: ["RSASSA-PSS-SHA256"] } },
  },
])("a completed renewal with $name", ({ name, world: options }) => {
  let archive: Unpacked;

  beforeAll(async () => {
    const world = await createWorld({ ...options, ra: CLERKS });
    archive = await evidenceOf(name, world, (program) => reach("completed", world, program));
  });

  test("is shown by openssl, by every command of README.txt", () => {
    const commands = commandsOf(archive);
    expect(failures(archive, commands)).toEqual([]);
    expect(commands.filter((command) => command.includes("openssl"))).toHaveLength(28);
    expect(archive.readme).not.toContain("Not shown");
    expect(archive.manifest.absent).toEqual([]);
  });
});

describe("one wrong byte", () => {
  let archive: Unpacked;
  let commands: readonly string[];

  beforeAll(async () => {
    const world = await createWorld({ ra: CLERKS });
    archive = await evidenceOf("tampered", world, (program) => reach("completed", world, program));
    commands = commandsOf(archive);
    run(archive, commands);
  });

  test("of any file is noticed by sha256sum, and by openssl as well", () => {
    const unnoticed = archive.manifest.files
      .map(({ name }) => name)
      .filter((name) => name !== "README.txt")
      .filter((name) => {
        const about = commands.filter((command) => command.includes(` ${name}`));
        const failed = withWrongByte(archive, name, () => failures(archive, about));
        const [sums] = withWrongByte(archive, name, () => failures(archive, [SUMS]));
        return failed.length === 0 || !sums;
      });
    expect(unnoticed).toEqual([]);
    expect(failures(archive, commands)).toEqual([]);
  });

  test("cannot be made good by writing its hash into SHA256SUMS", () => {
    const target = "application/1/application.p7m";
    const failed = withWrongByte(archive, target, () => {
      const sums = join(archive.folder, "SHA256SUMS");
      const before = readFileSync(sums, "utf8");
      const fresh = shell(archive, `sha256sum ${target}`).output.slice(0, 64);
      const old = archive.manifest.files.find(({ name }) => name === target)?.sha256 ?? "";
      writeFileSync(sums, before.replace(old, fresh));
      const result = failures(archive, commands);
      writeFileSync(sums, before);
      return result;
    });
    expect(failed).not.toContain(SUMS);
    expect(failed.some((command) => command.includes("cms -verify"))).toBe(true);
  });
});

describe("a renewal that is not over, or went another way", () => {
  test.each(["draft", "submitting", "awaiting-review", "confirming", "closed"] as const)(
    "is shown as far as it has come: %s",
    async (state) => {
      const world = await createWorld({ ra: CLERKS });
      const archive = await evidenceOf(state, world, (program) => reach(state, world, program));
      expect(failures(archive, commandsOf(archive))).toEqual([]);
      expect(archive.readme).not.toContain("Not shown");
      expect(archive.manifest.absent.length).toBeGreaterThan(0);
    },
  );

  test("holds every revision of an application that was returned", async () => {
    const world = await createWorld({ ra: CLERKS });
    const archive = await evidenceOf("amended", world, async (program) => {
      const returned = await reach("action-required", world, program);
      return returned.amend({ form: { ...SAMPLE_FORM, mobile: "13900139000" } });
    });
    expect(failures(archive, commandsOf(archive))).toEqual([]);
    const [first, second] = ["application-1.json", "application-2.json"].map((name) =>
      readFileSync(join(archive.folder, "opened", name), "utf8"),
    );
    expect(first).toContain(SAMPLE_FORM.mobile);
    expect(second).toContain("13900139000");
    expect(readFileSync(join(archive.folder, "application/1/reasons.json"), "utf8")).toContain(
      "手机号码有误",
    );
  });

  test("holds the encryption certificate that was renewed beside it", async () => {
    const world = await createWorld({ algorithm: "rsa-2048", ra: CLERKS });
    await addEncryptionCertificate(world);
    const archive = await evidenceOf("pair", world, (program) =>
      reach("completed", world, program),
    );
    expect(failures(archive, commandsOf(archive))).toEqual([]);
    const names = archive.manifest.files.map(({ name }) => name);
    expect(names).toContain("requests/encryption.p10");
    expect(names).toContain("certificates/new-encryption.pem");
    expect(archive.readme).not.toContain("Not shown");
  });

  test("holds every request that was handed in later, with statement and receipt", async () => {
    const world = await createWorld({ algorithm: "rsa-2048", ra: CLERKS });
    await addEncryptionCertificate(world);
    const archive = await evidenceOf("reissued", world, async (program) => {
      const ready = await reach("ready-to-install", world, program);
      const lost = world.token.keys.at(-1)?.keyId ?? new Uint8Array();
      world.token.destroy({ kind: "key-pair", keyId: lost });
      const again = await ready.requestReissue({ reason: "key-lost" });
      if (again.state !== "ready-to-install") throw new Error(again.state);
      const third = await again.requestReissue({ reason: "certificate-unusable" });
      if (third.state !== "ready-to-install") throw new Error(third.state);
      return third.install(acknowledgeAll(third));
    });
    expect(failures(archive, commandsOf(archive))).toEqual([]);
    expect(archive.readme).not.toContain("Not shown");
    expect(archive.manifest.absent).toEqual([]);
    const names = archive.manifest.files.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("requests/"))).toEqual([
      "requests/encryption.p10",
      ...["receipt.p7m", "statement.p7m"].map((name) => `requests/handed-in/1/${name}`),
      ...["receipt.p7m", "statement.p7m"].map((name) => `requests/handed-in/2/${name}`),
      ...["encryption.p10", "signing.p10"].map((name) => `requests/replaced-1/${name}`),
      ...["encryption.p10", "signing.p10"].map((name) => `requests/replaced-2/${name}`),
      "requests/signing.p10",
    ]);
    // Each statement and each receipt leads to the requests that were with it, by a command.
    for (const [file, request] of [
      ["opened/application-1.json", "requests/replaced-1/signing.p10"],
      ["opened/handed-in-1.json", "requests/replaced-2/encryption.p10"],
      ["opened/handed-in-2.json", "requests/signing.p10"],
      ["opened/receipt-1.json", "requests/replaced-1/signing.p10"],
      ["opened/handed-in-receipt-1.json", "requests/replaced-2/signing.p10"],
      ["opened/handed-in-receipt-2.json", "requests/encryption.p10"],
    ] as const) {
      const command = commandsOf(archive).find(
        (each) => each.endsWith(` ${file}`) && each.includes(request),
      );
      expect(command, `${file} and ${request}`).toBeDefined();
    }
    const noticed = withWrongByte(archive, "requests/handed-in/1/statement.p7m", () =>
      failures(archive, commandsOf(archive)),
    );
    expect(noticed.some((command) => command.includes("cms -verify"))).toBe(true);
  });

  test("says of a request that the old key did not sign that it was lost", async () => {
    const world = await createWorld({ ra: CLERKS });
    const archive = await evidenceOf("unsigned", world, async (program) => {
      const ready = await reach("ready-to-install", world, program);
      for (const { keyId } of [...world.token.keys]) {
        world.token.destroy({ kind: "key-pair", keyId });
      }
      return ready.requestReissue({ reason: "key-lost" });
    });
    expect(failures(archive, commandsOf(archive))).toEqual([]);
    expect(archive.manifest.absent).toContainEqual(
      expect.objectContaining({
        name: "requests/handed-in/1/statement.p7m",
        reason: expect.objectContaining({ en: "The old key was not on the token any more." }),
      }),
    );
    expect(archive.readme).not.toContain("Not shown");
  });

  test("holds the request that was made at the installation", async () => {
    const ra = { ...CLERKS, offer: { terms: { requestAt: "installation" } } } as const;
    const world = await createWorld({ ra });
    const archive = await evidenceOf("late", world, (program) =>
      reach("completed", world, program),
    );
    expect(failures(archive, commandsOf(archive))).toEqual([]);
    expect(archive.readme).toContain("requests/signing.p10 is for the key in");
    expect(archive.readme).not.toContain("Not shown");
    expect(archive.readme).toContain("requests/handed-in/1/statement.p7m is signed by the key of");
    expect(archive.manifest.absent).toEqual([]);
  });
});

test("what does not lead to the client's trust anchors is said, and no command pretends it", async () => {
  const world = await createWorld({ ra: CLERKS });
  const { id } = await reach("awaiting-review", world);
  const { client } = world.program({ trustAnchors: authority().certificate });
  const archive = unpack("stranger", await client.evidence(id));
  expect(failures(archive, commandsOf(archive))).toEqual([]);
  expect(archive.readme).toContain("Not shown: certificates/previous.pem does not lead");
  expect(archive.readme).not.toContain("openssl verify");
});

const SUMS = "sha256sum -c SHA256SUMS";

interface Unpacked {
  readonly folder: string;
  readonly readme: string;
  readonly manifest: Evidence["manifest"];
}

async function evidenceOf(
  name: string,
  world: World,
  make: (program: Program) => Promise<Renewal>,
): Promise<Unpacked> {
  const program = world.program();
  const { id } = await make(program);
  return unpack(name, await program.client.evidence(id));
}

function unpack(name: string, { content, manifest }: Evidence): Unpacked {
  const folder = join(directory, name);
  const file = `${folder}.zip`;
  mkdirSync(folder);
  writeFileSync(file, content);
  const { status, stderr } = spawnSync("python3", ["-m", "zipfile", "-e", file, folder]);
  if (status !== 0) throw new Error(`python3 -m zipfile: ${stderr}`);
  return { folder, manifest, readme: readFileSync(join(folder, "README.txt"), "utf8") };
}

function commandsOf({ readme }: Unpacked): string[] {
  return [...readme.matchAll(/^ {4}(\S.*)$/gm)].map(([, command = ""]) => command);
}

/** As a reader of README.txt would run it: in a shell, in the folder of the archive. */
function shell({ folder }: Unpacked, command: string): { ok: boolean; output: string } {
  const { status, stdout } = spawnSync("sh", ["-c", command], { cwd: folder, timeout: 60_000 });
  return { ok: status === 0, output: stdout.toString() };
}

function run(archive: Unpacked, commands: readonly string[]): void {
  for (const command of commands) shell(archive, command);
}

function failures(archive: Unpacked, commands: readonly string[]): string[] {
  return commands.filter((command) => !shell(archive, command).ok);
}

/** PEM has its substance in the middle; whatever else there is ends with some: a signature, or a text. */
function withWrongByte<T>({ folder }: Unpacked, name: string, work: () => T): T {
  const file = join(folder, name);
  const before = readFileSync(file);
  const wrong = Buffer.from(before);
  const at = name.endsWith(".pem") ? wrong.length >> 1 : wrong.length - 1;
  wrong[at] = (wrong[at] ?? 0) ^ 1;
  writeFileSync(file, wrong);
  try {
    return work();
  } finally {
    writeFileSync(file, before);
  }
}
