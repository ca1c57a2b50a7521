import { mustRun } from "../support/run.js";

/** How an example's outcome tells of the token that it worked on. */
export interface TokenAccess {
  readonly module?: string;
  readonly softhsmConf?: string;
  readonly tokenLabel: string;
  readonly pin: string;
}

/** The CKA_IDs that OpenSC sees on the token of an example, by kind of object. */
export async function idsOnToken({ module = "", softhsmConf, tokenLabel, pin }: TokenAccess) {
  const token = ["--module", module, "--token-label", tokenLabel, "--login", "--pin", pin];
  const { stdout } = await mustRun("pkcs11-tool", [...token, "--list-objects"], {
    env: { SOFTHSM2_CONF: softhsmConf },
  });
  const idsOf = (kind: string) =>
    stdout
      .split(/^(?=\S)/m)
      .filter((object) => object.startsWith(kind))
      .map((object) => /^\s+ID:\s+(\w+)/m.exec(object)?.[1])
      .sort();
  return { certificates: idsOf("Certificate Object"), privateKeys: idsOf("Private Key Object") };
}
