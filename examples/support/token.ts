import { randomInt } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Driver, JsonObject } from "certrenew";
import { findSoftHsm, softHsmDriver } from "certrenew/drivers/softhsm";
import { writePrivate } from "./files.js";
import { keptMockDriver, makeMockToken } from "./kept-mock.js";
import { runTool } from "./tools.js";

const TOKEN_LABEL = "certrenew demo";

/** A token of an example's own. It lives in the example's folder, and the machine's token store is never touched. */
export interface DemoToken {
  readonly driverName: "softhsm" | "mock";
  /** Why it is a mock, where it is one. */
  readonly mockReason: string | undefined;
  readonly module: string | undefined;
  readonly softhsmConf: string | undefined;
  readonly tokenLabel: string;
  /** Of the demonstration token: a real one stays with its holder. */
  readonly pin: string;
  /** A fresh driver on the same token, since a driver is closed with its client. */
  createDriver(): Driver;
}

/** SoftHSM's library, or why a mock has to do. */
export function softHsmOrReason(): { readonly module: string } | { readonly reason: string } {
  const reason = process.env["CERTRENEW_NATIVE_REASON"];
  const module = reason === undefined ? findSoftHsm() : undefined;
  return module === undefined ? { reason: reason ?? "SoftHSM 2 is not installed" } : { module };
}

/** The token that stands in the folder, or a new one. */
export function openToken(folder: string): DemoToken {
  const found = softHsmOrReason();
  const pin = keptPin(join(folder, "pin"));
  const tokenLabel = TOKEN_LABEL;
  if ("reason" in found) {
    const file = join(folder, "token.json");
    if (!existsSync(file)) makeMockToken(file, { label: tokenLabel, pin });
    return {
      driverName: "mock",
      mockReason: found.reason,
      module: undefined,
      softhsmConf: undefined,
      tokenLabel,
      pin,
      createDriver: () => keptMockDriver(file),
    };
  }
  const { module } = found;
  const softhsmConf = join(folder, "softhsm2.conf");
  if (!existsSync(softhsmConf)) makeSoftHsmToken(join(folder, "tokens"), softhsmConf, pin);
  return {
    driverName: "softhsm",
    mockReason: undefined,
    module,
    softhsmConf,
    tokenLabel,
    pin,
    createDriver: () => softHsmDriver({ module, conf: softhsmConf }),
  };
}

/** How anybody gets at the demonstration token, for an outcome in JSON. */
export function tokenAccess({ module, tokenLabel, pin, softhsmConf }: DemoToken): JsonObject {
  return { ...(module && { module }), tokenLabel, pin, ...(softhsmConf && { softhsmConf }) };
}

function keptPin(file: string): string {
  if (!existsSync(file)) writePrivate(file, String(randomInt(100_000, 1_000_000)));
  return readFileSync(file, "utf8");
}

function makeSoftHsmToken(tokens: string, softhsmConf: string, pin: string): void {
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
