import { createSandbox, type Sandbox } from "certrenew/sandbox";
import { httpTransport } from "certrenew/transport/http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseCertificate, sha256Hex } from "../../../src/core/pki/certificate.js";
import { createRequest } from "../../../src/core/pki/request.js";
import { verifyChain } from "../../../src/core/pki/verify.js";
import {
  type Applicant,
  apply,
  business,
  confirm,
  DAY_MS,
  encryptionBeside,
  lookUp,
  newApplicant,
  requestCertificate,
} from "../../support/applicant.js";
import { type SoftwareKey, softwareKey } from "../../support/certificates.js";

let now: Date;
let sandbox: Sandbox;
const clock = { now: () => now };
beforeEach(async () => {
  now = new Date();
  sandbox = await createSandbox({ clock, policy: { payment: "none", reviewDelayMs: 0 } });
});
afterEach(() => sandbox.close());
const transport = () => {
  const { baseUrl, trustAnchors } = sandbox;
  return httpTransport({ baseUrl, trustAnchors, clock });
};
const revoked = async () =>
  (await sandbox.admin.certificates())
    .filter(({ revokedAt }) => revokedAt)
    .map(({ sha256 }) => sha256);

describe("an encryption certificate", () => {
  const requestFor = (beside: Applicant, signer: SoftwareKey) =>
    createRequest({ subjectDer: parseCertificate(beside.certificate).subjectDer, signer });

  async function both(changes: { key?: SoftwareKey } = {}) {
    const applicant = await newApplicant(sandbox, now);
    const beside = await encryptionBeside(sandbox, now);
    const key = changes.key ?? softwareKey();
    const request = await requestFor(beside, key);
    const encryption = { certificate: beside.certificate, request };
    const sending = apply(transport(), applicant, {
      now,
      encryption: beside.certificate,
      content: { encryption },
    });
    return { applicant, beside, key, sending };
  }

  it("is renewed together with the signing one, and both are confirmed", async () => {
    await sandbox.admin.setPolicy({ previous: "revoke-after-confirmation" });
    const { applicant, beside, key, sending } = await both();
    const { reference, requested, offer } = await sending;
    expect(offer.offer.encryption).toEqual({
      certificateSha256: sha256Hex(beside.certificate),
      renewal: "together",
    });
    const [found] = await lookUp(transport(), applicant);
    expect(found?.applied.encryption?.certificate).toEqual(beside.certificate);
    const { encryption } = await transport().collect(reference);
    const certificate = parseCertificate(encryption?.certificate ?? new Uint8Array());
    expect(certificate.keyUsage).toEqual(["keyEncipherment", "dataEncipherment"]);
    expect(certificate.spki).toEqual(key.spki);
    expect(certificate.notAfter > parseCertificate(beside.certificate).notAfter).toBe(true);
    await expect(confirm(transport(), reference, requested, { now })).rejects.toMatchObject({
      details: { reason: "the confirmation does not name all that was issued" },
    });
    await confirm(transport(), reference, requested, {
      now,
      ...(encryption && { encryption: encryption.certificate }),
    });
    expect(await revoked()).toEqual(
      [applicant.certificate, beside.certificate].map((der) => sha256Hex(der)),
    );
  });

  it("needs a request and a key of its own, and goes along in a reissue", async () => {
    const applicant = await newApplicant(sandbox, now);
    const beside = await encryptionBeside(sandbox, now);
    const shown = { now, encryption: beside.certificate };
    await expect(apply(transport(), applicant, shown)).rejects.toMatchObject({
      details: { reason: "the offer renews the encryption certificate as well" },
    });
    const requested = softwareKey();
    const request = await requestFor(beside, requested);
    const encryption = { certificate: beside.certificate, request };
    await expect(
      apply(transport(), applicant, { ...shown, requested, content: { encryption } }),
    ).rejects.toMatchObject({ details: { reason: "both requests are for the same key" } });
    const { applicant: other, beside: besideIt, sending } = await both();
    const { reference } = await sending;
    await transport().collect(reference);
    await expect(
      requestCertificate(transport(), other, reference, { reason: "key-lost" }),
    ).rejects.toMatchObject({
      details: { reason: "a request for each certificate applied for is needed" },
    });
    const key = softwareKey();
    await requestCertificate(transport(), other, reference, {
      reason: "key-lost",
      encryptionRequest: await requestFor(besideIt, key),
    });
    expect(await revoked()).toHaveLength(2);
    const issued = await transport().collect(reference);
    expect(parseCertificate(issued.encryption?.certificate ?? new Uint8Array()).spki).toEqual(
      key.spki,
    );
  });

  it("is kept with a word why, by rule or where it does not fit", async () => {
    const applicant = await newApplicant(sandbox, now);
    const beside = await encryptionBeside(sandbox, now);
    const shown = async (encryption: Uint8Array) => {
      const { offer } = await business(transport()).offer(applicant.certificate, { encryption });
      return offer.encryption;
    };
    expect(await shown(applicant.certificate)).toMatchObject({ renewal: "kept" });
    const stranger = await createSandbox();
    const foreign = await encryptionBeside(stranger, now);
    await stranger.close();
    expect(await shown(foreign.certificate)).toMatchObject({
      renewal: "kept",
      note: "another CA issued the encryption certificate",
    });
    await expect(shown(new Uint8Array([1, 2, 3]))).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
    const note = "加密证书由中心换发";
    await sandbox.admin.setPolicy({ encryption: { renewal: "kept", note } });
    expect(await shown(beside.certificate)).toMatchObject({ renewal: "kept", note });
    const { reference, requested } = await apply(transport(), applicant, {
      now,
      encryption: beside.certificate,
    });
    expect((await transport().collect(reference)).encryption).toBeUndefined();
    await confirm(transport(), reference, requested, { now });
  });
});

describe("what is issued", () => {
  it.each([
    ["issuing-2", 1],
    ["issuing-other-root", 2],
  ] as const)("can come from %s, under %i root(s)", async (issuedBy, roots) => {
    const applicant = await newApplicant(sandbox, now);
    const { issuer } = parseCertificate(applicant.certificate);
    await sandbox.admin.setPolicy({ issuedBy });
    expect(sandbox.trustAnchors).toHaveLength(roots);
    const { reference, requested } = await apply(transport(), applicant, { now });
    const { certificate, chain } = await transport().collect(reference);
    const { trustAnchors } = sandbox;
    const verdict = verifyChain({ certificate, intermediates: chain, trustAnchors, at: now });
    expect(verdict.problem).toBeUndefined();
    expect(parseCertificate(certificate).issuer).not.toBe(issuer);
    await sandbox.admin.setPolicy({ issuedBy: "issuing" });
    expect((await transport().collect(reference)).chain).toEqual(chain);
    await confirm(transport(), reference, requested, { now });
  });

  it("can begin when the old one ends, and is confirmed before", async () => {
    await sandbox.admin.setPolicy({ validFrom: "previous-not-after" });
    const applicant = await newApplicant(sandbox, now);
    const { reference, requested } = await apply(transport(), applicant, { now });
    const { certificate } = await transport().collect(reference);
    const { notAfter } = parseCertificate(applicant.certificate);
    expect(parseCertificate(certificate).notBefore).toEqual(notAfter);
    const { progress } = await confirm(transport(), reference, requested, { now });
    expect(progress.issuance.status).toBe("confirmed");
  });

  it("ends the old one when it is issued, where that is the rule", async () => {
    await sandbox.admin.setPolicy({ previous: "revoke-at-issuance" });
    const applicant = await newApplicant(sandbox, now);
    const { reference, requested } = await apply(transport(), applicant, { now });
    expect(await revoked()).toEqual([]);
    await transport().collect(reference);
    expect(await revoked()).toEqual([sha256Hex(applicant.certificate)]);
    now = new Date(now.getTime() + DAY_MS);
    const { progress } = await confirm(transport(), reference, requested, { now });
    expect(progress.issuance.status).toBe("confirmed");
  });

  it("is paid back in part after the end, where too much came", async () => {
    await sandbox.admin.setPolicy({ payment: "after-review" });
    const { reference, requested } = await apply(transport(), await newApplicant(sandbox, now), {
      now,
    });
    const { renewalId } = reference;
    const book = (amount: number) =>
      sandbox.admin.bookReceipt({ renewalId, amount: { amount, currency: "CNY" } });
    await book(20_000);
    await confirm(transport(), reference, requested, { now });
    await book(500);
    const { progress } = await transport().progress(reference);
    expect(progress).toMatchObject({
      issuance: { status: "confirmed" },
      payment: { refunds: [{ status: "due", amount: { amount: 500 } }] },
    });
    const [refund] = progress.payment?.refunds ?? [];
    await sandbox.admin.sendRefund({ renewalId, refundId: refund?.id ?? "" });
    const after = await transport().progress(reference);
    expect(after.progress.payment?.refunds).toMatchObject([{ status: "sent", sentAt: now }]);
  });
});
