/**
 * The driver for SoftHSM, the token in software for trying things out (https://www.softhsm.org).
 *
 * @module
 */
import { existsSync } from "node:fs";
import { RenewalError } from "../core/errors.js";
import type { Driver } from "../core/ports/driver.js";
import { createPkcs11Driver, type Pkcs11DriverOptions } from "./pkcs11/driver.js";
import { placesOf } from "./pkcs11/module-paths.js";

/** Its name in the table of known modules. */
const SOFTHSM = "SoftHSM 2";

/** What {@link softHsmDriver} takes: all of it optional. */
export interface SoftHsmDriverOptions extends Omit<Pkcs11DriverOptions, "module"> {
  /** The path of `libsofthsm2.so`, where it is not in one of the usual places. */
  readonly module?: string | undefined;
  /** The configuration file (SOFTHSM2_CONF). Without it SoftHSM takes the environment's, or the machine's own. */
  readonly conf?: string | undefined;
}

/**
 * A PKCS#11 driver on SoftHSM's library.
 *
 * @throws RenewalError ERR_MODULE_MISSING where SoftHSM is not installed in a usual place and no `module` is given
 */
export function softHsmDriver(options: SoftHsmDriverOptions = {}): Driver {
  const { module = findSoftHsm() ?? notFound(), conf, env, ...rest } = options;
  return createPkcs11Driver("softhsm", {
    ...rest,
    module,
    env: { ...env, ...(conf !== undefined && { SOFTHSM2_CONF: conf }) },
  });
}

/** The path of SoftHSM's library, `undefined` where it is in none of the usual places. */
export function findSoftHsm(): string | undefined {
  return placesOf(SOFTHSM).find((path) => existsSync(path));
}

function notFound(): never {
  const reason = `it is in none of the usual places: ${placesOf(SOFTHSM).join(", ")}`;
  throw new RenewalError("ERR_MODULE_MISSING", { details: { module: "libsofthsm2.so", reason } });
}
