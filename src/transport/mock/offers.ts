import { randomBytes, randomUUID } from "node:crypto";
import { KEY_ALGORITHMS } from "../../core/domain/key-algorithm.js";
import type { Offer, OfferTerm, OfferTerms } from "../../core/domain/offer.js";
import { RenewalError } from "../../core/errors.js";
import { type Certificate, sha256Hex } from "../../core/pki/certificate.js";
import {
  DEMONSTRATION_AGREEMENT,
  DEMONSTRATION_FORM_NOTES,
  DEMONSTRATION_FORM_SCHEMA,
  DEMONSTRATION_GUARDS,
  DEMONSTRATION_SUPPORT,
} from "../../sandbox/demonstration.js";
import { refused } from "./faults.js";

/** What of an offer can be made otherwise. */
export interface OfferChanges {
  readonly agreement?: Omit<Offer["agreement"], "sha256"> | undefined;
  readonly terms?: Partial<OfferTerms> | undefined;
  readonly form?: Offer["form"] | undefined;
  readonly guards?: Offer["guards"] | undefined;
  readonly support?: Offer["support"] | undefined;
  /** How long it can be accepted. Default: a day. */
  readonly lifetimeMs?: number | undefined;
}

const DAY_MS = 86_400_000;
const WINDOW_DAYS = 90;
const PRICE_PER_YEAR = 10_000;

/** @throws ERR_CERTIFICATE_EXPIRED, ERR_RA_REFUSED before the window */
export function makeOffer(
  certificate: Certificate,
  origin: string,
  now: Date,
  changes: OfferChanges,
): Offer {
  const { lifetimeMs = DAY_MS, agreement = DEMONSTRATION_AGREEMENT } = changes;
  const terms = termsFor(certificate, now, changes.terms ?? {});
  if (now > terms.window.closesAt) {
    const notAfter = certificate.notAfter.toISOString();
    throw new RenewalError("ERR_CERTIFICATE_EXPIRED", { details: { notAfter } });
  }
  if (now < terms.window.opensAt) {
    throw refused(`applications are taken from ${terms.window.opensAt.toISOString()} on`);
  }
  return {
    id: randomUUID(),
    issuer: "certrenew mock RA",
    origin,
    createdAt: now,
    expiresAt: new Date(now.getTime() + lifetimeMs),
    certificateSha256: certificate.sha256,
    nonce: randomBytes(24).toString("base64url"),
    agreement: { ...agreement, sha256: sha256Hex(new TextEncoder().encode(agreement.text)) },
    terms,
    form: changes.form ?? {
      schema: DEMONSTRATION_FORM_SCHEMA,
      values: {},
      notes: DEMONSTRATION_FORM_NOTES,
    },
    guards: changes.guards ?? DEMONSTRATION_GUARDS,
    support: changes.support ?? DEMONSTRATION_SUPPORT,
  };
}

function termsFor(certificate: Certificate, now: Date, changes: Partial<OfferTerms>): OfferTerms {
  const { notAfter } = certificate;
  const notAfterRule = changes.notAfterRule ?? { basis: "previous-not-after", toleranceSeconds: 0 };
  const start = notAfterRule.basis === "issuance" ? now : notAfter;
  return {
    years: [1, 2].map((years) => term(years, start)),
    notAfterRule,
    window: { opensAt: new Date(notAfter.getTime() - WINDOW_DAYS * DAY_MS), closesAt: notAfter },
    keyModes: ["re-key", "renew"],
    keyAlgorithms: KEY_ALGORITHMS,
    previous: "keep",
    requestAt: "application",
    payment: "before-review",
    ...changes,
  };
}

function term(years: number, start: Date): OfferTerm {
  const total = { amount: years * PRICE_PER_YEAR, currency: "CNY" };
  const name = `数字证书服务费(${years} 年)`;
  const notAfter = new Date(start);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + years);
  return {
    years,
    lines: [{ name, unitPrice: total, quantity: 1, subtotal: total }],
    total,
    notAfter,
  };
}
