/**
 * Contract suites for those who write an own driver, transport or store. They need no test runner: each suite is a list
 * of named cases.
 *
 * @module
 */
export type { ContractCase } from "./contract.js";
export {
  type Arrangement,
  type DriverFixture,
  type DriverSetting,
  driverContract,
} from "./driver-contract.js";
export { sampleCertificate } from "./sample-certificate.js";
export { type StoreFixture, type StoreSetting, storeContract } from "./store-contract.js";
export {
  type TransportFacet,
  type TransportFixture,
  type TransportSetting,
  transportContract,
  type WantedTerms,
} from "./transport-contract.js";
