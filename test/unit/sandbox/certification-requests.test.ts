import { createSandbox, type Sandbox } from "certrenew/sandbox";
import { httpTransport } from "certrenew/transport/http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseCertificate } from "../../../src/core/pki/certificate.js";
import { createRequest } from "../../../src/core/pki/request.js";
import {
  type Applicant,
  apply,
  confirm,
  DAY_MS,
  newApplicant,
  requestCertificate,
  withRemote,
} from "../../support/applicant.js";
import { softwareKey } from "../../support/certificates.js";

let now: Date;
let sandbox: Sandbox;
const clock = { now: () => now };
beforeEach(async () => {
  now = new Date();
  sandbox = await createSandbox({ clock, policy: { payment: "none", reviewDelayMs: null } });
});
afterEach(() => sandbox.close());

const transport = () => {
  const { baseUrl, trustAnchors } = sandbox;
  return httpTransport({ baseUrl, trustAnchors, clock });
};
const spkiOf = (certificate: Uint8Array) => parseCertificate(certificate).spki;

async function approved(applicant: Applicant) {
  const applied = await apply(transport(), applicant, { now });
  const { renewalId } = applied.reference;
  await sandbox.admin.approve({ renewalId });
  return { ...applied, renewalId };
}

describe("a certification request at installation", () => {
  beforeEach(() => sandbox.admin.setPolicy({ requestAt: "installation" }));

  it("is handed in once all is approved, also by a certificate that has expired since", async () => {
    const applicant = await newApplicant(sandbox, now);
    const { reference, offer } = await approved(applicant);
    expect(offer.offer.terms.requestAt).toBe("installation");
    expect((await transport().progress(reference)).progress.issuance.status).toBe("ready");
    await expect(transport().collect(reference)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
      details: { reason: "the certification request has to be handed in first" },
    });
    await sandbox.admin.setPolicy({ confirmationDays: 60 });
    now = new Date(now.getTime() + 29 * DAY_MS);
    const { requested, reply } = await requestCertificate(transport(), applicant, reference);
    expect(reply.receipt).toBeDefined();
    const { certificate } = await transport().collect(reference);
    expect(spkiOf(certificate)).toEqual(requested.spki);
    const done = await confirm(transport(), reference, requested, { now });
    expect(done.progress.issuance.status).toBe("confirmed");
  });

  it("is refused with the application, before the approval, twice, and for a wrong key", async () => {
    const applicant = await newApplicant(sandbox, now);
    const { subjectDer } = parseCertificate(applicant.certificate);
    const request = await createRequest({ subjectDer, signer: softwareKey() });
    await expect(
      apply(transport(), applicant, { now, content: { request } }),
    ).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    const { reference } = await apply(transport(), applicant, { now });
    const handIn = (changes?: Parameters<typeof requestCertificate>[3]) =>
      requestCertificate(transport(), applicant, reference, changes);
    await expect(handIn()).rejects.toMatchObject({
      details: { reason: "the application is not approved and paid" },
    });
    await sandbox.admin.approve({ renewalId: reference.renewalId });
    const subject = await createRequest({
      subjectDer: parseCertificate(sandbox.trustAnchors[0] ?? request).subjectDer,
      signer: softwareKey(),
    });
    await expect(handIn({ request: subject })).rejects.toMatchObject({
      details: { reason: "the request is for another subject" },
    });
    await expect(handIn({ requested: softwareKey("ec-p384") })).rejects.toMatchObject({
      details: { reason: "the key is not of the algorithm applied for" },
    });
    await expect(handIn({ requested: applicant.key })).rejects.toMatchObject({
      details: { reason: "re-key wants a new key, and this one was used before" },
    });
    await expect(handIn({ signer: null })).rejects.toMatchObject({
      details: { reason: "the statement is not signed by the old key" },
    });
    await expect(
      requestCertificate(transport(), await newApplicant(sandbox, now), reference),
    ).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    await handIn();
    await expect(handIn()).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
  });

  it("is not mistaken for the application's", async () => {
    await sandbox.admin.setPolicy({ requestAt: "application" });
    const applicant = await newApplicant(sandbox, now);
    await expect(
      apply(transport(), applicant, { now, content: { request: undefined } }),
    ).rejects.toMatchObject({ details: { reason: "the certification request is missing" } });
    const { reference } = await approved(applicant);
    await expect(requestCertificate(transport(), applicant, reference)).rejects.toMatchObject({
      details: { reason: "the terms want the request with the application" },
    });
  });
});

describe("a reissue", () => {
  it("revokes what was issued, and issues for the new key", async () => {
    await sandbox.admin.setPolicy({ previous: "revoke-at-issuance" });
    const applicant = await newApplicant(sandbox, now);
    const { reference, renewalId, requested } = await approved(applicant);
    const first = await transport().collect(reference);
    const again = await requestCertificate(transport(), applicant, reference, {
      reason: "key-lost",
    });
    expect(again.reply.progress).toMatchObject({
      application: { status: "approved" },
      issuance: { status: "ready" },
    });
    const second = await transport().collect(reference);
    expect(spkiOf(second.certificate)).toEqual(again.requested.spki);
    const entries = await sandbox.admin.certificates();
    expect(entries.filter(({ revokedAt }) => revokedAt).map(({ sha256 }) => sha256)).toEqual(
      [applicant.certificate, first.certificate].map((der) => parseCertificate(der).sha256),
    );
    await expect(
      requestCertificate(transport(), applicant, reference, { reason: "key-lost", requested }),
    ).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    const stranger = { ...applicant, key: requested };
    await expect(
      requestCertificate(transport(), { ...stranger, certificate: first.certificate }, reference, {
        reason: "key-lost",
      }),
    ).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    await confirm(transport(), reference, again.requested, { now });
    await expect(
      requestCertificate(transport(), applicant, reference, { reason: "certificate-unusable" }),
    ).rejects.toMatchObject({ details: { reason: "the certificate was confirmed" } });
    expect((await sandbox.admin.application({ renewalId })).progress.order?.businessStatus).toBe(
      "completed",
    );
  });

  it("without the old key goes back under review, or is refused", async () => {
    const applicant = await newApplicant(sandbox, now);
    const { reference, renewalId } = await approved(applicant);
    await transport().collect(reference);
    const unsigned = (signer: null) =>
      requestCertificate(transport(), applicant, reference, { reason: "token-replaced", signer });
    await sandbox.admin.setPolicy({ reissueWithoutKey: "refuse" });
    await expect(unsigned(null)).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    await sandbox.admin.setPolicy({ reissueWithoutKey: "review" });
    const { reply, requested } = await unsigned(null);
    expect(reply.progress).toMatchObject({
      application: { status: "received" },
      issuance: { status: "none" },
      order: { businessStatus: "under-review" },
    });
    await expect(transport().collect(reference)).rejects.toMatchObject({ code: "ERR_RA_BUSY" });
    await sandbox.admin.approve({ renewalId });
    const { certificate } = await transport().collect(reference);
    expect(spkiOf(certificate)).toEqual(requested.spki);
    const progress = await transport().progress(reference);
    const done = await confirm(transport(), withRemote(reference, progress), requested, { now });
    expect(done.progress.issuance.status).toBe("confirmed");
  });

  it.each(["approve", "refuse"] as const)(
    "without the old key waits for a person, and what was issued stands until they %s",
    async (decide) => {
      const applicant = await newApplicant(sandbox, now);
      const { reference, renewalId } = await approved(applicant);
      const { certificate: first } = await transport().collect(reference);
      const isRevoked = async () => {
        const { sha256 } = parseCertificate(first);
        const entries = await sandbox.admin.certificates();
        return entries.find((entry) => entry.sha256 === sha256)?.revokedAt !== undefined;
      };
      await sandbox.admin.setPolicy({ reviewDelayMs: 1000 });
      const { requested } = await requestCertificate(transport(), applicant, reference, {
        reason: "key-lost",
        signer: null,
      });

      now = new Date(now.getTime() + DAY_MS);
      expect((await transport().progress(reference)).progress).toMatchObject({
        application: { status: "received" },
        issuance: { status: "none" },
      });
      await expect(transport().collect(reference)).rejects.toMatchObject({ code: "ERR_RA_BUSY" });
      expect(await isRevoked()).toBe(false);
      const reasons = [{ text: "请更正" }];
      await expect(sandbox.admin.returnForCorrection({ renewalId, reasons })).rejects.toMatchObject(
        { code: "ERR_RA_REFUSED" },
      );

      if (decide === "approve") await sandbox.admin.approve({ renewalId });
      else await sandbox.admin.refuse({ renewalId, reasons });

      expect(await isRevoked()).toBe(true);
      if (decide === "refuse") return;
      const { certificate } = await transport().collect(reference);
      expect(spkiOf(certificate)).toEqual(requested.spki);
    },
  );

  it("keeps the price of what was issued, when it is refused then", async () => {
    await sandbox.admin.setPolicy({ payment: "before-review" });
    const applicant = await newApplicant(sandbox, now);
    const { reference } = await apply(transport(), applicant, { now });
    const { renewalId } = reference;
    await sandbox.admin.bookReceipt({ renewalId, amount: { amount: 20_000, currency: "CNY" } });
    await sandbox.admin.approve({ renewalId });
    await transport().collect(reference);
    await requestCertificate(transport(), applicant, reference, {
      reason: "key-lost",
      signer: null,
    });
    await sandbox.admin.refuse({ renewalId, reasons: [{ text: "不符" }] });
    const { progress } = await transport().progress(reference);
    expect(progress).toMatchObject({
      application: { status: "refused" },
      payment: { refunds: [] },
    });
  });
});
