import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  type Clock,
  createRenewalClient,
  type RenewalClient,
  type RenewalClientOptions,
  type Transport,
} from "certrenew";
import { createSandbox, type Sandbox, type SandboxOptions } from "certrenew/sandbox";
import { fileStore } from "certrenew/store/file";
import { type HttpTransportOptions, httpTransport } from "certrenew/transport/http";
import { DAY_MS } from "./clock.js";
import { writePrivate } from "./files.js";
import { type DemoToken, openToken, softHsmOrReason } from "./token.js";

export interface WorldOptions {
  /** The example's: its world is the folder `demo/NAME`. */
  readonly name: string;
  /** Goes on with what an interrupted run left. Default: begins anew. */
  readonly keep?: boolean | undefined;
  /** What the token holds. Default: one certificate, of 张三, that ends in 30 days. */
  readonly holders?: readonly Holder[] | undefined;
  /** The RA's, and its clients'. */
  readonly clock?: Clock | undefined;
  readonly policy?: SandboxOptions["policy"];
  readonly scenario?: SandboxOptions["scenario"];
}

/** Whose certificate, and how many days from now it ends; it began a year before. */
interface Holder {
  readonly commonName: string;
  readonly endsInDays: number;
}

/** A person's side of an example: the token, and a program that knows the RA. */
export interface Desk extends DemoToken {
  readonly folder: string;
  /** A client with the token, the RA and the store of this world; `changes` replaces any of them. */
  createClient(changes?: Partial<RenewalClientOptions>): RenewalClient;
  createTransport(changes?: Partial<HttpTransportOptions>): Transport;
}

/** Everything that an example plays with. It lives in one folder of the project, and nowhere else. */
export interface World extends Desk {
  /** The RA and CA, with `sandbox.admin` for what happens behind their counter. */
  readonly sandbox: Sandbox;
  /** The folder is of an earlier run. */
  readonly isOld: boolean;
  close(): Promise<void>;
}

/** Makes a sandbox and a token that holds certificates of its CA, or opens those of an earlier run. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const folder = folderOf(options.name);
  const notesFile = join(folder, NOTES);
  // A run that ended before its token was ready has left nothing to go on with.
  const isOld = options.keep === true && existsSync(notesFile);
  if (!isOld) eraseWorld({ folder });
  const token = openToken(folder);
  const { clock, policy, scenario } = options;
  const sandbox = await createSandbox({ folder: join(folder, "sandbox"), clock, policy, scenario });
  const now = clock?.now() ?? new Date();
  if (!isOld) {
    const holders = options.holders ?? [{ commonName: "张三", endsInDays: 30 }];
    await issueFirstCertificates(token, sandbox, holders, now);
  }
  const notes: Notes = {
    baseUrl: sandbox.baseUrl,
    trustAnchors: sandbox.trustAnchors.map((der) => Buffer.from(der).toString("base64")),
  };
  writePrivate(notesFile, JSON.stringify(notes));
  return { ...desk(folder, token, notes, clock), sandbox, isOld, close: () => sandbox.close() };
}

/** The world of an example as another process of it sees it: all but the RA's side. */
export function joinWorld(name: string): Desk {
  const folder = folderOf(name);
  const notes = JSON.parse(readFileSync(join(folder, NOTES), "utf8")) as Notes;
  return desk(folder, openToken(folder), notes, undefined);
}

/** Forgets a run. The folder is the example's own. */
function eraseWorld({ folder }: Pick<World, "folder">): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Where the RA is, and whom to trust: what a program is configured with. */
interface Notes {
  readonly baseUrl: string;
  /** DER, base64. */
  readonly trustAnchors: readonly string[];
}

const NOTES = "notes.json";
const KEY_LABEL = "demo certificate";

function folderOf(name: string): string {
  const kind = "module" in softHsmOrReason() ? "softhsm" : "mock";
  return join(process.cwd(), "demo", name, kind);
}

function desk(
  folder: string,
  token: DemoToken,
  { baseUrl, trustAnchors }: Notes,
  clock: Clock | undefined,
): Desk {
  const createTransport: Desk["createTransport"] = (changes) =>
    httpTransport({ baseUrl, clock, ...changes });
  return {
    ...token,
    folder,
    createTransport,
    createClient: (changes) =>
      createRenewalClient({
        driver: token.createDriver(),
        transport: createTransport(),
        store: fileStore({ directory: join(folder, "renewals") }),
        trustAnchors: trustAnchors.map((der) => Buffer.from(der, "base64")),
        pin: () => token.pin,
        wait: { minimumMs: 500 },
        clock,
        ...changes,
      }),
  };
}

/** What the counter does for new customers: a key pair on the token, and a certificate for it. */
async function issueFirstCertificates(
  { createDriver, tokenLabel, pin }: DemoToken,
  sandbox: Sandbox,
  holders: readonly Holder[],
  now: Date,
): Promise<void> {
  await using driver = createDriver();
  const token = (await driver.tokens()).find(({ label }) => label === tokenLabel);
  if (!token) throw new Error("the demonstration token is not there");
  await using session = await driver.unlock(token, { pin });
  for (const [index, { commonName, endsInDays }] of holders.entries()) {
    const keyId = Uint8Array.of(index + 1);
    const label = KEY_LABEL;
    const { spki } = await session.generateKeyPair({ algorithm: "rsa-2048", keyId, label });
    const notAfter = new Date(now.getTime() + endsInDays * DAY_MS);
    const der = await sandbox.issue({
      spki,
      subject: { country: "CN", organisation: "示例科技有限公司", commonName },
      notBefore: new Date(notAfter.getTime() - 365 * DAY_MS),
      notAfter,
    });
    await session.importCertificate({ der, keyId, label });
  }
}
