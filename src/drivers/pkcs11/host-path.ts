import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { RenewalError } from "../../core/errors.js";

/**
 * The built host. Asked of the package by its own name, not of this file's place: a bundled build moves this code, and the
 * source has no host that Node could run.
 * @throws ERR_ARGUMENT where there is none, as in a program that was bundled into one file
 */
export function defaultHostPath(): string {
  try {
    const entry = createRequire(import.meta.url).resolve("certrenew/drivers/pkcs11");
    const host = join(dirname(entry), "host.js");
    if (existsSync(host)) return host;
  } catch {
    // Not installed as a package: the caller has to say where it is.
  }
  const reason =
    "the host file was not found: set hostPath to the package's dist/drivers/pkcs11/host.js";
  throw new RenewalError("ERR_ARGUMENT", { details: { reason } });
}
