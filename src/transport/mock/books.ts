import type { Clock } from "../../core/clock.js";
import type { Offer } from "../../core/domain/offer.js";
import type { Order } from "../../core/domain/order.js";
import { sha256Hex } from "../../core/pki/certificate.js";
import type { Reference } from "../../core/ports/transport.js";
import { isCovered, type MockApplication } from "./application.js";
import type { IssuanceFlaw, MockAuthority } from "./authority.js";
import { refused } from "./faults.js";
import type { OfferChanges } from "./offers.js";

export interface Rules {
  readonly origin: string;
  readonly clock: Clock;
  readonly authority: MockAuthority;
  readonly offer: OfferChanges;
  readonly bank: "automatic" | "manual";
  readonly review: "automatic" | "manual";
  readonly confirmWithinMs?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly invoiceTypes: Order["invoiceTypes"];
}

/** All that the RA remembers. */
export interface Books {
  readonly offers: Map<string, Offer>;
  /** By renewal. */
  readonly applications: Map<string, MockApplication>;
  /** Fingerprints of the exchanges received, by idempotency key. */
  readonly received: Map<string, string>;
  /** SHA-256 of certificates. */
  readonly revoked: Set<string>;
  flaw: IssuanceFlaw | undefined;
}

export const emptyBooks = (): Books => ({
  offers: new Map(),
  applications: new Map(),
  received: new Map(),
  revoked: new Set(),
  flaw: undefined,
});

/** The application of whoever knows its follow secret. @throws ERR_RA_REFUSED */
export function authorised(books: Books, { renewalId, followSecret }: Reference): MockApplication {
  const application = books.applications.get(renewalId);
  if (!application) throw refused("there is no such renewal");
  if (secretHash(followSecret) !== application.followSecretSha256) {
    throw refused("the follow secret is wrong");
  }
  return application;
}

export const secretHash = (followSecret: string): string =>
  sha256Hex(new TextEncoder().encode(followSecret));

/** What follows by itself once an application can be reviewed. */
export function reviewIfAutomatic(application: MockApplication, { review }: Rules): void {
  const reviewable = application.status === "received" && isCovered(application);
  if (reviewable && review === "automatic") application.status = "approved";
}
