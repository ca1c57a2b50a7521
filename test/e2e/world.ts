import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { KeyAlgorithm, KeyMode } from "certrenew";
import { softHsmDriver } from "certrenew/drivers/softhsm";
import { createSandbox, type Sandbox } from "certrenew/sandbox";
import { PIN, type SoftHsmStore, softHsmStore } from "../support/softhsm.js";

const DAY_MS = 86_400_000;

/** A SoftHSM token with a certificate that ends in 30 days, and the sandbox that issued it: both outlive every program. */
export interface World extends AsyncDisposable {
  readonly hsm: SoftHsmStore;
  readonly sandbox: Sandbox;
  /** Starts the program of `program.mjs` in a process group of its own. */
  start(options?: ProgramOptions): Program;
  /** What pkcs11-tool counts on the token. */
  objects(): {
    readonly certificates: number;
    readonly privateKeys: number;
    readonly publicKeys: number;
  };
}

interface ProgramOptions {
  readonly keyAlgorithm?: KeyAlgorithm;
  readonly keyMode?: KeyMode;
}

interface ProgramEvent {
  readonly event: string;
  readonly code?: string;
  readonly state?: string;
}

export interface Program {
  readonly process: ChildProcess;
  readonly events: readonly ProgramEvent[];
  /** Resolves at the first event of this name; rejects when the program ends without it. */
  reached(event: string): Promise<void>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<number | null>;
}

export async function createWorld(): Promise<World> {
  const hsm = softHsmStore();
  const identity = hsm.initialise("E2E Token");
  // Without a delay the answer to the transfer would tell of the approval, and nobody would see the review.
  const sandbox = await createSandbox({ policy: { bookingDelayMs: 0, reviewDelayMs: 300 } });
  const driver = softHsmDriver({ conf: hsm.conf });
  const session = await driver.unlock(identity, { pin: PIN });
  const [keyId, label] = [Uint8Array.of(1), "old"];
  const { spki } = await session.generateKeyPair({ algorithm: "ec-p256", keyId, label });
  const der = await sandbox.issue({
    spki,
    subject: { country: "CN", organisation: "示例科技有限公司", commonName: "张三" },
    notBefore: new Date(Date.now() - 335 * DAY_MS),
    notAfter: new Date(Date.now() + 30 * DAY_MS),
  });
  await session.importCertificate({ der, keyId, label });
  await session.close();
  await driver.close();
  return {
    hsm,
    sandbox,
    start: (options = {}) => startProgram({ hsm, sandbox }, options),
    objects() {
      const listing = hsm.pkcs11Tool("--list-objects");
      const count = (kind: string) => listing.split(`${kind} Object`).length - 1;
      return {
        certificates: count("Certificate"),
        privateKeys: count("Private Key"),
        publicKeys: count("Public Key"),
      };
    },
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      hsm.erase();
    },
  };
}

function startProgram(
  { hsm, sandbox }: Pick<World, "hsm" | "sandbox">,
  options: ProgramOptions,
): Program {
  const settings = {
    baseUrl: sandbox.baseUrl,
    trustAnchors: sandbox.trustAnchors.map((der) => Buffer.from(der).toString("base64")),
    conf: hsm.conf,
    directory: join(hsm.folder, "renewals"),
    pin: PIN,
    keyAlgorithm: "ec-p256",
    keyMode: "re-key",
    ...options,
  };
  const file = fileURLToPath(new URL("program.mjs", import.meta.url));
  const child = spawn(process.execPath, [file, JSON.stringify(settings)], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const events: ProgramEvent[] = [];
  const waiting: { readonly event: string; readonly resolve: () => void }[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const event = JSON.parse(line) as ProgramEvent;
    events.push(event);
    for (const { event: name, resolve } of waiting) if (name === event.event) resolve();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on("close", (code) => resolve(code));
  });
  return {
    process: child,
    events,
    ended,
    reached: (event) =>
      new Promise((resolve, reject) => {
        if (events.some((each) => each.event === event)) resolve();
        waiting.push({ event, resolve });
        void ended.then(() =>
          reject(new Error(`ended before ${event}: ${JSON.stringify(events)}`)),
        );
      }),
  };
}
