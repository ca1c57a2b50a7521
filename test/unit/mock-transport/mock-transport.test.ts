import { generateKeyPairSync, X509Certificate } from "node:crypto";
import type { ErrorCode } from "certrenew";
import {
  type IssuanceFlaw,
  type MockTransport,
  type MockTransportOptions,
  mockTransport,
} from "certrenew/transport/mock";
import { describe, expect, test } from "vitest";
import { softwareSigner } from "../../../src/core/pki/software-signer.js";
import {
  apply,
  applyAndApprove,
  prepareApplication,
  prepareTransfer,
  remittance,
  saved,
} from "../../../src/testing/transport/support.js";
import type { TransportSetting } from "../../../src/testing/transport-contract.js";
import { type TestClock, testClock } from "../../support/clock.js";

const DAY_MS = 86_400_000;
const FORM = {
  agent: "张三",
  mobile: "13800138000",
  email: "zhangsan@example.com",
  organisation: "示例科技有限公司",
  unifiedSocialCreditCode: "91440101MA5EXAMP0X",
};

interface Setting extends TransportSetting {
  readonly transport: MockTransport;
  readonly clock: TestClock;
}

function settingWith(options: MockTransportOptions = {}): Setting {
  const clock = testClock(new Date());
  const transport = mockTransport({ clock, bank: "manual", review: "manual", ...options });
  const signer = softwareSigner(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  const { desk } = transport;
  return {
    clock,
    transport,
    previous: { ...signer, certificate: transport.issue({ spki: signer.spki }) },
    trustAnchors: transport.trustAnchors,
    form: FORM,
    desk: {
      bookTransfers: async (renewalId) => desk.book(renewalId),
      approve: async (renewalId) => desk.approve(renewalId),
      returnForCorrection: async (renewalId, text) => desk.return(renewalId, [{ text }]),
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

const outcomes = ({ calls }: MockTransport) =>
  calls.map(({ method, purpose, outcome }) => [method, purpose, outcome].filter(Boolean).join(" "));

describe("faults", () => {
  test("before the effect: the RA has nothing; after it: the answer alone was lost", async () => {
    for (const [when, found] of [
      ["before", "not-received"],
      ["after", "done"],
    ] as const) {
      const setting = settingWith();
      const { transport } = setting;
      const { exchange, reference } = await prepareApplication(setting);
      transport.fault({ type: "unreachable", method: "send", when });
      await expect(transport.send(exchange, reference)).rejects.toMatchObject({
        code: "ERR_RA_UNREACHABLE",
      });
      expect((await transport.recover(exchange, reference)).outcome).toBe(found);
      expect(transport.desk.applications).toHaveLength(when === "after" ? 1 : 0);
      await transport.send(exchange, reference);
      expect(transport.desk.applications).toHaveLength(1);
      expect(outcomes(transport)).toEqual([
        "offer ok",
        "send application ERR_RA_UNREACHABLE",
        "recover application ok",
        "send application ok",
      ]);
    }
  });

  test("strike the call that they are for, and no other", async () => {
    const setting = settingWith();
    const { transport } = setting;
    transport.fault({ type: "busy", retryAfterMs: 5000, method: "send", purpose: "bank-transfer" });
    transport.fault({ type: "refused", reason: "closed today", method: "progress", call: 3 });
    const applied = await apply(setting);
    const exchange = await prepareTransfer(setting, applied);
    await expect(transport.send(exchange, applied.reference)).rejects.toMatchObject({
      code: "ERR_RA_BUSY",
      details: { retryAfterMs: 5000 },
    });
    await transport.send(exchange, applied.reference);
    await transport.progress(applied.reference);
    await expect(transport.progress(applied.reference)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
      details: { reason: "closed today" },
    });
    await transport.progress(applied.reference);
  });

  test("malformed answers leave the outcome of a sending open, and of a question nothing", async () => {
    const setting = settingWith({
      faults: [{ type: "malformed", method: "send", when: "after" }],
    });
    const { transport } = setting;
    const { exchange, reference } = await prepareApplication(setting);
    await expect(transport.send(exchange, reference)).rejects.toMatchObject({
      code: "ERR_RA_UNREACHABLE",
    });
    transport.fault({ type: "malformed", method: "progress" });
    await expect(transport.progress(reference)).rejects.toMatchObject({ code: "ERR_RA_RESPONSE" });
  });

  test("a slow RA takes its time by the clock that was given", async () => {
    const { transport, previous, clock } = settingWith({ faults: [{ type: "slow", ms: 9000 }] });
    await transport.business.offer(previous.certificate);
    expect(clock.slept).toEqual([9000]);
  });
});

describe("an offer", () => {
  test("is refused outside its window, for a revoked certificate, and after expiry", async () => {
    const { transport, previous, clock } = settingWith();
    const early = transport.issue({
      spki: previous.spki,
      notAfter: new Date(clock.now().getTime() + 200 * DAY_MS),
    });
    await expect(transport.business.offer(early)).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    transport.desk.revoke(early);
    transport.desk.revoke(previous.certificate);
    await expect(transport.business.offer(previous.certificate)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
      details: { reason: "the certificate is revoked" },
    });
    const late = transport.issue({ spki: previous.spki });
    clock.advance(31 * DAY_MS);
    await expect(transport.business.offer(late)).rejects.toMatchObject({
      code: "ERR_CERTIFICATE_EXPIRED",
    });
  });

  test("is stale after its day", async () => {
    const setting = settingWith();
    const expiresAt = new Date(setting.clock.now().getTime() + 2 * DAY_MS);
    const { exchange, reference } = await prepareApplication(setting, { expiresAt });
    setting.clock.advance(DAY_MS + 1);
    await expect(setting.transport.send(exchange, reference)).rejects.toMatchObject({
      code: "ERR_OFFER_STALE",
    });
    expect(setting.transport.desk.applications).toEqual([]);
  });

  test("holds what was asked for", async () => {
    const { transport, previous } = settingWith({
      offer: { terms: { payment: "none", keyModes: ["renew"] }, guards: [] },
    });
    const { offer } = await transport.business.offer(previous.certificate);
    expect(offer.terms).toMatchObject({ payment: "none", keyModes: ["renew"] });
    expect(offer.guards).toEqual([]);
  });

  test("with guards wants each of them acknowledged", async () => {
    const setting = settingWith();
    const { exchange, reference } = await prepareApplication(setting, { acknowledged: [] });
    await expect(setting.transport.send(exchange, reference)).rejects.toMatchObject({
      code: "ERR_GUARD_UNACKNOWLEDGED",
    });
  });

  test.each([
    ["a term that is not on offer", { years: 9 }, "ERR_ARGUMENT"],
    ["another price", { price: { amount: 1, currency: "CNY" } }, "ERR_ARGUMENT"],
    ["a key mode that the request does not fit", { keyMode: "renew" as const }, "ERR_RA_REFUSED"],
  ])("takes no application for %s", async (_, changes, code) => {
    const setting = settingWith();
    const { exchange, reference } = await prepareApplication(setting, changes);
    await expect(setting.transport.send(exchange, reference)).rejects.toMatchObject({ code });
    expect(setting.transport.desk.applications).toEqual([]);
  });
});

describe("money", () => {
  test("that is short leaves the order open for the rest", async () => {
    const setting = settingWith();
    const { transport } = setting;
    const applied = await apply(setting);
    const { renewalId } = applied.reference;
    await transport.send(await prepareTransfer(setting, applied), applied.reference);
    transport.desk.book(renewalId, { amount: 4000, currency: "CNY" });
    const { payment, order } = (await transport.progress(applied.reference)).progress;
    expect(payment).toMatchObject({ open: true, receipts: [{ amount: { amount: 4000 } }] });
    expect(order?.transactions[0]?.transactionStatus).toBe("partial");
    const rest = { remittances: [remittance(applied.content.price.amount - 4000)] };
    await transport.send(await prepareTransfer(setting, applied, rest), applied.reference);
    transport.desk.book(renewalId);
    expect((await transport.progress(applied.reference)).progress.payment?.open).toBe(false);
  });

  test("that the bank does not find is said so", async () => {
    const setting = settingWith();
    const applied = await apply(setting);
    await setting.transport.send(await prepareTransfer(setting, applied), applied.reference);
    setting.transport.desk.rejectTransfers(applied.reference.renewalId);
    const { progress } = await setting.transport.progress(applied.reference);
    expect(progress.payment?.instructions[0]?.status).toBe("rejected");
  });

  test("is due back when the RA refuses", async () => {
    const setting = settingWith();
    const applied = await apply(setting);
    const { renewalId } = applied.reference;
    await setting.transport.send(await prepareTransfer(setting, applied), applied.reference);
    setting.transport.desk.book(renewalId);
    setting.transport.desk.refuse(renewalId, [{ text: "材料不符" }]);
    const { progress } = await setting.transport.progress(applied.reference);
    expect(progress.application).toMatchObject({
      status: "refused",
      reasons: [{ text: "材料不符" }],
    });
    expect(progress.payment?.refunds).toMatchObject([
      { amount: applied.content.price, status: "due" },
    ]);
  });

  test("comes after the review, or not at all, where the terms say so", async () => {
    const after = settingWith({ offer: { terms: { payment: "after-review" } } });
    const applied = await apply(after);
    expect(applied.reply.progress.payment?.open).toBe(false);
    after.transport.desk.approve(applied.reference.renewalId);
    const approved = (await after.transport.progress(applied.reference)).progress;
    expect(approved).toMatchObject({ payment: { open: true }, issuance: { status: "none" } });
    await after.transport.send(await prepareTransfer(after, applied), applied.reference);
    after.transport.desk.book(applied.reference.renewalId);
    const paid = (await after.transport.progress(applied.reference)).progress;
    expect(paid).toMatchObject({ payment: { open: false }, issuance: { status: "ready" } });

    const free = settingWith({ offer: { terms: { payment: "none" } }, review: "automatic" });
    const { reply } = await apply(free);
    expect(reply.progress.payment).toMatchObject({ total: { amount: 0 }, open: false });
    expect(reply.progress.issuance.status).toBe("ready");
  });

  test("is found, and the application approved, at once by an RA that does so by itself", async () => {
    const setting = settingWith({ bank: "automatic", review: "automatic" });
    const applied = await apply(setting);
    const transfer = await prepareTransfer(setting, applied);
    const { progress } = await setting.transport.send(transfer, applied.reference);
    expect(progress.issuance.status).toBe("ready");
    expect(progress.order?.businessStatus).toBe("approved");
  });
});

describe("the certificate", () => {
  test.each<[IssuanceFlaw, (facts: Facts) => boolean]>([
    ["wrong-key", ({ renewed, requested }) => !requested.equals(spkiOf(renewed))],
    ["other-subject", ({ renewed, old }) => renewed.subject !== old.subject],
    [
      "wrong-chain",
      ({ renewed, issuer, root }) =>
        !renewed.verify(issuer.publicKey) || !issuer.verify(root.publicKey),
    ],
    ["expired", ({ renewed }) => renewed.validToDate < new Date()],
    ["too-short", ({ renewed, agreed }) => renewed.validToDate < agreed],
  ])("may be wrong on demand: %s", async (flaw, isWrong) => {
    const setting = settingWith();
    const { transport, previous } = setting;
    const approved = await applyAndApprove(setting);
    const facts = async () => {
      const { certificate, chain } = await transport.collect(approved.reference);
      return {
        renewed: dated(certificate),
        issuer: dated(chain[0] ?? previous.certificate),
        root: dated(transport.trustAnchors[0] ?? previous.certificate),
        old: dated(previous.certificate),
        requested: Buffer.from(approved.requested.spki),
        agreed: approved.offer.terms.years[0]?.notAfter ?? new Date(0),
      };
    };
    expect(isWrong(await facts())).toBe(false);
    transport.desk.issueWith(flaw);
    expect(isWrong(await facts())).toBe(true);
    transport.desk.issueWith(undefined);
    expect(isWrong(await facts())).toBe(false);
  });

  test("is revoked when it is not confirmed in time", async () => {
    const setting = settingWith({ confirmWithinMs: DAY_MS });
    const { reference } = await applyAndApprove(setting);
    const { confirmBy } = await setting.transport.collect(reference);
    expect(confirmBy?.getTime()).toBe(setting.clock.now().getTime() + DAY_MS);
    setting.clock.advance(DAY_MS + 1);
    const { progress } = await setting.transport.progress(reference);
    expect(progress.issuance.status).toBe("revoked");
    await expect(setting.transport.collect(reference)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
    });
  });

  test("ends the old one where the terms say so", async () => {
    const terms = { previous: "revoke-at-issuance" } as const;
    const setting = settingWith({ offer: { terms } });
    const { reference } = await applyAndApprove(setting);
    await setting.transport.business.offer(setting.previous.certificate);
    await setting.transport.collect(reference);
    await expect(
      setting.transport.business.offer(setting.previous.certificate),
    ).rejects.toMatchObject({ details: { reason: "the certificate is revoked" } });
  });
});

test("an RA that wants its questions signed takes the renewal's keys and no other", async () => {
  const setting = settingWith({
    traits: { polling: "signed" },
    offer: { terms: { payment: "none" } },
  });
  const { transport, previous } = setting;
  const { reference } = await apply(setting);
  expect(transport.traits.polling).toBe("signed");
  const { progress } = await transport.progress(reference, { signer: previous });
  expect(progress.application.status).toBe("received");
  const stranger = softwareSigner(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  for (const signer of [stranger, undefined]) {
    await expect(transport.progress(reference, { signer })).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
    });
  }
});

test("a cancellation is for one renewal, and not for one that is over", async () => {
  const setting = settingWith();
  const { transport, previous } = setting;
  const { reference } = await apply(setting);
  const cancellation = saved(await transport.business.prepareCancellation(reference, previous));
  transport.desk.lapse(reference.renewalId);
  await expect(transport.send(cancellation, reference)).rejects.toMatchObject({
    code: "ERR_RA_REFUSED",
  });
  const other = await apply(setting);
  await expect(transport.send(cancellation, other.reference)).rejects.toMatchObject({
    code: "ERR_RA_REFUSED",
  });
  expect(transport.desk.applications.map(({ status }) => status)).toEqual(["lapsed", "received"]);
});

test("bytes that are no message of ours are refused", async () => {
  const setting = settingWith();
  const { exchange, reference } = await prepareApplication(setting);
  const { body } = exchange.message;
  const { application, request } = JSON.parse(String(body));
  const bodies: readonly (readonly [string, ErrorCode])[] = [
    ["{", "ERR_ARGUMENT"],
    ["{}", "ERR_ARGUMENT"],
    [JSON.stringify({ application: request, request }), "ERR_RA_REFUSED"],
    [JSON.stringify({ application, request: application }), "ERR_RA_REFUSED"],
    [JSON.stringify({ application: flipped(application), request }), "ERR_RA_REFUSED"],
  ];
  for (const [n, [wrong, code]] of bodies.entries()) {
    const garbled = { ...exchange, idempotencyKey: `garbled-${n}`, message: { body: wrong } };
    await expect(setting.transport.send(garbled, reference)).rejects.toMatchObject({ code });
  }
  expect(setting.transport.desk.applications).toEqual([]);
});

interface Facts {
  readonly renewed: DatedCertificate;
  readonly issuer: DatedCertificate;
  readonly root: DatedCertificate;
  readonly old: DatedCertificate;
  readonly requested: Buffer;
  readonly agreed: Date;
}

type DatedCertificate = X509Certificate & { readonly validToDate: Date };

/** Node 20 has the dates as text only. */
function dated(der: Uint8Array): DatedCertificate {
  const certificate = new X509Certificate(der);
  return Object.defineProperty(certificate, "validToDate", {
    value: new Date(certificate.validTo),
  }) as DatedCertificate;
}

const spkiOf = ({ publicKey }: X509Certificate): Buffer =>
  publicKey.export({ type: "spki", format: "der" });

/** With its last bit, which is the signature's, turned over. */
function flipped(base64: string): string {
  const octets = Buffer.from(base64, "base64");
  octets.writeUInt8(octets.readUInt8(octets.length - 1) ^ 1, octets.length - 1);
  return octets.toString("base64");
}
