import { pkcs11Driver } from "certrenew/drivers/pkcs11";
import { expect } from "vitest";
import { RenewalError } from "../../src/core/errors.js";
import type { Driver, Session } from "../../src/core/ports/driver.js";
import type { ProcessIdentity } from "../../src/core/process-identity.js";
import type { Pkcs11DriverOptions } from "../../src/drivers/pkcs11/driver.js";
import { PIN, provisionedStore } from "./softhsm.js";
import { type VendorModule, vendorModule } from "./vendor-module.js";

/** A PKCS#11 driver on a module that misbehaves on demand, with one P-256 key and its certificate. */
export interface VendorSetting {
  readonly store: ReturnType<typeof provisionedStore>;
  readonly vendor: VendorModule;
  readonly driver: Driver;
  /** Another driver on the same module. */
  makeDriver(options?: Partial<Pkcs11DriverOptions>): Driver;
  /** A session, and the process that it runs in. */
  unlocked(by?: Driver): Promise<{ readonly session: Session; readonly host: ProcessIdentity }>;
  /** Signs with the key of the certificate. */
  sign(session: Session): Promise<Uint8Array>;
  end(): Promise<void>;
}

export const NEW_KEY = {
  algorithm: "ec-p256",
  keyId: Buffer.from("c0ffee", "hex"),
  label: "new key",
} as const;

export function vendorSetting(): VendorSetting {
  const store = provisionedStore("EC:prime256v1");
  const vendor = vendorModule(store);
  const drivers: Driver[] = [];
  const makeDriver = (options: Partial<Pkcs11DriverOptions> = {}) => {
    const made = pkcs11Driver({ module: vendor.module, env: vendor.env, ...options });
    drivers.push(made);
    return made;
  };
  const driver = makeDriver();
  return {
    store,
    vendor,
    driver,
    makeDriver,
    async unlocked(by = driver) {
      let host: ProcessIdentity | undefined;
      const onHost = async (identity: ProcessIdentity) => {
        host = identity;
      };
      const session = await by.unlock(store.token, { pin: PIN, onHost });
      if (host === undefined) throw new Error("the host was not told");
      return { session, host };
    },
    sign(session) {
      const { keyId } = store.credential;
      const message = Buffer.from("message");
      return session.sign({ key: { keyId }, algorithm: "ecdsa-with-SHA256", message });
    },
    async end() {
      vendor.order();
      for (const each of drivers) await each.close();
      store.erase();
    },
  };
}

/** The RenewalError with which it rejects, which never holds the PIN. */
export async function failureOf(action: Promise<unknown>): Promise<RenewalError> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RenewalError)) throw new Error(`no RenewalError: ${String(error)}`);
  expect(JSON.stringify(error)).not.toContain(PIN);
  return error;
}
