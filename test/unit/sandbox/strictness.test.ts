import { createHash, randomUUID } from "node:crypto";
import { createSandbox, type Sandbox } from "certrenew/sandbox";
import { httpTransport } from "certrenew/transport/http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeName } from "../../../src/sandbox/name.js";
import {
  type ApplicationChanges,
  apply,
  business,
  DAY_MS,
  FORM,
  newApplicant,
  prepareApplication,
} from "../../support/applicant.js";
import { softwareKey } from "../../support/certificates.js";

const later = (ms: number) => new Date(Date.now() + ms);

describe("what the sandbox refuses", () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await createSandbox({ policy: { keyAlgorithms: ["ec-p256"], reviewDelayMs: null } });
  });
  afterAll(() => sandbox.close());
  const transportOf = ({ baseUrl, trustAnchors }: Sandbox) =>
    httpTransport({ baseUrl, trustAnchors });

  const refusals: readonly [string, ApplicationChanges, Record<string, unknown>][] = [
    [
      "a form that the schema does not take, all problems at once",
      { content: { form: { ...FORM, mobile: "12", email: "nobody" } } },
      {
        code: "ERR_FORM_INVALID",
        problems: [
          expect.objectContaining({ pointer: "/mobile" }),
          expect.objectContaining({ pointer: "/email" }),
        ],
      },
    ],
    [
      "another agreement",
      { content: { agreement: { version: "0", sha256: "0".repeat(64), acceptedAt: new Date() } } },
      { code: "ERR_AGREEMENT_MISMATCH" },
    ],
    [
      "a guard without an answer",
      { content: { acknowledged: [] } },
      { code: "ERR_GUARD_UNACKNOWLEDGED" },
    ],
    [
      "a price of the applicant's own",
      { content: { price: { amount: 1, currency: "CNY" } } },
      { code: "ERR_ARGUMENT" },
    ],
    ["a term that is not offered", { content: { years: 5 } }, { code: "ERR_ARGUMENT" }],
    [
      "a key of an algorithm that is not accepted",
      { requested: softwareKey("ec-p384"), content: { keyAlgorithm: "ec-p384" } },
      { code: "ERR_ALGORITHM_UNSUPPORTED", details: { algorithm: "ec-p384" } },
    ],
    [
      "another subject",
      { subjectDer: encodeName({ commonName: "Somebody Else" }) },
      { details: { reason: "the request is for another subject" } },
    ],
    [
      "renew with another key",
      { content: { keyMode: "renew" } },
      { details: { reason: "renew keeps the key, and the request is for another" } },
    ],
    [
      "a statement that has expired",
      { content: { signedAt: later(-7_200_000), expiresAt: later(-3_600_000) } },
      { details: { reason: "the statement has expired" } },
    ],
    [
      "a statement from the future",
      { content: { signedAt: later(3_600_000), expiresAt: later(7_200_000) } },
      { details: { reason: "the statement is from the future" } },
    ],
    [
      "a statement that is good for too long",
      { content: { expiresAt: later(40 * DAY_MS) } },
      { details: { reason: "the statement is good for too long" } },
    ],
    [
      "the hash of another offer document",
      { content: { offerDocument: new Uint8Array([1]) } },
      { details: { reason: "the application is not bound to this offer" } },
    ],
  ];

  it.each(refusals)("refuses %s, and changes nothing", async (_, changes, expected) => {
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox);
    const { exchange, reference } = await prepareApplication(transport, applicant, changes);
    const { details, ...rest } = expected;
    const error = await transport.send(exchange, reference).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_RA_REFUSED", ...rest });
    if (details) expect(error).toMatchObject({ details });
    // Nothing was opened, so a right one goes through.
    const right = await apply(transport, applicant);
    expect(right.reply.progress.application.status).toBe("received");
  });

  it("refuses a re-key with the old key, and with one that another application asks for", async () => {
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox);
    const reason = "re-key wants a new key, and this one was used before";
    await expect(apply(transport, applicant, { requested: applicant.key })).rejects.toMatchObject({
      details: { reason },
    });
    const requested = softwareKey();
    await apply(transport, await newApplicant(sandbox), { requested });
    await expect(apply(transport, applicant, { requested })).rejects.toMatchObject({
      details: { reason },
    });
  });

  it("keeps the key where that is asked for", async () => {
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox);
    const { reply } = await apply(transport, applicant, {
      requested: applicant.key,
      content: { keyMode: "renew" },
    });
    expect(reply.progress.application.status).toBe("received");
  });

  it("refuses a request that is not the one in the application", async () => {
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox);
    const [mine, other] = await Promise.all([
      prepareApplication(transport, applicant),
      prepareApplication(transport, applicant),
    ]);
    const bodyOf = ({ exchange }: typeof mine) => JSON.parse(String(exchange.message["body"]));
    const body = JSON.stringify({ ...bodyOf(mine), request: bodyOf(other).request });
    const forged = { ...mine.exchange, message: { body } };
    await expect(transport.send(forged, mine.reference)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
      details: { reason: "the request is not the one in the application" },
    });
  });

  it("refuses a second open application for a certificate, and a second use of an offer", async () => {
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox);
    const first = await apply(transport, applicant);
    await expect(apply(transport, applicant)).rejects.toMatchObject({
      code: "ERR_APPLICATION_OPEN",
    });
    const { renewalId } = first.reference;
    await sandbox.admin.bookReceipt({ renewalId, amount: { amount: 20_000, currency: "CNY" } });
    await sandbox.admin.refuse({ renewalId, reasons: [{ text: "no" }] });
    await expect(apply(transport, applicant, { offer: first.offer })).rejects.toMatchObject({
      code: "ERR_OFFER_STALE",
    });
  });

  it("refuses offers for certificates that it did not issue, that expired, and that end too late", async () => {
    const transport = transportOf(sandbox);
    const { offer } = business(transport);
    const stranger = await createSandbox();
    const foreign = await newApplicant(stranger);
    await stranger.close();
    await expect(offer(foreign.certificate)).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    const expired = await newApplicant(sandbox, new Date(), { days: -1 });
    const error = await offer(expired.certificate).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_CERTIFICATE_EXPIRED" });
    expect(String(error)).toMatch(/expired on 20\d\d-/);
    const early = await newApplicant(sandbox, new Date(), { days: 91 });
    await expect(offer(early.certificate)).rejects.toMatchObject({
      details: { reason: expect.stringContaining("renewal opens on") },
    });
  });

  it("keeps idempotency keys to their bytes, and asks for the follow secret", async () => {
    const transport = transportOf(sandbox);
    const { exchange, reference } = await prepareApplication(
      transport,
      await newApplicant(sandbox),
    );
    const first = await transport.send(exchange, reference);
    const second = await transport.send(exchange, reference);
    expect(second.progress.order?.businessNumber).toBe(first.progress.order?.businessNumber);
    expect(second.receipt).toEqual(first.receipt);

    const call = (path: string, init: RequestInit & { headers?: Record<string, string> } = {}) =>
      fetch(`${sandbox.baseUrl}/v1/renewals/${reference.renewalId}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${reference.followSecret}`, ...init.headers },
      });
    const otherBytes = await call("/applications", {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": exchange.idempotencyKey },
      body: `${String(exchange.message["body"])} `,
    });
    expect(otherBytes.status).toBe(422);
    expect(otherBytes.headers.get("content-type")).toBe("application/problem+json");
    expect(await otherBytes.json()).toMatchObject({ type: "urn:certrenew:problem:argument" });

    const stranger = await call("", { headers: { authorization: `Bearer ${randomUUID()}` } });
    expect(stranger.status).toBe(401);
    const keyless = await call("/cancellation", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"cancellation":"AAAA"}',
    });
    expect(keyless.status).toBe(400);

    const progress = await call("");
    const etag = progress.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
    const unchanged = await call("", { headers: { "if-none-match": etag } });
    expect([unchanged.status, await unchanged.text()]).toEqual([304, ""]);
  });

  it("does not keep the follow secret, only its hash", async () => {
    const transport = transportOf(sandbox);
    const { reference } = await apply(transport, await newApplicant(sandbox));
    const hash = createHash("sha256").update(reference.followSecret).digest("hex");
    const seen = JSON.stringify([
      await sandbox.admin.applications(),
      await sandbox.admin.requests(),
    ]);
    expect(seen).not.toContain(reference.followSecret);
    expect(seen).not.toContain(hash);
  });

  it("takes an amendment of what was returned, and nothing else", async () => {
    const transport = transportOf(sandbox);
    const applicant = await newApplicant(sandbox);
    const { reference, offer, requested } = await apply(transport, applicant);
    const { renewalId } = reference;
    const amendment = (changes: ApplicationChanges["content"] = {}) =>
      apply(transport, applicant, {
        offer,
        reference,
        requested,
        content: { revision: 2, ...changes },
      });
    await expect(amendment()).rejects.toMatchObject({ code: "ERR_RA_REFUSED" });
    const reasons = [{ pointer: "/remarks", text: "请补充备注" }];
    await sandbox.admin.returnForCorrection({ renewalId, reasons });
    const returned = await transport.progress(reference);
    expect(returned.progress.application).toMatchObject({
      status: "returned",
      revision: 1,
      reasons,
    });
    const amended = await amendment({ form: { ...FORM, remarks: "已补充" } });
    expect(amended.reply.progress.application).toMatchObject({ status: "received", revision: 2 });
    expect(amended.reply.progress.order?.remarks).toBe("已补充");
  });
});
