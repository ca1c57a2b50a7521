import type { Offer, OfferTerms } from "../../core/domain/offer.js";
import type { Order } from "../../core/domain/order.js";
import { DAY_MS } from "../../sandbox/office.js";
import { changePolicy, DEMONSTRATION_POLICY, type SandboxPolicy } from "../../sandbox/policy.js";

/** What of an offer can be made otherwise. */
export interface OfferChanges {
  readonly agreement?: Omit<Offer["agreement"], "sha256"> | undefined;
  /** `window` is told, and not kept to. */
  readonly terms?: Partial<OfferTerms> | undefined;
  readonly form?: Offer["form"] | undefined;
  readonly guards?: Offer["guards"] | undefined;
  readonly support?: Offer["support"] | undefined;
  /** How long it can be accepted. Default: a day. */
  readonly lifetimeMs?: number | undefined;
}

export interface Rules {
  readonly offer: OfferChanges;
  readonly bank: "automatic" | "manual";
  readonly review: "automatic" | "manual";
  readonly confirmWithinMs?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly invoiceTypes?: Order["invoiceTypes"] | undefined;
  readonly policy?: Partial<SandboxPolicy> | undefined;
}

/** The rules as the RA's policy. */
export function policyOf(rules: Rules) {
  const { terms = {}, lifetimeMs, agreement, form, guards, support } = rules.offer;
  const { payment, previous, requestAt, notAfterRule, keyModes, keyAlgorithms } = terms;
  const { bank, review, confirmWithinMs, retryAfterMs, invoiceTypes } = rules;
  const changes: Undefinable<SandboxPolicy> = {
    issuer: "certrenew mock RA",
    ...{ agreement, form, guards, support, invoiceTypes },
    ...{ payment, previous, requestAt, notAfterRule, keyModes, keyAlgorithms },
    offerMinutes: lifetimeMs === undefined ? undefined : lifetimeMs / 60_000,
    confirmationDays: confirmWithinMs === undefined ? undefined : confirmWithinMs / DAY_MS,
    bookingDelayMs: bank === "automatic" ? 0 : null,
    reviewDelayMs: review === "automatic" ? 0 : null,
    retryAfterSeconds: retryAfterMs === undefined ? null : Math.ceil(retryAfterMs / 1000),
    ...rules.policy,
  };
  return changePolicy(DEMONSTRATION_POLICY, withoutUndefined(changes));
}

/** Terms that are no policy of the RA's, such as years, stand in the offer alone. */
export function offerWith({ terms = {} }: OfferChanges): (offer: Offer) => Offer {
  return (offer) => ({ ...offer, terms: { ...offer.terms, ...withoutUndefined(terms) } });
}

type Undefinable<T> = { readonly [K in keyof T]?: T[K] | undefined };

function withoutUndefined<T extends object>(changes: Undefinable<T>): Partial<T> {
  const stated = Object.entries(changes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(stated) as Partial<T>;
}
