import assert from "node:assert/strict";
import { createPublicKey, type KeyObject } from "node:crypto";
import type { Session, UnlockOptions } from "../../core/ports/driver.js";
import type { ProcessIdentity } from "../../core/process-identity.js";
import type { DriverSetting } from "../driver-contract.js";

export { identityOf } from "../../core/domain/token-identity.js";
export { rejectsWith } from "../contract.js";

export function unlock(setting: DriverSetting, options: UnlockOptions = {}): Promise<Session> {
  return setting.driver.unlock(setting.token, { pin: setting.pin, ...options });
}

/** An `onHost` that keeps what it is told. */
export function hostLog(): {
  readonly hosts: readonly ProcessIdentity[];
  onHost(host: ProcessIdentity): Promise<void>;
} {
  const hosts: ProcessIdentity[] = [];
  return {
    hosts,
    async onHost(host) {
      hosts.push(host);
    },
  };
}

export function assertBytes(actual: Uint8Array, expected: Uint8Array, message: string): void {
  assert.equal(Buffer.from(actual).toString("hex"), Buffer.from(expected).toString("hex"), message);
}

/** A CKA_ID that nothing on the token has. */
export function freshKeyId(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(20));
}

/** For Node's own crypto. */
export function publicKeyOf(spki: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(spki), type: "spki", format: "der" });
}
