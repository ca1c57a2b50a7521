import { randomBytes } from "node:crypto";
import { z } from "zod";
import { type Offer, type OfferTerm, offerSchema } from "../core/domain/offer.js";
import { parseCertificate, sha256Hex } from "../core/pki/certificate.js";
import type { RaDocument } from "../transport/http/wire/messages.js";
import {
  encodeStatement,
  offerHash,
  offerStatementSchema,
  STATEMENT_PURPOSE,
} from "../transport/http/wire/statements.js";
import { makeDocument } from "./documents.js";
import { encryptionTerms } from "./encryption.js";
import type { DocumentFlaw } from "./faults.js";
import { addYears, DAY_MS, later, type Office } from "./office.js";
import { Refusal } from "./refusal.js";
import type { CertificateEntry, State } from "./state.js";

/** An offer for one certificate, signed and remembered. @throws Refusal */
export async function makeOffer(
  office: Office,
  request: {
    readonly certificate: Uint8Array;
    readonly encryptionCertificate?: Uint8Array | undefined;
    readonly nonce: string;
  },
  flaw: DocumentFlaw | undefined,
): Promise<RaDocument> {
  const certificateSha256 = sha256Hex(request.certificate);
  const window = windowOf(office, renewableCertificate(office, certificateSha256));
  const { reviseOffer = (offer) => offer } = office;
  const { certificate, encryptionCertificate } = request;
  const offer = reviseOffer({
    ...describe(office, certificateSha256, window),
    ...(encryptionCertificate && {
      encryption: encryptionTerms(office, certificate, encryptionCertificate),
    }),
  });
  const statement = encodeStatement(offerStatementSchema, {
    purpose: STATEMENT_PURPOSE.offer,
    requestNonce: request.nonce,
    offer,
  });
  const document = await makeDocument(office, statement, flaw);
  forgetOldOffers(office);
  const sha256 = offerHash(offer, "signed" in document ? document.signed : undefined);
  office.state.offers[offer.id] = { offer: storedOffer(offer), document, sha256 };
  return document;
}

/** The CA's entry for a certificate that an application may be about. @throws Refusal */
export function renewableCertificate({ state, clock }: Office, sha256: string): CertificateEntry {
  const entry = state.certificates[sha256];
  if (!entry) throw new Refusal("ERR_RA_REFUSED", "this CA did not issue the certificate");
  if (entry.revokedAt) throw new Refusal("ERR_RA_REFUSED", "the certificate is revoked");
  const { notAfter } = parseCertificate(entry.der);
  if (clock.now() > later(notAfter, state.policy.graceDaysAfter * DAY_MS)) {
    throw new Refusal(
      "ERR_CERTIFICATE_EXPIRED",
      "expired certificates are renewed at the counter",
      {
        parameters: { notAfter: notAfter.toISOString() },
      },
    );
  }
  return entry;
}

interface Window {
  readonly opensAt: Date;
  readonly closesAt: Date;
  readonly notAfter: Date;
}

function windowOf({ state, clock }: Office, { der }: CertificateEntry): Window {
  const { notAfter } = parseCertificate(der);
  const opensAt = later(notAfter, -state.policy.windowDaysBefore * DAY_MS);
  const closesAt = later(notAfter, state.policy.graceDaysAfter * DAY_MS);
  if (clock.now() < opensAt) {
    throw new Refusal("ERR_RA_REFUSED", `renewal opens on ${opensAt.toISOString()}`);
  }
  return { opensAt, closesAt, notAfter };
}

function describe(
  { state: { policy }, clock, origin }: Office,
  certificateSha256: string,
  { opensAt, closesAt, notAfter }: Window,
): Offer {
  const now = clock.now();
  const { basis } = policy.notAfterRule;
  // Late, there is no time left to extend: the new validity begins now.
  const from = basis === "previous-not-after" && notAfter > now ? notAfter : now;
  return {
    id: randomBytes(16).toString("hex"),
    issuer: policy.issuer,
    origin,
    createdAt: now,
    expiresAt: later(now, policy.offerMinutes * 60_000),
    certificateSha256,
    nonce: randomBytes(24).toString("base64url"),
    agreement: {
      ...policy.agreement,
      sha256: sha256Hex(new TextEncoder().encode(policy.agreement.text)),
    },
    terms: {
      years: policy.prices.map(({ years, name, price }) =>
        term(policy.payment, years, name, price, from),
      ),
      notAfterRule: policy.notAfterRule,
      window: { opensAt, closesAt },
      keyModes: policy.keyModes,
      keyAlgorithms: policy.keyAlgorithms,
      previous: policy.previous,
      requestAt: policy.requestAt,
      payment: policy.payment,
    },
    form: policy.form,
    attachments: policy.attachments,
    guards: policy.guards,
    support: policy.support,
  };
}

function term(
  payment: Offer["terms"]["payment"],
  years: number,
  name: string,
  price: OfferTerm["total"],
  from: Date,
): OfferTerm {
  const notAfter = addYears(from, years);
  if (payment === "none") return { years, lines: [], total: { ...price, amount: 0 }, notAfter };
  return {
    years,
    lines: [{ name, unitPrice: price, quantity: 1, subtotal: price }],
    total: price,
    notAfter,
  };
}

/** A copy of its own, as mutable as the state's types say. */
function storedOffer(offer: Offer): State["offers"][string]["offer"] {
  return offerSchema.decode(
    z.encode(offerSchema, structuredClone(offer) as z.output<typeof offerSchema>),
  );
}

function forgetOldOffers({ state, clock }: Office): void {
  for (const [id, { offer, usedBy }] of Object.entries(state.offers)) {
    if (usedBy === undefined && offer.expiresAt < later(clock.now(), -DAY_MS))
      delete state.offers[id];
  }
}
