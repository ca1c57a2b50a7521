import { describe, expect, it } from "vitest";
import type { PaymentLedger } from "../../../src/core/domain/ledger.js";
import type { OfferTerms } from "../../../src/core/domain/offer.js";
import type { KeySafety, MoneySafety } from "../../../src/core/errors.js";
import { impactOf } from "../../../src/core/impact.js";
import type { RenewalRecord } from "../../../src/core/record.js";
import {
  choice,
  RECORDS,
  receipt,
  refund,
  sampleExchange,
  sampleLedger,
  sampleOffer,
  sampleRecord,
  sampleTerms,
  transfer,
  yuan,
} from "./samples.js";

const requestedKey = {
  keyId: Uint8Array.of(2),
  label: "new",
  algorithm: "ec-p256",
} as const;

describe("whether the key is safe", () => {
  const situations: readonly (readonly [string, RenewalRecord, KeySafety])[] = [
    ["a draft has written nothing", RECORDS.draft, "untouched"],
    [
      "with the same key pair nothing is written before the installation",
      sampleRecord({
        application: { choice: { ...choice, keyMode: "renew" }, requestedKey, status: "received" },
      }),
      "untouched",
    ],
    [
      "a new key pair may stand beside the old one",
      sampleRecord({ application: { choice, requestedKey, status: "submitting" } }),
      "old-usable",
    ],
    ["a certificate may stand beside the old one", RECORDS.installing, "old-usable"],
    ["the new pair is proven", RECORDS.confirming, "both-usable"],
    ["the renewal is completed", RECORDS.completed, "both-usable"],
  ];

  it.each(situations)("%s", (_, record, key) => {
    expect(impactOf("ERR_TOKEN_REMOVED", record).key).toBe(key);
  });

  const ready = RECORDS["ready-to-install"];
  const collected = { certificate: Uint8Array.of(1), chain: [], changes: [] };
  const withdrawn = (record: RenewalRecord): RenewalRecord => ({
    ...record,
    issuance: { ...record.issuance, status: "revoked" },
  });
  const cancelled: RenewalRecord = {
    ...ready,
    application: { ...ready.application, status: "cancelled" },
  };
  const revocations: readonly (readonly [
    OfferTerms["previous"],
    string,
    RenewalRecord,
    KeySafety,
  ])[] = [
    ["revoke-at-issuance", "nothing was issued", RECORDS["awaiting-review"], "untouched"],
    ["revoke-at-issuance", "it may have been issued", ready, "old-revoked"],
    [
      "revoke-at-issuance",
      "it was collected",
      { ...ready, issuance: { status: "ready", collected } },
      "old-revoked",
    ],
    ["revoke-at-issuance", "it is being written", RECORDS.installing, "old-revoked"],
    ["revoke-at-issuance", "it was cancelled before it was issued", cancelled, "untouched"],
    ["revoke-at-issuance", "the new pair is proven", RECORDS.confirming, "new-usable"],
    ["revoke-at-issuance", "the new one was revoked", withdrawn(ready), "both-revoked"],
    ["revoke-after-confirmation", "the new pair is proven", RECORDS.confirming, "both-usable"],
    ["revoke-after-confirmation", "it is completed", RECORDS.completed, "new-usable"],
    [
      "revoke-after-confirmation",
      "the new one was revoked, unconfirmed",
      withdrawn(RECORDS.confirming),
      "old-usable",
    ],
    ["keep", "the new one was revoked", withdrawn(RECORDS.confirming), "old-usable"],
  ];

  it.each(revocations)("where the terms say %s: %s", (previous, _, record, key) => {
    const offer = sampleOffer({ terms: sampleTerms({ previous }) });
    expect(impactOf("ERR_TOKEN_REMOVED", { ...record, offer: { offer } }).key).toBe(key);
  });

  it("a key that was not found is not said to be safe", () => {
    for (const record of Object.values(RECORDS)) {
      expect(impactOf("ERR_KEY_NOT_FOUND", record).key).toBe("missing");
    }
  });

  it("a locked PIN blocks them, wherever the renewal is", () => {
    for (const record of Object.values(RECORDS)) {
      expect(impactOf("ERR_PIN_LOCKED", record).key).toBe("blocked");
    }
  });
});

describe("whether the money is safe", () => {
  const open = { status: "received" } as const;
  const situations: readonly (readonly [
    string,
    PaymentLedger | undefined,
    RenewalRecord["application"]["status"],
    MoneySafety,
  ])[] = [
    ["no payment", undefined, "received", "none"],
    ["free of charge", sampleLedger({ total: yuan(0) }), "received", "none"],
    ["an open order", sampleLedger(), "received", "unpaid"],
    ["an order that was cancelled unpaid", sampleLedger(), "cancelled", "none"],
    ["announced", sampleLedger({ instructions: [transfer(yuan(200))] }), "received", "announced"],
    ["partly received", sampleLedger({ receipts: [receipt(yuan(1))] }), "received", "received"],
    ["received", sampleLedger({ receipts: [receipt(yuan(200))] }), "received", "received"],
    [
      "overpaid, the difference going back",
      sampleLedger({ receipts: [receipt(yuan(250))], refunds: [refund(yuan(50))] }),
      "received",
      "received",
    ],
    [
      "cancelled, all of it going back",
      sampleLedger({ receipts: [receipt(yuan(200))], refunds: [refund(yuan(200))] }),
      "cancelled",
      "refund",
    ],
    [
      "cancelled, a part of it going back",
      sampleLedger({ receipts: [receipt(yuan(200))], refunds: [refund(yuan(150))] }),
      "cancelled",
      "refund",
    ],
    [
      "all of it went back",
      sampleLedger({ receipts: [receipt(yuan(200))], refunds: [refund(yuan(200), "sent")] }),
      "refused",
      "refunded",
    ],
  ];

  it.each(situations)("%s", (_, payment, status, money) => {
    const record = sampleRecord({ application: { status }, payment });
    expect(impactOf("ERR_RA_UNREACHABLE", record).money).toBe(money);
  });

  it("is not clear while an announcement's outcome is not known", () => {
    const record = sampleRecord({
      application: open,
      payment: sampleLedger(),
      outbox: [sampleExchange({ purpose: "bank-transfer" })],
    });
    expect(impactOf("ERR_RA_UNREACHABLE", record).money).toBe("unclear");
  });
});

it("whether to retry is the code's", () => {
  expect(impactOf("ERR_RA_UNREACHABLE", RECORDS.draft).retry).toBe("later");
  expect(impactOf("ERR_FORM_INVALID", RECORDS.draft).retry).toBe("after-action");
});
