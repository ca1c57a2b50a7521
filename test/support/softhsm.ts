import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { TokenIdentity } from "../../src/core/ports/driver.js";
import { findSoftHsm } from "../../src/drivers/softhsm.js";
import { sampleCertificate } from "../../src/testing/sample-certificate.js";

export const PIN = "648219";
export const WRONG_PIN = "999999";

/** A token store in a folder of its own. The machine's own store is never touched. */
export interface SoftHsmStore {
  readonly folder: string;
  readonly module: string;
  readonly conf: string;
  readonly env: { readonly SOFTHSM2_CONF: string };
  /** Initialises a token; refuses a label that is there already. */
  initialise(label: string): TokenIdentity;
  /** Runs pkcs11-tool on the store, logged in, and gives what it prints. */
  pkcs11Tool(...args: readonly string[]): string;
  /** Takes every token out of the store. */
  removeTokens(): void;
  /** Puts them back. */
  insertTokens(): void;
  erase(): void;
}

export interface Provisioned {
  readonly token: TokenIdentity;
  readonly credential: {
    readonly certificate: Uint8Array;
    readonly keyId: Uint8Array;
    readonly label: string;
  };
}

export function softHsmStore(): SoftHsmStore {
  const folder = mkdtempSync(join(tmpdir(), "certrenew-softhsm-"));
  const [tokens, away] = [join(folder, "tokens"), join(folder, "away")];
  for (const each of [tokens, away]) mkdirSync(each, { mode: 0o700 });
  return storeAt(folder, tokens, away);
}

const TOKEN_LABEL = "Sample Token";

/**
 * A store with one token, one key pair and its certificate, all written by OpenSC and SoftHSM's own tools. Made once for
 * each kind of key, and copied from then on.
 */
export function provisionedStore(
  keyType: "rsa:2048" | "EC:prime256v1",
): SoftHsmStore & Provisioned {
  const made = templates.get(keyType) ?? provision(keyType);
  templates.set(keyType, made);
  const store = softHsmStore();
  cpSync(join(made.folder, "tokens"), join(store.folder, "tokens"), { recursive: true });
  return { ...store, token: made.token, credential: made.credential };
}

const templates = new Map<string, SoftHsmStore & Provisioned>();

afterAll(() => {
  for (const template of templates.values()) template.erase();
  templates.clear();
});

function provision(keyType: string): SoftHsmStore & Provisioned {
  const store = softHsmStore();
  const token = store.initialise(TOKEN_LABEL);
  const [id, label] = ["0a0b0c", "Sample Applicant"];
  store.pkcs11Tool("--keypairgen", "--key-type", keyType, "--id", id, "--label", label);
  const [spkiFile, certificateFile] = ["spki.der", "certificate.der"].map((name) =>
    join(store.folder, name),
  ) as [string, string];
  store.pkcs11Tool("--read-object", "--type", "pubkey", "--id", id, "-o", spkiFile);
  const certificate = sampleCertificate(readBytes(spkiFile));
  writeFileSync(certificateFile, certificate);
  const write = ["--write-object", certificateFile, "--type", "cert"];
  store.pkcs11Tool(...write, "--id", id, "--label", label);
  return {
    ...store,
    token,
    credential: { certificate, keyId: Buffer.from(id, "hex"), label },
  };
}

function storeAt(folder: string, tokens: string, away: string): SoftHsmStore {
  const module = findSoftHsm();
  if (module === undefined) throw new Error("the tests need SoftHSM 2");
  const conf = join(folder, "softhsm2.conf");
  writeFileSync(
    conf,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  const env = { SOFTHSM2_CONF: conf };
  const run = (command: string, args: readonly string[]) =>
    execFileSync(command, args, {
      encoding: "utf8",
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
  const move = (from: string, to: string) => {
    for (const name of readdirSync(from)) renameSync(join(from, name), join(to, name));
  };
  return {
    folder,
    module,
    conf,
    env,
    initialise(label) {
      const slots = () => run("softhsm2-util", ["--show-slots"]);
      if (slots().includes(label)) throw new Error(`${label} is initialised already`);
      const pins = ["--pin", PIN, "--so-pin", PIN];
      run("softhsm2-util", ["--init-token", "--free", "--label", label, ...pins]);
      const serialNumber = new RegExp(
        `Serial number:\\s*(\\w+)\\s+Initialized:\\s+yes\\s+User PIN init.:\\s+yes\\s+Label:\\s+${label}`,
      ).exec(slots())?.[1];
      if (serialNumber === undefined) throw new Error(`${label} was not initialised`);
      return { serialNumber, label, model: "SoftHSM v2", manufacturer: "SoftHSM project" };
    },
    pkcs11Tool: (...args) =>
      run("pkcs11-tool", ["--module", module, "--login", "--pin", PIN, ...args]),
    removeTokens: () => move(tokens, away),
    insertTokens: () => move(away, tokens),
    erase: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function readBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}
