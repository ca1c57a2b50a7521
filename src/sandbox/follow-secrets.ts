import { timingSafeEqual } from "node:crypto";
import { sha256Hex } from "../core/pki/certificate.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";

/** Who may speak of a renewal without the old key. The RA has the hashes of the secrets only. */

/** How the RA stores a follow secret. */
export function followSecretHash(followSecret: string): string {
  return sha256Hex(new TextEncoder().encode(followSecret));
}

/** @throws Refusal when the follow secret is neither the one that the applicant signed, nor one of a look-up */
export function authorise(application: Application, followSecretSha256: string): void {
  const known = [application.followSecretSha256, ...application.furtherSecrets];
  if (!known.some((secret) => sameSecret(secret, followSecretSha256))) throw unauthorised();
}

/** Compares hashes of secrets, in constant time. */
export function sameSecret(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one, "hex"), Buffer.from(other, "hex"));
}

export function unauthorised(): Refusal {
  return new Refusal("ERR_RA_REFUSED", "the follow secret is missing or is not this renewal's", {
    status: 401,
    headers: { "www-authenticate": "Bearer" },
  });
}
