import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createSandbox, type Sandbox } from "certrenew/sandbox";
import { httpTransport } from "certrenew/transport/http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  apply,
  DAY_MS,
  documentOf,
  FORM,
  facet,
  newApplicant,
  pay,
  prepareApplication,
} from "../../support/applicant.js";

const LICENCE = {
  purpose: "licence",
  title: "营业执照",
  required: true,
  mediaTypes: ["application/pdf", "image/png"],
  maxBytes: 1000,
};
const LETTER = { ...LICENCE, purpose: "letter", title: "授权书", required: false };

describe("attachments", () => {
  let now: Date;
  let folder: string;
  let sandbox: Sandbox;
  const clock = { now: () => now };
  const policy = {
    attachments: [LICENCE, LETTER],
    uploads: { most: 3, minutes: 60, maxBytes: 2000 },
    reviewDelayMs: null,
    bookingDelayMs: null,
  };
  const open = () => createSandbox({ clock, folder, policy, adminPort: 0 });
  const transportOf = ({ baseUrl, trustAnchors }: Sandbox) =>
    httpTransport({ baseUrl, trustAnchors, clock });
  const text = (content: string) => new TextEncoder().encode(content);
  const licence = documentOf("licence", text("%PDF a licence"));
  const named = ({ content: _, ...reference }: typeof licence) => reference;
  const stored = () => readdirSync(folder).filter((name) => name.startsWith("attachment-"));

  beforeEach(async () => {
    now = new Date();
    folder = mkdtempSync(join(tmpdir(), "certrenew-sandbox-"));
    sandbox = await open();
  });
  afterEach(async () => {
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("are uploaded by their hash, named by the application, and read by the RA, also after a restart", async () => {
    const applicant = await newApplicant(sandbox, now);
    const transport = transportOf(sandbox);
    const attachments = [named(licence)];
    const prepared = await prepareApplication(transport, applicant, {
      now,
      content: { attachments },
    });
    expect(prepared.offer.offer.attachments).toEqual([LICENCE, LETTER]);
    const { reference, exchange } = prepared;
    await facet(transport, "upload")(reference, licence);
    await facet(transport, "upload")(reference, licence);
    await sandbox.close();
    sandbox = await open();
    const again = transportOf(sandbox);
    await vi.waitFor(() => again.send(exchange, reference), { timeout: 20_000 });
    const { renewalId } = reference;
    expect(await sandbox.admin.attachments({ renewalId })).toEqual(attachments);
    const read = await sandbox.admin.attachment({ renewalId, purpose: "licence" });
    expect(Buffer.from(read.content).toString()).toBe("%PDF a licence");
    const { url = "", token = "" } = sandbox.adminEndpoint ?? {};
    const response = await fetch(`${url}/attachment`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ renewalId, purpose: "licence" }),
    });
    const content = Buffer.from("%PDF a licence").toString("base64");
    expect(await response.json()).toMatchObject({ result: { ...attachments[0], content } });
    expect(stored()).toHaveLength(1);
    expect(readFileSync(join(folder, "state.json"), "utf8")).not.toContain(
      Buffer.from(licence.content).toString("base64"),
    );
    await expect(sandbox.admin.attachment({ renewalId, purpose: "letter" })).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
    });
    // What is named is kept.
    now = new Date(now.getTime() + DAY_MS);
    await sandbox.admin.applications();
    expect(stored()).toHaveLength(1);
  });

  it("are named one by one where they are not as asked", async () => {
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox, now);
    const photo = documentOf("licence", text("photo"), "image/gif");
    const letter = documentOf("letter", text("never sent"));
    const { exchange, reference } = await prepareApplication(transport, applicant, {
      now,
      content: { attachments: [photo, letter, { ...letter, purpose: "other" }].map(named) },
    });
    await facet(transport, "upload")(reference, photo);
    await expect(transport.send(exchange, reference)).rejects.toMatchObject({
      code: "ERR_ATTACHMENT_INVALID",
      problems: [
        {
          pointer: "/attachments/licence",
          message: expect.stringContaining("application/pdf or image/png"),
        },
        { pointer: "/attachments/letter", message: "was not uploaded" },
        { pointer: "/attachments/other", message: "is not asked for" },
      ],
    });
    await expect(apply(transport, applicant, { now })).rejects.toMatchObject({
      code: "ERR_ATTACHMENT_INVALID",
      problems: [{ pointer: "/attachments/licence", message: "is required" }],
    });
  });

  it("are limited in size, number and time, and belong to one secret", async () => {
    const transport = transportOf(sandbox);
    const upload = facet(transport, "upload");
    const { reference } = await prepareApplication(transport, await newApplicant(sandbox, now), {
      now,
    });
    const invalid = { code: "ERR_ATTACHMENT_INVALID" };
    await expect(upload(reference, { ...licence, content: text("other") })).rejects.toMatchObject(
      invalid,
    );
    const big = documentOf("licence", new Uint8Array(2001));
    await expect(upload(reference, big)).rejects.toMatchObject(invalid);
    await expect(upload(reference, { ...licence, mediaType: "?" })).rejects.toMatchObject(invalid);
    for (const name of ["a", "b", "c"]) await upload(reference, documentOf("licence", text(name)));
    const fourth = documentOf("licence", text("d"));
    await expect(upload(reference, fourth)).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    const stranger = { ...reference, followSecret: `${reference.followSecret.slice(1)}A` };
    await expect(upload(stranger, licence)).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    expect(stored()).toHaveLength(3);
    now = new Date(now.getTime() + 3_600_001);
    await upload(stranger, licence);
    expect(stored()).toHaveLength(1);
    // Whoever applies must be whoever uploaded.
    await expect(
      apply(transport, await newApplicant(sandbox, now), {
        now,
        reference,
        content: { attachments: [named(licence)] },
      }),
    ).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
  });

  it("stay in the folder, whatever id the path names", async () => {
    const applicant = await newApplicant(sandbox, now);
    const followSecret = "A".repeat(43);
    const upload = (renewalId: string) =>
      fetch(`${sandbox.baseUrl}/v1/renewals/${renewalId}/attachments/${licence.sha256}`, {
        method: "PUT",
        headers: { authorization: `Bearer ${followSecret}`, "content-type": licence.mediaType },
        body: licence.content,
      });

    for (const id of [
      "..%2fescaped",
      "..%2f..%2fescaped",
      "constructor",
      "__proto__",
      "toString",
    ]) {
      const response = await upload(id);
      expect.soft([id, response.status]).toEqual([id, 404]);
      expect(response.headers.get("content-type")).toContain("application/problem+json");
    }

    const files = [...readdirSync(folder, { recursive: true }), ...readdirSync(dirname(folder))];
    expect(files.map(String).filter((name) => /escaped|attachment-/.test(name))).toEqual([]);
    // The same with an id of ours is taken, and the state is still saved.
    expect((await upload("an-id-of-ours")).ok).toBe(true);
    await apply(transportOf(sandbox), applicant, {
      now,
      reference: {
        ...(await prepareApplication(transportOf(sandbox), applicant)).reference,
        renewalId: "an-id-of-ours",
        followSecret,
      },
      content: { attachments: [named(licence)] },
    });
    await sandbox.close();
    sandbox = await open();
    expect(await sandbox.admin.attachments({ renewalId: "an-id-of-ours" })).toHaveLength(1);
  });

  it("can be asked for in a review, are amended in time, and the payment stays", async () => {
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox, now);
    const first = await prepareApplication(transport, applicant, {
      now,
      content: { attachments: [named(licence)] },
    });
    const { reference, offer, requested } = first;
    await facet(transport, "upload")(reference, licence);
    await transport.send(first.exchange, reference);
    await pay(transport, reference);
    const { renewalId } = reference;
    await sandbox.admin.bookReceipt({ renewalId, amount: { amount: 20_000, currency: "CNY" } });
    const reasons = [{ pointer: "/attachments/letter", text: "请上传授权书" }];
    await sandbox.admin.returnForCorrection({ renewalId, reasons });
    const returned = await transport.progress(reference);
    expect(returned.progress.application).toEqual({
      status: "returned",
      revision: 1,
      reasons,
      amendableUntil: new Date(now.getTime() + 15 * DAY_MS),
    });
    const letter = documentOf("letter", text("a letter"));
    const gif = documentOf("letter", text("a gif"), "image/gif");
    await expect(facet(transport, "upload")(reference, gif)).rejects.toMatchObject({
      code: "ERR_ATTACHMENT_INVALID",
    });
    await facet(transport, "upload")(reference, letter);
    const amended = await apply(transport, applicant, {
      ...{ now, offer, requested, reference },
      content: { revision: 2, attachments: [licence, letter].map(named), form: FORM },
    });
    expect(amended.reply.progress).toMatchObject({
      application: { status: "received", revision: 2, reasons: [] },
      payment: { open: false, refunds: [] },
    });
    await sandbox.admin.approve({ renewalId });
    expect((await transport.progress(reference)).progress.issuance.status).toBe("ready");
    expect((await transport.collect(reference)).certificate.length).toBeGreaterThan(100);
  });

  it("and amendments come too late after the deadline: the money is due back", async () => {
    await sandbox.admin.setPolicy({ attachments: [], amendableDays: 3 });
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox, now);
    const { reference, offer, requested } = await apply(transport, applicant, { now });
    const { renewalId } = reference;
    await sandbox.admin.bookReceipt({ renewalId, amount: { amount: 20_000, currency: "CNY" } });
    await sandbox.admin.returnForCorrection({ renewalId, reasons: [{ text: "请更正" }] });
    now = new Date(now.getTime() + 3 * DAY_MS);
    const { progress } = await transport.progress(reference);
    expect(progress.application).toEqual({
      status: "lapsed",
      revision: 1,
      reasons: [{ text: "请更正" }],
    });
    expect(progress.payment?.refunds).toMatchObject([
      { status: "due", amount: { amount: 20_000 } },
    ]);
    const late = { now, offer, requested, reference, content: { revision: 2 } };
    await expect(apply(transport, applicant, late)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
    });
    await expect(facet(transport, "upload")(reference, licence)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
    });
    const [refund] = progress.payment?.refunds ?? [];
    await sandbox.admin.sendRefund({ renewalId, refundId: refund?.id ?? "" });
    const after = await transport.progress(reference);
    expect(after.progress.payment?.refunds).toMatchObject([{ status: "sent" }]);
  });
});
