import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSandbox, type Sandbox } from "certrenew/sandbox";
import { httpTransport } from "certrenew/transport/http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toPem } from "../../../src/core/pki/certificate.js";
import { apply, business, DAY_MS, newApplicant, pay, withRemote } from "../../support/applicant.js";

describe("a whole renewal over HTTP", () => {
  let now: Date;
  let sandbox: Sandbox;
  let folder: string;
  const clock = { now: () => now };

  beforeEach(async () => {
    now = new Date();
    sandbox = await createSandbox({ clock });
    folder = mkdtempSync(join(tmpdir(), "certrenew-sandbox-"));
    writeFileSync(join(folder, "chain.pem"), sandbox.chainPem);
  });
  afterEach(async () => {
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const pass = (ms: number) => {
    now = new Date(now.getTime() + ms);
  };
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const transportOf = ({ baseUrl, trustAnchors }: Sandbox) =>
    httpTransport({ baseUrl, trustAnchors, clock });

  it("goes from the offer to the confirmation, and OpenSSL agrees with every document", async () => {
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox, now);
    const applied = await apply(transport, applicant, { now });
    expect(applied.reply.progress.application).toEqual({
      status: "received",
      revision: 1,
      reasons: [],
    });
    expect(applied.reply.progress.order).toMatchObject({
      businessNumber: expect.stringMatching(/^01\d{8}0000001$/),
      subject: "CN=张三,O=示例科技有限公司,C=CN",
      fee: { amount: 20_000, currency: "CNY" },
      agent: "张三",
      businessStatus: "recorded",
      transactions: [
        { transactionType: "charge", transactionStatus: "unpaid", orderStatus: "normal" },
      ],
      invoiceTypes: [{ id: "quota", name: "普通定额发票" }],
    });

    writeFileSync(join(folder, "offer.der"), applied.offer.document ?? "");
    writeFileSync(join(folder, "receipt.der"), applied.reply.receipt ?? "");
    writeFileSync(join(folder, "application.der"), applied.exchange.signed ?? "");
    for (const name of ["offer", "receipt", "application"]) {
      const verify = [
        "cms",
        "-verify",
        "-inform",
        "DER",
        "-in",
        `${name}.der`,
        "-CAfile",
        "chain.pem",
      ];
      const content = openssl(...verify, "-purpose", "any");
      expect(JSON.parse(content)).toMatchObject({ purpose: expect.stringContaining(name) });
    }

    let reference = applied.reference;
    const declared = await pay(transport, reference);
    expect(declared.progress.payment).toMatchObject({
      open: true,
      receipts: [],
      instructions: [{ status: "declared" }],
    });
    expect(declared.retryAfterMs).toBe(1000);
    pass(300);
    const paid = await transport.progress(reference);
    expect(paid.progress.order).toMatchObject({
      businessStatus: "under-review",
      transactions: [{ transactionStatus: "paid" }],
    });
    pass(500);
    const approved = await transport.progress(reference);
    reference = withRemote(reference, approved);
    expect(approved.progress.issuance.status).toBe("ready");

    const issued = await transport.collect(reference);
    writeFileSync(join(folder, "new.pem"), toPem(issued.certificate, "CERTIFICATE"));
    writeFileSync(join(folder, "old.pem"), toPem(applicant.certificate, "CERTIFICATE"));
    // The RA's clock is ahead of the machine's by what was let pass.
    const attime = String(Math.floor(clock.now().getTime() / 1000));
    const chain = ["-attime", attime, "-CAfile", "chain.pem"];
    expect(openssl("verify", "-x509_strict", ...chain, "new.pem")).toContain("OK");
    const subject = (file: string) =>
      openssl("x509", "-in", file, "-noout", "-subject", "-ext", "keyUsage");
    expect(subject("new.pem")).toBe(subject("old.pem"));
    const end = (file: string) =>
      new Date(openssl("x509", "-in", file, "-noout", "-enddate", "-dateopt", "iso_8601").slice(9));
    const expected = new Date(end("old.pem"));
    expected.setUTCFullYear(expected.getUTCFullYear() + 2);
    expect(end("new.pem")).toEqual(expected);
    expect(await transport.collect(reference)).toEqual(issued);

    const confirmation = await transport.prepareConfirmation(
      {
        idempotencyKey: "confirm-1",
        reference,
        certificate: issued.certificate,
        installedAt: now,
      },
      { ...applied.requested, certificate: issued.certificate },
    );
    const confirmed = await transport.send(confirmation, reference);
    expect(confirmed.progress.issuance.status).toBe("confirmed");
    expect(confirmed.progress.order?.businessStatus).toBe("completed");
  });

  it("takes back an unpaid and a paid order, and owes the money then", async () => {
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox, now);
    const { reference } = await apply(transport, applicant, { now });
    await pay(transport, reference);
    pass(300);
    const signer = { ...applicant.key, certificate: applicant.certificate };
    const cancellation = await business(transport).prepareCancellation(reference, signer);
    const cancelled = await transport.send(cancellation, reference);
    expect(cancelled.progress.application.status).toBe("cancelled");
    expect(cancelled.progress.payment?.refunds).toMatchObject([
      { status: "due", amount: { amount: 20_000, currency: "CNY" } },
    ]);
    const [refund] = cancelled.progress.payment?.refunds ?? [];
    const { renewalId } = reference;
    await sandbox.admin.sendRefund({ renewalId, refundId: refund?.id ?? "" });
    const { progress } = await transport.progress(reference);
    expect(progress.payment?.refunds).toMatchObject([{ status: "sent" }]);
    expect(progress.order?.transactions).toMatchObject([
      { transactionType: "charge", orderStatus: "closed" },
      { transactionType: "refund", transactionStatus: "refunded" },
    ]);
    // The certificate is free for another application.
    const again = await apply(transport, applicant, { now });
    expect(again.reply.progress.application.status).toBe("received");
  });

  it("revokes what nobody confirmed in time", async () => {
    const transport = transportOf(sandbox);
    const { reference, requested } = await apply(transport, await newApplicant(sandbox, now), {
      now,
    });
    await pay(transport, reference);
    pass(300);
    await sandbox.admin.applications();
    pass(500);
    const { certificate, confirmBy } = await transport.collect(reference);
    expect(confirmBy?.getTime()).toBe(now.getTime() + 30 * DAY_MS);
    const confirmation = await transport.prepareConfirmation(
      { idempotencyKey: "late", reference, certificate, installedAt: now },
      { ...requested, certificate },
    );
    pass(31 * DAY_MS);
    const { progress } = await transport.progress(reference);
    expect(progress.application.status).toBe("lapsed");
    expect(progress.issuance.status).toBe("revoked");
    await expect(transport.send(confirmation, reference)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
    });
    const revoked = (await sandbox.admin.certificates()).filter(({ revokedAt }) => revokedAt);
    expect(revoked.map(({ renewalId }) => renewalId)).toEqual([reference.renewalId]);
  });

  it("revokes the previous certificate when the policy says so", async () => {
    await sandbox.admin.setPolicy({ previous: "revoke-after-confirmation", payment: "none" });
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox, now);
    const { reference, requested, reply } = await apply(transport, applicant, { now });
    expect(reply.progress.payment).toMatchObject({ total: { amount: 0 }, open: false });
    pass(500);
    const { certificate } = await transport.collect(reference);
    const stateOf = async () =>
      (await sandbox.admin.certificates()).map(({ revokedAt }) => revokedAt !== undefined);
    expect(await stateOf()).toEqual([false, false]);
    const confirmation = await transport.prepareConfirmation(
      { idempotencyKey: "confirm", reference, certificate, installedAt: now },
      { ...requested, certificate },
    );
    await transport.send(confirmation, reference);
    expect(await stateOf()).toEqual([true, false]);
    await expect(business(transport).offer(applicant.certificate)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
      details: { reason: "the certificate is revoked" },
    });
  });
});
