import type { TokenIdentity } from "../ports/driver.js";

/** Whether it is the same token, in whatever slot. */
export function sameToken(one: TokenIdentity, other: TokenIdentity): boolean {
  return (
    one.serialNumber === other.serialNumber &&
    one.label === other.label &&
    one.model === other.model &&
    one.manufacturer === other.manufacturer
  );
}

/** The identity alone, without what else is known of the token. */
export function identityOf(token: TokenIdentity): TokenIdentity {
  const { serialNumber, label, model, manufacturer } = token;
  return { serialNumber, label, model, manufacturer };
}
