/**
 * The PKCS#11 driver: USB keys, smart cards and HSMs through their vendor's module.
 *
 * @module
 */
import type { Driver } from "../../core/ports/driver.js";
import { createPkcs11Driver, type Pkcs11DriverOptions } from "./driver.js";

export type { DeadlineOptions, Deadlines } from "./deadlines.js";
export { type DiagnoseOptions, diagnose } from "./diagnose.js";
export type * from "./diagnosis.js";
export type { Pkcs11DriverOptions } from "./driver.js";
export type { FindingCode, Severity } from "./finding-texts.js";
export type { Finding } from "./findings.js";
export type { LibraryHeader } from "./library-file.js";
export type { LocatedModule, LocateFileSystem, LocateOptions } from "./locate.js";
export { locate } from "./locate.js";
export type { ModuleKind } from "./locate-table.js";
export { redactDiagnosis } from "./redact-diagnosis.js";
export type { LibraryInfo } from "./survey.js";

/**
 * A driver for one PKCS#11 module (OASIS PKCS#11 v2.40). The module runs in child processes, so that one that hangs or
 * crashes is a typed error and no more: one for listing and watching, which never sees a PIN, and one for each unlocked
 * session. They end with this process, and keep it alive only while a call is under way; a watch keeps nothing alive.
 *
 * Needs the optional dependencies graphene-pk11 and pkcs11js. Nothing is loaded or started before the first call.
 *
 * @throws RenewalError ERR_ARGUMENT where an option is wrong, or the host file cannot be found (see `hostPath`)
 */
export function pkcs11Driver(options: Pkcs11DriverOptions): Driver {
  return createPkcs11Driver("pkcs11", options);
}
