import type { Driver, TokenIdentity } from "../core/ports/driver.js";
import type { ContractCase } from "./contract.js";
import { certificateCases } from "./driver/certificates.js";
import { decryptionCases } from "./driver/decryption.js";
import { keyCases } from "./driver/keys.js";
import { listingCases } from "./driver/listing.js";
import { removalCases } from "./driver/removal.js";
import { unlockingCases } from "./driver/unlocking.js";

/**
 * What every driver has to do, as cases for any test runner.
 *
 * @example
 * for (const { name, run } of driverContract(fixture)) test(name, run);
 */
export function driverContract(fixture: DriverFixture): readonly ContractCase[] {
  return DRIVER_CASES.filter((each) => arranges(fixture, each)).map((each) => ({
    name: each.name,
    run: async () => {
      await using setting = await fixture.create();
      await each.run(setting);
    },
  }));
}

/** Your driver, as {@link driverContract} is given it. */
export interface DriverFixture {
  /** Makes a fresh token and a fresh driver that sees it, and no other token. Every case takes one and disposes of it. */
  create(): Promise<DriverSetting>;
  /** What can be arranged besides. Cases that need more are left out. */
  readonly arranges: readonly Arrangement[];
}

/**
 * `removal`: the setting has `reader`. `pin-lock`: the setting has `lockPin`. `host-processes`: sessions run in processes
 * of their own, which can be seen and ended from outside. `decryption`: sessions have `decrypt`, and the token makes RSA keys.
 */
export type Arrangement = "removal" | "pin-lock" | "host-processes" | "decryption";

/** One token and one driver, made for one case. */
export interface DriverSetting extends AsyncDisposable {
  readonly driver: Driver;
  readonly token: TokenIdentity;
  readonly pin: string;
  /** Well-formed and not the PIN. */
  readonly wrongPin: string;
  /** What stands on the token from the start: one key pair and its certificate under one CKA_ID. */
  readonly credential: {
    readonly certificate: Uint8Array;
    readonly keyId: Uint8Array;
    readonly label: string;
  };
  readonly reader?: {
    /** Pulls the token out. */
    remove(): Promise<void>;
    /** Puts it back. */
    insert(): Promise<void>;
    /** Puts another token in, whose serial number differs; the first may stay or give way. */
    insertOther(): Promise<TokenIdentity>;
  };
  /** Locks the user PIN, as too many wrong tries would. */
  lockPin?(): Promise<void>;
}

/** A case as it is written down: it is given its setting, and says what that must be able to arrange. */
export interface DriverCase {
  readonly name: string;
  readonly needs?: Arrangement;
  run(setting: DriverSetting): Promise<void>;
}

const DRIVER_CASES: readonly DriverCase[] = [
  ...listingCases,
  ...unlockingCases,
  ...keyCases,
  ...decryptionCases,
  ...certificateCases,
  ...removalCases,
];

function arranges(fixture: DriverFixture, { needs }: DriverCase): boolean {
  return needs === undefined || fixture.arranges.includes(needs);
}
