import type { TokenIdentity } from "../../core/ports/driver.js";

/** Whether it is the same token, in whatever slot. */
export function isSame(one: TokenIdentity, other: TokenIdentity): boolean {
  return (
    one.serialNumber === other.serialNumber &&
    one.label === other.label &&
    one.model === other.model &&
    one.manufacturer === other.manufacturer
  );
}

/** How a token is called in an error. */
export function nameOf({ label, serialNumber }: TokenIdentity): string {
  return label === "" ? serialNumber : `${label} (${serialNumber})`;
}

/** The identity alone, without what else a caller's object may hold. */
export function identityOf(token: TokenIdentity): TokenIdentity {
  const { serialNumber, label, model, manufacturer } = token;
  return { serialNumber, label, model, manufacturer };
}
