import type { TokenIdentity } from "../../core/ports/driver.js";

/** How a token is called in an error. */
export function nameOf({ label, serialNumber }: TokenIdentity): string {
  return label === "" ? serialNumber : `${label} (${serialNumber})`;
}
