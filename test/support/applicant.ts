import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { SignedOffer } from "../../src/core/domain/offer.js";
import type { JsonObject } from "../../src/core/domain/scalars.js";
import { parseCertificate } from "../../src/core/pki/certificate.js";
import { createRequest } from "../../src/core/pki/request.js";
import type {
  ApplicationContent,
  BankTransferContent,
  BusinessFacet,
  CertificationRequestContent,
  Exchange,
  FoundApplication,
  OnlinePaymentContent,
  Reference,
  Reply,
  Transport,
} from "../../src/core/ports/transport.js";
import type { Sandbox } from "../../src/sandbox/index.js";
import { type SoftwareKey, softwareKey } from "./certificates.js";

export const DAY_MS = 86_400_000;

export const FORM: JsonObject = {
  agent: "张三",
  mobile: "13800138000",
  email: "zhangsan@example.com",
  organisation: "示例科技有限公司",
  unifiedSocialCreditCode: "91440101MA5EXAMP0X",
};

export const TRANSFER = {
  recipient: { name: "张三", mobile: "13800138000", address: "示例市示例路 1 号" },
  invoiceType: "quota",
  remittances: [
    {
      payerAccount: "6222000000000000",
      payerName: "示例科技有限公司",
      amount: { amount: 20_000, currency: "CNY" },
      paidOn: "2026-01-05",
    },
  ],
} as const;

/** Somebody with a certificate of the sandbox whose keys are in memory. */
export interface Applicant {
  readonly key: SoftwareKey;
  readonly certificate: Uint8Array;
}

/** An encryption certificate beside the applicant's own. */
export async function encryptionBeside(sandbox: Sandbox, now = new Date()): Promise<Applicant> {
  const key = softwareKey();
  const certificate = await sandbox.issue({
    spki: key.spki,
    subject: { country: "CN", organisation: "示例科技有限公司", commonName: "张三" },
    notBefore: new Date(now.getTime() - 335 * DAY_MS),
    notAfter: new Date(now.getTime() + 30 * DAY_MS),
    use: "encryption",
  });
  return { key, certificate };
}

export async function newApplicant(
  sandbox: Sandbox,
  now = new Date(),
  { days = 30, name = "张三" } = {},
): Promise<Applicant> {
  const key = softwareKey();
  const certificate = await sandbox.issue({
    spki: key.spki,
    subject: { country: "CN", organisation: "示例科技有限公司", commonName: name },
    notBefore: new Date(now.getTime() - 335 * DAY_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
  });
  return { key, certificate };
}

export interface Application {
  readonly exchange: Exchange;
  readonly reference: Reference;
  readonly requested: SoftwareKey;
  readonly offer: SignedOffer;
}

/** What is asked for, and what is changed of it for the sake of a test. */
export interface ApplicationChanges {
  readonly content?: Partial<ApplicationContent>;
  readonly requested?: SoftwareKey;
  readonly subjectDer?: Uint8Array;
  readonly signer?: SoftwareKey;
  readonly now?: Date;
  readonly offer?: SignedOffer;
  readonly reference?: Reference;
  /** The encryption certificate that the RA is shown with the other. */
  readonly encryption?: Uint8Array;
}

/** An application as `submit` would prepare it. */
export async function prepareApplication(
  transport: Transport,
  { key, certificate }: Applicant,
  changes: ApplicationChanges = {},
): Promise<Application> {
  const { now = new Date(), requested = softwareKey() } = changes;
  const { encryption } = changes;
  const signed = changes.offer ?? (await business(transport).offer(certificate, { encryption }));
  const { offer } = signed;
  const { subjectDer } = parseCertificate(certificate);
  const request =
    offer.terms.requestAt === "installation"
      ? undefined
      : await createRequest({ subjectDer: changes.subjectDer ?? subjectDer, signer: requested });
  const term = offer.terms.years.find(({ years }) => years === 2);
  if (!term) throw new Error("the offer has no term of two years");
  const content: ApplicationContent = {
    renewalId: changes.reference?.renewalId ?? randomUUID(),
    revision: 1,
    idempotencyKey: randomUUID(),
    offer,
    offerDocument: signed.document,
    certificate,
    request,
    agreement: {
      version: offer.agreement.version,
      sha256: offer.agreement.sha256,
      acceptedAt: now,
    },
    years: 2,
    price: term.total,
    keyMode: "re-key",
    keyAlgorithm: "ec-p256",
    form: FORM,
    attachments: [],
    acknowledged: offer.guards.map(({ id }) => id),
    followSecret: changes.reference?.followSecret ?? randomBytes(32).toString("base64url"),
    nonce: randomBytes(24).toString("base64url"),
    signedAt: now,
    expiresAt: new Date(now.getTime() + 3_600_000),
    ...changes.content,
  };
  const exchange = await transport.prepare(content, {
    previous: { ...(changes.signer ?? key), certificate },
    requested,
  });
  const reference: Reference = {
    renewalId: content.renewalId,
    followSecret: content.followSecret,
    certificateSha256: createHash("sha256").update(certificate).digest("hex"),
    offer: { id: offer.id, origin: offer.origin },
  };
  return { exchange, reference, requested, offer: signed };
}

/** Applies, and gives the reference that goes on from the answer. */
export async function apply(
  transport: Transport,
  applicant: Applicant,
  changes?: ApplicationChanges,
): Promise<Application & { readonly reply: Reply }> {
  const application = await prepareApplication(transport, applicant, changes);
  const reply = await transport.send(application.exchange, application.reference);
  return { ...application, reply, reference: withRemote(application.reference, reply) };
}

export async function pay(
  transport: Transport,
  reference: Reference,
  changes: Partial<BankTransferContent> = {},
): Promise<Reply> {
  const exchange = await business(transport).prepareBankTransfer(reference, {
    idempotencyKey: randomUUID(),
    instructionId: randomUUID(),
    ...TRANSFER,
    ...changes,
  });
  return transport.send(exchange, reference);
}

/** Opens an online payment. */
export async function payOnline(
  transport: Transport,
  reference: Reference,
  changes: Partial<OnlinePaymentContent> = {},
): Promise<Reply> {
  const { recipient, invoiceType } = TRANSFER;
  const exchange = await facet(transport, "prepareOnlinePayment")(reference, {
    idempotencyKey: randomUUID(),
    instructionId: randomUUID(),
    recipient,
    invoiceType,
    method: "unionpay",
    ...changes,
  });
  return transport.send(exchange, reference);
}

/** A document as `attach` would have it. */
export function documentOf(purpose: string, content: Uint8Array, mediaType = "application/pdf") {
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { purpose, content, mediaType, sha256, size: content.length };
}

/** Hands in a certification request, signed by the old key unless `signer` is `null`. */
export async function requestCertificate(
  transport: Transport,
  applicant: Applicant,
  reference: Reference,
  changes: Partial<CertificationRequestContent> & {
    readonly requested?: SoftwareKey;
    readonly signer?: null;
  } = {},
): Promise<{ readonly reply: Reply; readonly requested: SoftwareKey }> {
  const { requested = softwareKey(), signer, ...content } = changes;
  const { subjectDer } = parseCertificate(applicant.certificate);
  const exchange = await facet(transport, "prepareCertificationRequest")(
    {
      idempotencyKey: randomUUID(),
      reference,
      reason: "installation",
      request: await createRequest({ subjectDer, signer: requested }),
      ...content,
    },
    signer === null ? undefined : { ...applicant.key, certificate: applicant.certificate },
  );
  return { reply: await transport.send(exchange, reference), requested };
}

/** Confirms what was collected, with its own key. */
export async function confirm(
  transport: Transport,
  reference: Reference,
  requested: SoftwareKey,
  { now: installedAt = new Date(), encryption }: { now?: Date; encryption?: Uint8Array } = {},
): Promise<Reply> {
  const { certificate } = await transport.collect(reference);
  const content = { idempotencyKey: randomUUID(), reference, certificate, encryption, installedAt };
  const exchange = await transport.prepareConfirmation(content, { ...requested, certificate });
  return transport.send(exchange, reference);
}

/** Finds the applications of a certificate from another computer. */
export function lookUp(
  transport: Transport,
  { key, certificate }: Applicant,
  followSecret = randomBytes(32).toString("base64url"),
): Promise<readonly FoundApplication[]> {
  return facet(transport, "lookUp")({ certificate, followSecret }, { ...key, certificate });
}

/** An optional method of the business facet, which is there. */
export function facet<K extends keyof BusinessFacet>(
  transport: Transport,
  name: K,
): NonNullable<BusinessFacet[K]> {
  const method = business(transport)[name];
  if (!method) throw new Error(`the transport has no ${name}`);
  return method;
}

export function withRemote(reference: Reference, { remote }: Reply): Reference {
  return { ...reference, remote };
}

export function business(transport: Transport): BusinessFacet {
  if (!transport.business) throw new Error("the transport has no business side");
  return transport.business;
}
