import assert from "node:assert/strict";
import type { Session, TokenIdentity, UnlockOptions } from "../../core/ports/driver.js";
import type { DriverSetting } from "../driver-contract.js";

export { rejectsWith } from "../contract.js";

export function unlock(setting: DriverSetting, options: UnlockOptions = {}): Promise<Session> {
  return setting.driver.unlock(setting.token, { pin: setting.pin, ...options });
}

/** The four facts that identify a token, without the rest of what a driver tells of it. */
export function identityOf(token: TokenIdentity): TokenIdentity {
  const { serialNumber, label, model, manufacturer } = token;
  return { serialNumber, label, model, manufacturer };
}

export function assertBytes(actual: Uint8Array, expected: Uint8Array, message: string): void {
  assert.equal(Buffer.from(actual).toString("hex"), Buffer.from(expected).toString("hex"), message);
}

/** A CKA_ID that nothing on the token has. */
export function freshKeyId(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(20));
}
