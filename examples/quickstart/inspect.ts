import { join } from "node:path";
import type { Completed } from "certrenew";
import { pem, writePrivate } from "../support/files.js";
import { quote, runTool, type ToolResult } from "../support/tools.js";
import type { Desk } from "../support/world.js";

/** What the renewal left as files, for any other program to look at. */
export interface Files {
  readonly previous: string;
  readonly renewed: string;
  readonly chain: string;
  readonly request: string;
  readonly application: string;
}

/** Writes certificates, chain, PKCS#10 and CMS out of the renewal's record. */
export function writeFiles(renewal: Completed, { folder }: Desk): Files {
  const record = renewal.toJSON() as {
    application: { request: string; signed: string };
    issuance: { collected: { chain: readonly string[] } };
  };
  const decode = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
  const [, ...issuers] = record.issuance.collected.chain.map(decode);
  const file = (name: string) => join(folder, "files", name);
  const { previous, renewed } = renewal.report;
  return {
    previous: writePrivate(file("previous.pem"), pem("CERTIFICATE", previous.der)),
    renewed: writePrivate(file("renewed.pem"), pem("CERTIFICATE", renewed.der)),
    chain: writePrivate(file("chain.pem"), issuers.map((der) => pem("CERTIFICATE", der)).join("")),
    request: writePrivate(
      file("request.pem"),
      pem("CERTIFICATE REQUEST", decode(record.application.request)),
    ),
    application: writePrivate(file("application.cms"), decode(record.application.signed)),
  };
}

/** Asks programs that know nothing of certrenew. */
export function inspect(files: Files, world: Desk): ToolResult[] {
  const verify = ["verify", "-CAfile", files.chain, files.renewed];
  const cms = [
    "cms",
    "-verify",
    "-inform",
    "DER",
    "-in",
    files.application,
    "-CAfile",
    files.chain,
  ];
  return [
    runTool("openssl", verify),
    runTool("openssl", ["req", "-in", files.request, "-verify", "-noout"]),
    runTool("openssl", [...cms, "-purpose", "any", "-out", "/dev/null"]),
    ...lookAtToken(world).map(([program, args, env]) => runTool(program, args, env)),
  ];
}

/** The commands with which anybody can look at the token. */
export function commandsToLook(world: Desk): string[] {
  return lookAtToken(world).map(([program, args, env]) => {
    const settings = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
    return [...settings, program, ...args.map(quote)].join(" ");
  });
}

type Command = readonly [string, readonly string[], Readonly<Record<string, string>>];

function lookAtToken({ module, softhsmConf, tokenLabel, pin }: Desk): readonly Command[] {
  if (!module || !softhsmConf) return [];
  const env = { SOFTHSM2_CONF: softhsmConf };
  const token = ["--module", module, "--token-label", tokenLabel, "--login", "--pin", pin];
  return [["pkcs11-tool", [...token, "--list-objects"], env]];
}
