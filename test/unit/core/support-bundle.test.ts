import fc from "fast-check";
import { expect, test } from "vitest";
import { describeRenewal } from "../../../src/core/evidence/describe-renewal.js";
import { parseCertificate } from "../../../src/core/pki/certificate.js";
import type { RenewalRecord } from "../../../src/core/record.js";
import {
  choice,
  NOW,
  previous,
  sampleExchange,
  sampleLedger,
  sampleOffer,
  sampleOrder,
  sampleRecord,
  yuan,
} from "./samples.js";

/** Texts such as people, banks, RAs and tokens write them; long enough not to be a word of the bundle by chance. */
const words = fc.array(fc.string({ minLength: 8, maxLength: 40, unit: "grapheme" }), {
  minLength: 80,
  maxLength: 80,
});

test("no text of a record is found in its support bundle", () => {
  fc.assert(
    fc.property(words, fc.uint8Array({ minLength: 16, maxLength: 32 }), (texts, octets) => {
      const record = recordOf(texts, octets);
      const leaves = leavesOf(describeRenewal(record));
      const found = texts.filter((text) => leaves.some((leaf) => leaf.includes(text)));
      expect(found).toEqual([]);
      for (const form of ["hex", "base64", "base64url"] as const) {
        const encoded = Buffer.from(octets).toString(form);
        expect(leaves.filter((leaf) => leaf.includes(encoded))).toEqual([]);
      }
      const { sha256, subject } = parseCertificate(previous.certificate);
      const own = [sha256, subject, "Sample Applicant", "Sample Root CA"];
      expect(own.filter((text) => leaves.some((leaf) => leaf.includes(text)))).toEqual([]);
    }),
  );
});

test("what is known of it is told", () => {
  const bundle = describeRenewal(recordOf(Array(80).fill("text"), Uint8Array.of(1)));
  expect(bundle).toMatchObject({
    renewal: { id: "renewal-1", state: "completed", stage: "completed", claims: 3 },
    certificates: { previous: { keyAlgorithm: "ec-p256" }, changes: ["issuer"] },
    application: { revision: 2, reasons: 1, choice: { years: 1, keyMode: "re-key" } },
    payment: { status: "partial", refunds: [{ status: "sent" }] },
    issuance: { installation: { proof: undefined, rebindings: { moved: 1, left: 1 } } },
    outbox: [{ purpose: "confirmation", signed: true }],
  });
});

/** A record that has something everywhere, each text of it the next of the list. */
function recordOf(texts: readonly string[], octets: Uint8Array): RenewalRecord {
  let taken = 0;
  const next = (): string => {
    const text = texts[taken++];
    if (text === undefined) throw new Error("the record has more texts than were made");
    return text;
  };
  const held = { der: previous.certificate, keyId: octets, label: next() };
  const key = { keyId: octets, label: next(), algorithm: "ec-p256", spki: octets } as const;
  const token = { serialNumber: next(), label: next(), model: next(), manufacturer: next() };
  const recipient = { name: next(), mobile: next(), address: next() };
  const attachment = { purpose: next(), sha256: next(), mediaType: next(), size: 1 };
  const change = { field: "issuer", oid: next(), from: next(), to: next() } as const;
  const rebinding = { id: next(), title: next(), reason: next(), at: NOW };
  const owner = { pid: 1, startedAt: next(), machine: next() };
  const chosen = {
    ...choice,
    form: { [next()]: next(), more: { [next()]: [next()] } },
    attachments: [attachment],
    acknowledged: [next()],
  };
  const reasons = [{ pointer: next(), text: next() }];
  const offer = sampleOffer({
    id: next(),
    issuer: next(),
    origin: next(),
    nonce: next(),
    certificateSha256: next(),
    agreement: { version: next(), title: next(), text: next(), sha256: next() },
    form: { schema: { [next()]: next() }, values: { [next()]: next() }, notes: [] },
    guards: [{ id: next(), en: next(), zh: next() }],
    support: { hotline: next(), counter: next() },
  });
  return sampleRecord({
    token,
    previous: held,
    encryption: held,
    offer: { offer, document: octets },
    application: {
      status: "approved",
      revision: 2,
      reasons,
      choice: chosen,
      requestedKey: key,
      encryption: { key, request: octets },
      request: octets,
      signed: octets,
      receipt: octets,
      submittedAt: NOW,
      remote: { [next()]: next() },
      returned: [{ revision: 1, choice: chosen, reasons }],
      abandonedKeys: [key],
    },
    payment: sampleLedger({
      instructions: [
        {
          id: next(),
          kind: "bank-transfer",
          createdAt: NOW,
          recipient,
          invoiceType: next(),
          remittances: [
            {
              payerAccount: next(),
              payerName: next(),
              amount: yuan(1),
              paidOn: "2026-03-02",
              remarks: next(),
            },
          ],
          status: "matched",
        },
      ],
      receipts: [{ id: next(), amount: yuan(2), receivedAt: NOW }],
      refunds: [{ id: next(), amount: yuan(1), status: "sent", sentAt: NOW }],
    }),
    order: sampleOrder({ businessNumber: next(), subject: next(), agent: next() }),
    issuance: {
      status: "confirmed",
      collected: { certificate: held.der, chain: [held.der], changes: [change] },
      installation: {
        begunAt: NOW,
        provenAt: NOW,
        confirmedAt: NOW,
        proof: { statement: octets, algorithm: next(), signature: octets },
        continuity: octets,
        rebindings: [
          { ...rebinding, status: "moved" },
          { ...rebinding, status: "left" },
        ],
      },
    },
    outbox: [
      sampleExchange({
        id: next(),
        purpose: "confirmation",
        idempotencyKey: next(),
        signed: octets,
        message: { [next()]: next() },
      }),
    ],
    announcement: { instructionId: next(), digest: next() },
    claim: { owner, clientId: next(), takenAt: NOW, host: owner },
    fence: 3,
    secrets: { followSecret: next() },
  });
}

/** Every text in it, names of members too. */
function leavesOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (value instanceof Date) return [value.toISOString()];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...leavesOf(member)]);
}
