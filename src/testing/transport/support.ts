import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { z } from "zod";
import type { Remittance } from "../../core/domain/ledger.js";
import type { Offer, SignedOffer } from "../../core/domain/offer.js";
import type { Progress } from "../../core/domain/progress.js";
import { keyAlgorithmOf } from "../../core/pki/algorithms.js";
import { parseCertificate } from "../../core/pki/certificate.js";
import { createRequest } from "../../core/pki/request.js";
import { softwareSigner } from "../../core/pki/software-signer.js";
import {
  type ApplicationContent,
  type BankTransferContent,
  type BusinessFacet,
  type Exchange,
  exchangeSchema,
  type Reference,
  type Reply,
  type Signer,
} from "../../core/ports/transport.js";
import type { TransportSetting } from "../transport-contract.js";

/** An application on its way: what a lifecycle would have saved. */
export interface Applying {
  readonly offer: Offer;
  readonly requested: Signer;
  readonly content: ApplicationContent;
  readonly exchange: Exchange;
  readonly reference: Reference;
}

/** Fetches an offer and prepares an application for it, with a new key. Sends nothing that changes anything. */
export async function prepareApplication(
  setting: TransportSetting,
  changes: Partial<ApplicationContent> = {},
): Promise<Applying> {
  const { transport, previous } = setting;
  const signed = await transport.business.offer(previous.certificate);
  const requested = freshSigner();
  const content = { ...(await contentFor(setting, signed, requested)), ...changes };
  const exchange = saved(await transport.prepare(content, { previous, requested }));
  const { offer } = signed;
  const reference: Reference = {
    renewalId: content.renewalId,
    followSecret: content.followSecret,
    certificateSha256: offer.certificateSha256,
    offer: { id: offer.id, origin: offer.origin },
  };
  return { offer, requested, content, exchange, reference };
}

/** Prepares and sends an application; its reference holds what the RA gave back. */
export async function apply(
  setting: TransportSetting,
  changes: Partial<ApplicationContent> = {},
): Promise<Applying & { readonly reply: Reply }> {
  const applying = await prepareApplication(setting, changes);
  const reply = await setting.transport.send(applying.exchange, applying.reference);
  return { ...applying, reply, reference: withRemote(applying.reference, reply) };
}

/** Applies, pays in full, and has it approved. */
export async function applyAndApprove(
  setting: TransportSetting,
): Promise<Applying & { readonly progress: Progress }> {
  const applied = await apply(setting);
  const { transport, desk } = setting;
  const { renewalId } = applied.reference;
  await transport.send(await prepareTransfer(setting, applied), applied.reference);
  await desk.bookTransfers(renewalId);
  await desk.approve(renewalId);
  const { progress } = await transport.progress(applied.reference);
  return { ...applied, progress };
}

export async function prepareTransfer(
  { transport }: TransportSetting,
  { reference, content }: Applying,
  changes: Partial<BankTransferContent> = {},
): Promise<Exchange> {
  const { progress } = await transport.progress(reference);
  const [invoiceType] = progress.order?.invoiceTypes ?? [];
  return saved(
    await transport.business?.prepareBankTransfer(reference, {
      idempotencyKey: randomUUID(),
      instructionId: randomUUID(),
      recipient: { name: "张三", mobile: "13800138000", address: "示例市示例路 1 号" },
      invoiceType: invoiceType?.id ?? assert.fail("the RA offers no invoice"),
      remittances: [remittance(content.price.amount)],
      ...changes,
    }),
  );
}

export const remittance = (amount: number): Remittance => ({
  payerAccount: "6222000000000000",
  payerName: "示例科技有限公司",
  amount: { amount, currency: "CNY" },
  paidOn: "2026-11-20",
});

export const withRemote = (reference: Reference, { remote }: Reply): Reference =>
  remote === undefined ? reference : { ...reference, remote };

/** Through the store and back, as another process finds it. */
export function saved(exchange: Exchange | undefined): Exchange {
  assert.ok(exchange !== undefined, "an exchange");
  return z.decode(exchangeSchema, throughJson(exchangeSchema, exchange));
}

/** What a schema writes of a value, as a file holds it. */
export function throughJson<S extends z.ZodType>(schema: S, value: unknown): z.input<S> {
  return JSON.parse(JSON.stringify(z.encode(schema, value as z.output<S>)));
}

/** An optional method of the business facet, which the fixture says is there. */
export function facet<K extends keyof BusinessFacet>(
  { transport }: TransportSetting,
  name: K,
): NonNullable<BusinessFacet[K]> {
  return transport.business[name] ?? assert.fail(`business.${name} is missing`);
}

/** A certification request for the previous certificate's subject. */
export function requestFor({ previous }: TransportSetting, signer: Signer): Promise<Uint8Array> {
  const { subjectDer } = parseCertificate(previous.certificate);
  return createRequest({ subjectDer, signer });
}

export const freshSigner = (): Signer =>
  softwareSigner(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);

async function contentFor(
  setting: TransportSetting,
  { offer, document }: SignedOffer,
  requested: Signer,
): Promise<ApplicationContent> {
  const [term] = offer.terms.years;
  assert.ok(term !== undefined, "the offer has a term");
  const { previous, form } = setting;
  const later = offer.terms.requestAt === "installation";
  const signedAt = new Date();
  return {
    renewalId: randomUUID(),
    revision: 1,
    idempotencyKey: randomUUID(),
    offer,
    offerDocument: document,
    certificate: previous.certificate,
    request: later ? undefined : await requestFor(setting, requested),
    agreement: {
      version: offer.agreement.version,
      sha256: offer.agreement.sha256,
      acceptedAt: signedAt,
    },
    years: term.years,
    price: term.total,
    keyMode: "re-key",
    keyAlgorithm: keyAlgorithmOf(requested.spki) ?? "ec-p256",
    form,
    attachments: [],
    acknowledged: offer.guards.map(({ id }) => id),
    followSecret: randomBytes(32).toString("base64url"),
    nonce: randomBytes(24).toString("base64url"),
    signedAt,
    expiresAt: new Date(signedAt.getTime() + 3_600_000),
  };
}
