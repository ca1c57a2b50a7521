/**
 * A token in memory, with faults on demand.
 *
 * @module
 */

export type { FaultTrigger } from "../../testing/fault-plan.js";
export type { MockCall } from "./calls.js";
export { type MockDriver, type MockDriverOptions, mockDriver } from "./driver.js";
export type { Fault, FaultEffect, MockCallTrigger, MockMethod } from "./faults.js";
export type { SoftwareKey } from "./keys.js";
export {
  MockToken,
  type MockTokenOptions,
  type MockTokenSettings,
  type PinPresentation,
  type TokenCertificateObject,
  type TokenKey,
} from "./token.js";
export { exportToken, importToken } from "./token-file.js";
