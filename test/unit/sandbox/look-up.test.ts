import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSandbox, type Sandbox } from "certrenew/sandbox";
import { httpTransport } from "certrenew/transport/http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseCertificate } from "../../../src/core/pki/certificate.js";
import {
  apply,
  DAY_MS,
  documentOf,
  facet,
  lookUp,
  newApplicant,
  pay,
  requestCertificate,
} from "../../support/applicant.js";
import { softwareKey } from "../../support/certificates.js";

let now: Date;
let sandbox: Sandbox;
let folder: string;
const clock = { now: () => now };
const secret = () => randomBytes(32).toString("base64url");
beforeEach(async () => {
  now = new Date();
  folder = mkdtempSync(join(tmpdir(), "certrenew-sandbox-"));
  const policy = { reviewDelayMs: null, bookingDelayMs: null, payment: "none" } as const;
  sandbox = await createSandbox({ clock, folder, policy });
});
afterEach(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});
const transport = () => {
  const { baseUrl, trustAnchors } = sandbox;
  return httpTransport({ baseUrl, trustAnchors, clock });
};

describe("a look-up", () => {
  it("finds applications of long ago with their offers, after a restart and the expiry", async () => {
    await sandbox.admin.setPolicy({ payment: "before-review" });
    const applicant = await newApplicant(sandbox, now);
    const first = await apply(transport(), applicant, { now });
    const { renewalId } = first.reference;
    await sandbox.admin.refuse({ renewalId, reasons: [{ text: "不符" }] });
    now = new Date(now.getTime() + 1000);
    const second = await apply(transport(), applicant, { now });
    await apply(transport(), await newApplicant(sandbox, now), { now });
    await sandbox.close();
    sandbox = await createSandbox({ clock, folder, policy: { paymentDays: 90 } });
    now = new Date(now.getTime() + 40 * DAY_MS);
    const followSecret = secret();
    const found = await vi.waitFor(() => lookUp(transport(), applicant, followSecret), {
      timeout: 20_000,
    });
    expect(found.map(({ renewalId: id }) => id)).toEqual([
      second.reference.renewalId,
      first.reference.renewalId,
    ]);
    const [newest] = found;
    expect(newest?.offer).toEqual(second.offer);
    expect(newest?.applied.signed).toEqual(second.exchange.signed);
    expect(newest?.applied).toMatchObject({ revision: 1, years: 2, keyMode: "re-key" });
    expect(newest?.reply.progress.application.status).toBe("received");
    // Both secrets speak for it now.
    const reference = { ...second.reference, followSecret, remote: newest?.reply.remote };
    const declared = await pay(transport(), reference);
    expect(declared.progress.payment?.instructions).toHaveLength(1);
    await transport().progress(second.reference);
  });

  it("tells of what was handed in later, and speaks for a certificate that the renewal itself ended", async () => {
    await sandbox.admin.setPolicy({
      requestAt: "installation",
      previous: "revoke-at-issuance",
    });
    const applicant = await newApplicant(sandbox, now);
    const { reference } = await apply(transport(), applicant, { now });
    await sandbox.admin.approve({ renewalId: reference.renewalId });
    const { requested } = await requestCertificate(transport(), applicant, reference);
    await transport().collect(reference);
    const [found] = await lookUp(transport(), applicant);
    expect(found?.applied.request).toBeUndefined();
    expect(Buffer.from(found?.handedIn?.request ?? []).includes(Buffer.from(requested.spki))).toBe(
      true,
    );
    const other = await newApplicant(sandbox, now);
    await sandbox.admin.revoke({ sha256: parseCertificate(other.certificate).sha256 });
    await expect(lookUp(transport(), other)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
      details: { reason: "the signer's certificate is revoked" },
    });
  });

  it("finds nothing for a certificate without applications, and believes no other key", async () => {
    const applicant = await newApplicant(sandbox, now);
    expect(await lookUp(transport(), applicant)).toEqual([]);
    const { certificate } = await newApplicant(sandbox, now);
    await expect(lookUp(transport(), { key: softwareKey(), certificate })).rejects.toThrow();
    const elsewhere = await createSandbox({ clock });
    const stranger = await newApplicant(elsewhere, now);
    await elsewhere.close();
    await expect(lookUp(transport(), stranger)).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
  });

  it("takes each nonce once, and in time", async () => {
    const applicant = await newApplicant(sandbox, now);
    const { baseUrl, trustAnchors } = sandbox;
    let sent: RequestInit | undefined;
    const recording = httpTransport({
      ...{ baseUrl, trustAnchors, clock },
      fetch: (url, init) => {
        if (url.endsWith("/look-ups")) sent = init as RequestInit;
        return fetch(url, init as RequestInit);
      },
    });
    await lookUp(recording, applicant);
    const again = await fetch(`${baseUrl}/v1/look-ups`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: String(sent?.body),
    });
    expect(again.status).toBe(403);
    const slow = httpTransport({
      ...{ baseUrl, trustAnchors, clock },
      fetch: (url, init) => {
        // The nonce was given in time; the question comes when it has expired.
        if (url.endsWith("/look-ups")) now = new Date(now.getTime() + 10 * 60_000);
        return fetch(url, init as RequestInit);
      },
    });
    await expect(lookUp(slow, applicant)).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
  });

  it("remembers eight secrets, the applicant's own for ever", async () => {
    const applicant = await newApplicant(sandbox, now);
    const { reference } = await apply(transport(), applicant, { now });
    const secrets = Array.from({ length: 8 }, secret);
    for (const followSecret of secrets) await lookUp(transport(), applicant, followSecret);
    const asks = (followSecret: string) => transport().progress({ ...reference, followSecret });
    await expect(asks(secrets[0] ?? "")).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    await asks(secrets[1] ?? "");
    await asks(secrets[7] ?? "");
    await asks(reference.followSecret);
    const document = documentOf("any", new TextEncoder().encode("x"));
    const later = { ...reference, followSecret: secrets[7] ?? "" };
    await expect(facet(transport(), "upload")(later, document)).rejects.toMatchObject({
      code: "ERR_ATTACHMENT_INVALID",
    });
  });
});
