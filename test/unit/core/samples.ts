import { createHash } from "node:crypto";
import type {
  BankTransferInstruction,
  PaymentLedger,
  PaymentReceipt,
  Refund,
} from "../../../src/core/domain/ledger.js";
import type { Money } from "../../../src/core/domain/money.js";
import type { Offer, OfferTerms } from "../../../src/core/domain/offer.js";
import type { Order } from "../../../src/core/domain/order.js";
import type { Progress } from "../../../src/core/domain/progress.js";
import type { State } from "../../../src/core/lifecycle.js";
import { parseCertificate } from "../../../src/core/pki/certificate.js";
import type { Token, TokenIdentity } from "../../../src/core/ports/driver.js";
import type { Exchange } from "../../../src/core/ports/transport.js";
import type { Choice, RenewalRecord } from "../../../src/core/record.js";
import { authority, issue, keyUsage } from "../../support/certificates.js";

/** A Monday, 10:00 in Shanghai. */
export const NOW = new Date("2026-03-02T02:00:00Z");

export const root = authority({
  subject: "Sample Root CA",
  notBefore: new Date("2020-01-01T00:00:00Z"),
  notAfter: new Date("2040-01-01T00:00:00Z"),
});

/** digitalSignature and nonRepudiation; ends in 30 days. */
export const previous = issue({
  subject: "Sample Applicant",
  issuer: root,
  serialNumber: Uint8Array.of(0x11),
  notBefore: new Date("2025-04-01T00:00:00Z"),
  notAfter: new Date("2026-04-01T00:00:00Z"),
  extensions: [keyUsage(0, 1)],
});

export const AGREED_NOT_AFTER = new Date("2027-04-01T00:00:00Z");

export const identity: TokenIdentity = {
  serialNumber: "0001",
  label: "Sample",
  model: "Model",
  manufacturer: "Maker",
};

export function sampleToken(over: Partial<Token> = {}): Token {
  return {
    ...identity,
    slot: "0",
    pinState: "ok",
    loginRequired: true,
    protectedAuthenticationPath: false,
    keyAlgorithms: ["rsa-2048", "ec-p256"],
    signatureAlgorithms: ["sha256WithRSAEncryption", "ecdsa-with-SHA256"],
    ...over,
  };
}

export const yuan = (amount: number): Money => ({ amount: amount * 100, currency: "CNY" });

export function sampleTerms(over: Partial<OfferTerms> = {}): OfferTerms {
  return {
    years: [{ years: 1, lines: [], total: yuan(200), notAfter: AGREED_NOT_AFTER }],
    notAfterRule: { basis: "previous-not-after", toleranceSeconds: 60 },
    window: {
      opensAt: new Date("2026-01-01T00:00:00Z"),
      closesAt: new Date("2026-04-01T00:00:00Z"),
    },
    keyModes: ["renew", "re-key"],
    keyAlgorithms: ["ec-p256", "rsa-2048"],
    previous: "keep",
    requestAt: "application",
    payment: "before-review",
    ...over,
  };
}

const AGREEMENT = "电子认证服务协议";

export function sampleOffer(over: Partial<Offer> = {}): Offer {
  return {
    id: "offer-1",
    issuer: "Sample RA",
    origin: "https://ra.example",
    createdAt: NOW,
    expiresAt: new Date("2026-03-03T02:00:00Z"),
    certificateSha256: parseCertificate(previous.certificate).sha256,
    nonce: "0123456789abcdef",
    agreement: {
      version: "2026-01",
      title: AGREEMENT,
      text: AGREEMENT,
      sha256: createHash("sha256").update(AGREEMENT).digest("hex"),
    },
    terms: sampleTerms(),
    form: {
      schema: {
        type: "object",
        required: ["agent", "mobile"],
        properties: {
          agent: { type: "string" },
          mobile: { type: "string", pattern: "^1\\d{10}$" },
        },
      },
      values: { agent: "张三" },
      notes: [],
    },
    attachments: [],
    guards: [],
    support: {},
    ...over,
  };
}

export function sampleOrder(over: Partial<Order> = {}): Order {
  return {
    businessNumber: "YW-1",
    subject: "CN=Sample Applicant",
    appliedAt: NOW,
    fee: yuan(200),
    validUntil: AGREED_NOT_AFTER,
    agent: "张三",
    businessStatus: "recorded",
    transactions: [],
    lines: [],
    total: yuan(200),
    beneficiaries: [],
    invoiceTypes: [{ id: "quota", name: "普通定额发票" }],
    paymentMethods: [{ id: "alipay", name: "支付宝" }],
    invoices: [],
    shipments: [],
    ...over,
  };
}

/** An open order of 200 yuan, of which nothing was paid. */
export function sampleLedger(over: Partial<PaymentLedger> = {}): PaymentLedger {
  return { total: yuan(200), open: true, instructions: [], receipts: [], refunds: [], ...over };
}

export function transfer(
  amount: Money,
  status: BankTransferInstruction["status"] = "declared",
): BankTransferInstruction {
  return {
    id: `transfer-${status}-${amount.amount}`,
    kind: "bank-transfer",
    createdAt: NOW,
    recipient: { name: "张三", mobile: "13800000000", address: "Sample Road 1" },
    invoiceType: "quota",
    remittances: [{ payerAccount: "6222", payerName: "Sample Ltd", amount, paidOn: "2026-03-02" }],
    status,
  };
}

export const receipt = (amount: Money): PaymentReceipt => ({
  id: `receipt-${amount.amount}`,
  amount,
  receivedAt: NOW,
});

export const refund = (amount: Money, status: Refund["status"] = "due"): Refund => ({
  id: `refund-${amount.amount}`,
  amount,
  status,
});

export const choice: Choice = {
  acceptedAt: NOW,
  years: 1,
  form: { agent: "张三", mobile: "13800000000" },
  attachments: [],
  acknowledged: [],
  keyMode: "re-key",
  keyAlgorithm: "ec-p256",
};

/** Not a secret of anybody: what the tests look for in texts. */
export const FOLLOW_SECRET = "follow-secret-that-nobody-may-see-0123456789";

type Parts = Omit<Partial<RenewalRecord>, "application" | "issuance"> & {
  readonly application?: Partial<RenewalRecord["application"]>;
  readonly issuance?: Partial<RenewalRecord["issuance"]>;
};

/** A draft, with what is given instead. */
export function sampleRecord({ application, issuance, ...rest }: Parts = {}): RenewalRecord {
  return {
    id: "renewal-1",
    createdAt: NOW,
    updatedAt: NOW,
    token: identity,
    previous: { der: previous.certificate, keyId: Uint8Array.of(1), label: "old" },
    offer: { offer: sampleOffer() },
    outbox: [],
    fence: 0,
    secrets: {},
    ...rest,
    application: { status: "draft", revision: 1, reasons: [], ...application },
    issuance: { status: "none", ...issuance },
  };
}

export function sampleExchange(over: Partial<Exchange> = {}): Exchange {
  return {
    id: "exchange-1",
    purpose: "application",
    idempotencyKey: "key-1",
    preparedAt: NOW,
    message: {},
    ...over,
  };
}

export function sampleProgress(
  { status = "received" }: { readonly status?: Progress["application"]["status"] } = {},
  over: Partial<Progress> = {},
): Progress {
  return {
    application: { status, revision: 1, reasons: [] },
    issuance: { status: "none" },
    ...over,
  };
}

/** The least that must be true for a renewal to be in each state. */
export const RECORDS: Readonly<Record<Exclude<State, "closed">, RenewalRecord>> = {
  draft: sampleRecord(),
  submitting: sampleRecord({ application: { status: "submitting" } }),
  "awaiting-payment": sampleRecord({
    application: { status: "received" },
    payment: sampleLedger(),
  }),
  "awaiting-review": sampleRecord({ application: { status: "received" } }),
  "action-required": sampleRecord({ application: { status: "returned" } }),
  "ready-to-install": sampleRecord({
    application: { status: "approved" },
    issuance: { status: "ready" },
  }),
  installing: sampleRecord({
    application: { status: "approved" },
    issuance: { status: "ready", installation: { begunAt: NOW } },
  }),
  confirming: sampleRecord({
    application: { status: "approved" },
    issuance: { status: "ready", installation: { begunAt: NOW, provenAt: NOW } },
  }),
  completed: sampleRecord({
    application: { status: "approved" },
    issuance: {
      status: "confirmed",
      installation: { begunAt: NOW, provenAt: NOW, confirmedAt: NOW },
    },
  }),
};
