import { randomInt } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Driver, Token } from "certrenew";
import { MockToken, mockDriver } from "certrenew/drivers/mock";
import { findSoftHsm, softHsmDriver } from "certrenew/drivers/softhsm";
import { createSandbox, type Sandbox } from "certrenew/sandbox";
import { writePrivate } from "../support/files.js";
import { runTool } from "../support/tools.js";

const TOKEN_LABEL = "certrenew demo";
const SUBJECT = { country: "CN", organisation: "示例科技有限公司", commonName: "张三" };
const KEY_LABEL = "demo certificate";
const DAY_MS = 24 * 60 * 60 * 1000;

/** Everything that the quickstart plays with. It lives in one folder of the project, and nowhere else. */
export interface World {
  readonly folder: string;
  readonly sandbox: Sandbox;
  readonly driver: Driver;
  /** `softhsm`, or `mock` with the reason. */
  readonly driverName: "softhsm" | "mock";
  readonly mockReason: string | undefined;
  readonly module: string | undefined;
  readonly softhsmConf: string | undefined;
  readonly tokenLabel: string;
  /** Of the demonstration token: a real one stays with its holder. */
  readonly pin: string;
  /** The folder is of an earlier run that did not come to its end. */
  readonly isOld: boolean;
}

/** Kept beside the token, so that an interrupted run can be gone on with. */
interface Notes {
  readonly pin: string;
}

/** Opens what an earlier run left, or makes a sandbox and a token whose certificate ends in 30 days. */
export async function openWorld(demo: string): Promise<World> {
  const softHsm = findSoftHsm();
  const reason =
    process.env["CERTRENEW_NATIVE_REASON"] ?? (softHsm ? undefined : "SoftHSM 2 is not installed");
  return softHsm && reason === undefined
    ? openSoftHsmWorld(join(demo, "softhsm"), softHsm)
    : openMockWorld(join(demo, "mock"), reason);
}

async function openSoftHsmWorld(folder: string, module: string): Promise<World> {
  const notesFile = join(folder, "notes.json");
  const old = existsSync(notesFile)
    ? (JSON.parse(readFileSync(notesFile, "utf8")) as Notes)
    : undefined;
  // A run that ended before its token was ready has left nothing to go on with.
  if (!old) eraseWorld({ folder });
  const pin = old?.pin ?? freshPin();
  const softhsmConf = join(folder, "softhsm2.conf");
  if (!old) makeToken(join(folder, "tokens"), softhsmConf, pin);
  const world: World = {
    folder,
    sandbox: await createSandbox({ folder: join(folder, "sandbox") }),
    driver: softHsmDriver({ module, conf: softhsmConf }),
    driverName: "softhsm",
    mockReason: undefined,
    module,
    softhsmConf,
    tokenLabel: TOKEN_LABEL,
    pin,
    isOld: old !== undefined,
  };
  if (!old) {
    await issueFirstCertificate(world);
    const notes: Notes = { pin };
    writePrivate(notesFile, JSON.stringify(notes));
  }
  return world;
}

/** The token is in memory, so every run begins anew. */
async function openMockWorld(folder: string, mockReason: string | undefined): Promise<World> {
  eraseWorld({ folder });
  const pin = freshPin();
  const token = new MockToken({ label: TOKEN_LABEL, serialNumber: "0001", pin });
  const world: World = {
    folder,
    sandbox: await createSandbox(),
    driver: mockDriver({ tokens: [token] }),
    driverName: "mock",
    mockReason,
    module: undefined,
    softhsmConf: undefined,
    tokenLabel: TOKEN_LABEL,
    pin,
    isOld: false,
  };
  await issueFirstCertificate(world);
  return world;
}

/** Forgets a run. The folder is the quickstart's own. */
export function eraseWorld({ folder }: Pick<World, "folder">): void {
  rmSync(folder, { recursive: true, force: true });
}

/** A token store of its own: the machine's is never touched. */
function makeToken(tokens: string, softhsmConf: string, pin: string): void {
  mkdirSync(tokens, { recursive: true, mode: 0o700 });
  const settings = {
    "directories.tokendir": tokens,
    "objectstore.backend": "file",
    "log.level": "ERROR",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  writePrivate(softhsmConf, lines.join(""));
  const made = runTool(
    "softhsm2-util",
    ["--init-token", "--free", "--label", TOKEN_LABEL, "--pin", pin, "--so-pin", pin],
    { SOFTHSM2_CONF: softhsmConf },
  );
  if (!made.ok) throw new Error(`${made.command}: ${made.output}`);
}

function freshPin(): string {
  return String(randomInt(100_000, 1_000_000));
}

/** What the counter does for a new customer: a key pair on the token, and a certificate for it. */
async function issueFirstCertificate({ driver, sandbox, pin }: World): Promise<void> {
  const [token] = (await driver.tokens()).filter(({ label }) => label === TOKEN_LABEL);
  if (!token) throw new Error("the demonstration token is not there");
  const session = await driver.unlock(token as Token, { pin });
  try {
    const keyId = Uint8Array.from([1]);
    const { spki } = await session.generateKeyPair({
      algorithm: "rsa-2048",
      keyId,
      label: KEY_LABEL,
    });
    const now = Date.now();
    const der = await sandbox.issue({
      spki,
      subject: SUBJECT,
      notBefore: new Date(now - 335 * DAY_MS),
      notAfter: new Date(now + 30 * DAY_MS),
    });
    await session.importCertificate({ der, keyId, label: KEY_LABEL });
  } finally {
    await session.close();
  }
}
