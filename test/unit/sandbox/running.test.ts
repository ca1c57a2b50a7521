import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSandbox, type Fault, type Sandbox } from "certrenew/sandbox";
import { httpTransport } from "certrenew/transport/http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseCertificate } from "../../../src/core/pki/certificate.js";
import { verifyChain } from "../../../src/core/pki/verify.js";
import {
  apply,
  business,
  newApplicant,
  pay,
  prepareApplication,
  TRANSFER,
} from "../../support/applicant.js";

let folder: string;
let open: Sandbox[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "certrenew-sandbox-"));
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((sandbox) => sandbox.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function start(options: Parameters<typeof createSandbox>[0] = {}): Promise<Sandbox> {
  const sandbox = await createSandbox(options);
  open.push(sandbox);
  return sandbox;
}

const transportOf = ({ baseUrl, trustAnchors }: Sandbox) =>
  httpTransport({ baseUrl, trustAnchors });

describe("a sandbox with a folder", () => {
  it("goes on after a restart in the middle of an order, at the same place and with the same CA", async () => {
    const policy = { bookingDelayMs: null, reviewDelayMs: null };
    const first = await start({ folder, policy });
    const { exchange, reference, reply } = await apply(
      transportOf(first),
      await newApplicant(first),
    );
    await first.close();

    const second = await start({ folder });
    expect(second.baseUrl).toBe(first.baseUrl);
    expect(second.trustAnchors).toEqual(first.trustAnchors);
    const transport = transportOf(second);
    // A connection that the first server left open may still be in fetch's pool.
    const recovery = await vi.waitFor(() => transport.recover(exchange, reference));
    expect(recovery).toMatchObject({ outcome: "done", reply: { receipt: reply.receipt } });
    await pay(transport, reference);
    const { renewalId } = reference;
    const [application] = await second.admin.applications();
    const [instruction] = application?.progress.payment?.instructions ?? [];
    const { amount } = TRANSFER.remittances[0];
    await second.admin.bookReceipt({ renewalId, amount, instructionId: instruction?.id });
    await second.admin.approve({ renewalId });
    const { certificate } = await transport.collect(reference);
    const { trustAnchors } = first;
    const verdict = verifyChain({
      certificate,
      intermediates: [...(await transport.collect(reference)).chain],
      trustAnchors,
      at: new Date(),
    });
    expect(verdict.problem).toBeUndefined();
  });

  it("keeps its files to itself, and has one owner", async () => {
    const sandbox = await start({ folder });
    await expect(createSandbox({ folder })).rejects.toMatchObject({ code: "ERR_STORE_CONFLICT" });
    for (const name of readdirSync(folder)) {
      expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
    }
    await sandbox.close();
    // An owner that died left its lock behind.
    const dead = {
      pid: 2 ** 22 - 1,
      startedAt: "gone",
      machine: (await import("node:os")).hostname(),
    };
    writeFileSync(join(folder, "lock.json"), JSON.stringify(dead));
    await start({ folder });
  });

  it("refuses options that make no sense, and a port that is taken", async () => {
    await expect(createSandbox({ policy: { offerMinutes: -1 } })).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      problems: [{ pointer: "/policy/offerMinutes" }],
    });
    const sandbox = await start();
    const port = Number(new URL(sandbox.baseUrl).port);
    await expect(createSandbox({ port, folder })).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
    await expect(sandbox.admin.revoke({ sha256: "?" })).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      problems: [{ pointer: "/sha256" }],
    });
    // What failed to start holds no lock.
    await start({ folder });
  });

  it("says so when its state cannot be read", async () => {
    const sandbox = await start({ folder });
    await sandbox.close();
    writeFileSync(
      join(folder, "state.json"),
      readFileSync(join(folder, "state.json"), "utf8").slice(1),
    );
    await expect(createSandbox({ folder })).rejects.toMatchObject({ code: "ERR_RECORD_CORRUPT" });
    await expect(createSandbox({ folder })).rejects.toMatchObject({ code: "ERR_RECORD_CORRUPT" });
  });
});

describe("the ledger", () => {
  it("adds up part payments, and owes what is too much", async () => {
    const sandbox = await start({ policy: { bookingDelayMs: null, reviewDelayMs: null } });
    const transport = transportOf(sandbox);
    const { reference } = await apply(transport, await newApplicant(sandbox));
    const { renewalId } = reference;
    await pay(transport, reference);
    const book = (amount: number) =>
      sandbox.admin.bookReceipt({ renewalId, amount: { amount, currency: "CNY" } });
    await book(5_000);
    const partial = await transport.progress(reference);
    expect(partial.progress.order?.transactions).toMatchObject([{ transactionStatus: "partial" }]);
    await expect(sandbox.admin.approve({ renewalId })).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
      details: { reason: "the order is not paid" },
    });
    await book(25_000);
    const { progress } = await transport.progress(reference);
    expect(progress.payment).toMatchObject({
      open: false,
      receipts: [{ amount: { amount: 5_000 } }, { amount: { amount: 25_000 } }],
      refunds: [{ amount: { amount: 10_000 }, status: "due" }],
    });
    await expect(pay(transport, reference)).rejects.toMatchObject({ code: "ERR_PAYMENT_INVALID" });
  });

  it("names what is wrong with an announced transfer", async () => {
    const sandbox = await start();
    const transport = transportOf(sandbox);
    const { reference } = await apply(transport, await newApplicant(sandbox));
    const [remittance] = TRANSFER.remittances;
    const remittances = [{ ...remittance, amount: { amount: 1, currency: "EUR" } }];
    await expect(
      pay(transport, reference, { invoiceType: "none", remittances }),
    ).rejects.toMatchObject({
      code: "ERR_PAYMENT_INVALID",
      problems: [{ pointer: "/remittances/0/amount/currency" }, { pointer: "/invoiceType" }],
    });
  });

  it("takes payment after the review where that is the rule", async () => {
    let now = new Date();
    const clock = { now: () => now };
    const sandbox = await start({ clock, policy: { payment: "after-review" } });
    const { baseUrl, trustAnchors } = sandbox;
    const transport = httpTransport({ baseUrl, trustAnchors, clock });
    const { reference, reply } = await apply(transport, await newApplicant(sandbox, now), { now });
    expect(reply.progress.payment?.open).toBe(false);
    now = new Date(now.getTime() + 500);
    const approved = await transport.progress(reference);
    expect(approved.progress).toMatchObject({
      application: { status: "approved" },
      payment: { open: true },
      issuance: { status: "none" },
    });
    await pay(transport, reference);
    now = new Date(now.getTime() + 300);
    expect((await transport.progress(reference)).progress.issuance.status).toBe("ready");
  });
});

describe("scenarios", () => {
  const fail = (route: "submitApplication" | "readProgress" | "collect", fault: Fault) => [
    { route, fault },
  ];

  it.each<[string, Fault, boolean]>([
    ["lost response", { kind: "lost-response" }, true],
    ["truncated body", { kind: "truncated-body" }, true],
    ["malformed body", { kind: "malformed-body", body: "{}" }, true],
    ["badly signed receipt", { kind: "document", flaw: "bad-signature" }, true],
    ["dropped request", { kind: "dropped-request" }, false],
    ["server error", { kind: "status", status: 500 }, false],
    ["gateway's 503", { kind: "status", status: 503 }, false],
  ])(
    "leaves the outcome of an application open after a %s; asking tells",
    async (_, fault, received) => {
      const sandbox = await start({ scenario: fail("submitApplication", fault) });
      const transport = transportOf(sandbox);
      const { exchange, reference } = await prepareApplication(
        transport,
        await newApplicant(sandbox),
      );
      await expect(transport.send(exchange, reference)).rejects.toMatchObject({
        code: "ERR_RA_UNREACHABLE",
      });
      const recovery = await transport.recover(exchange, reference);
      expect(recovery.outcome).toBe(received ? "done" : "not-received");
      // Sending the same bytes again is one application all the same.
      const reply = await transport.send(exchange, reference);
      expect(reply.progress.order?.businessNumber).toMatch(/0000001$/);
      expect(await sandbox.admin.applications()).toHaveLength(1);
    },
  );

  it("says when to come back", async () => {
    const sandbox = await start({
      scenario: fail("readProgress", { kind: "status", status: 429, retryAfter: "7" }),
    });
    const transport = transportOf(sandbox);
    const { reference } = await apply(transport, await newApplicant(sandbox));
    await expect(transport.progress(reference)).rejects.toMatchObject({
      code: "ERR_RA_BUSY",
      details: { status: 429, retryAfterMs: 7000 },
    });
    const requests = await sandbox.admin.requests();
    expect(requests.at(-1)).toMatchObject({
      route: "readProgress",
      status: 429,
      faults: ["status"],
    });
  });

  it("spoils the nth certificate of a row, and only the answer", async () => {
    const flaws = ["wrong-key", "wrong-chain", "expired", "other-subject"] as const;
    const sandbox = await start({
      policy: { payment: "none", reviewDelayMs: null },
      scenario: flaws.map((flaw, index) => ({
        route: "collect",
        nth: index + 1,
        fault: { kind: "certificate", flaw },
      })),
    });
    const transport = transportOf(sandbox);
    const { reference, requested } = await apply(transport, await newApplicant(sandbox));
    await sandbox.admin.approve({ renewalId: reference.renewalId });
    const collect = async () => {
      const { certificate, chain } = await transport.collect(reference);
      const { trustAnchors } = sandbox;
      const verdict = verifyChain({
        certificate,
        intermediates: chain,
        trustAnchors,
        at: new Date(),
      });
      const parsed = parseCertificate(certificate);
      return {
        ours: Buffer.compare(parsed.spki, requested.spki) === 0,
        trusted: verdict.problem === undefined,
        subject: parsed.subject,
      };
    };
    const subject = "CN=张三,O=示例科技有限公司,C=CN";
    expect(await collect()).toEqual({ ours: false, trusted: true, subject });
    expect(await collect()).toEqual({ ours: true, trusted: false, subject });
    expect(await collect()).toEqual({ ours: true, trusted: false, subject });
    expect(await collect()).toEqual({
      ours: true,
      trusted: true,
      subject: "CN=Somebody Else,C=CN",
    });
    expect(await collect()).toEqual({ ours: true, trusted: true, subject });
  });

  it("returns first, and reviews slowly", async () => {
    let now = new Date();
    const clock = { now: () => now };
    const sandbox = await start({
      clock,
      policy: { payment: "none" },
      scenario: [
        { route: "submitApplication", fault: { kind: "returned-first", reasons: ["请更正"] } },
        { route: "submitApplication", fault: { kind: "slow-review", ms: 60_000 } },
      ],
    });
    const { baseUrl, trustAnchors } = sandbox;
    const transport = httpTransport({ baseUrl, trustAnchors, clock });
    const { reference, reply } = await apply(transport, await newApplicant(sandbox, now), { now });
    expect(reply.progress.dueAt).toEqual(new Date(now.getTime() + 60_000));
    now = new Date(now.getTime() + 59_999);
    expect((await transport.progress(reference)).progress.application.status).toBe("received");
    now = new Date(now.getTime() + 1);
    expect((await transport.progress(reference)).progress.application).toMatchObject({
      status: "returned",
      reasons: [{ text: "请更正" }],
    });
  });
});

describe("the admin port", () => {
  it("does what the functions do, for whoever has the token", async () => {
    const sandbox = await start({ adminPort: 0, policy: { reviewDelayMs: null, payment: "none" } });
    const transport = transportOf(sandbox);
    const { reference } = await apply(transport, await newApplicant(sandbox));
    const { url = "", token = "" } = sandbox.adminEndpoint ?? {};
    const call = async (action: string, body: unknown, bearer = token) => {
      const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify(body) };
      const response = await fetch(`${url}/${action}`, init);
      return { status: response.status, text: await response.text() };
    };
    expect((await call("applications", {}, "wrong")).status).toBe(401);
    expect((await call("toString", {})).status).toBe(404);
    expect((await call("approve", { renewalId: 1 })).text).toContain('"pointer":"/renewalId"');
    expect((await call("approve", { renewalId: reference.renewalId })).status).toBe(200);
    const listed = JSON.parse((await call("applications", {})).text);
    expect(listed.result).toMatchObject([{ progress: { issuance: { status: "ready" } } }]);
    expect((await transport.collect(reference)).certificate.length).toBeGreaterThan(100);
    const missing = await call("attachment", {
      renewalId: reference.renewalId,
      purpose: "licence",
    });
    expect(missing.status).toBe(404);
    // The RA's own port knows nothing of it.
    const elsewhere = await fetch(`${sandbox.baseUrl}/applications`, { method: "POST" });
    expect(elsewhere.status).toBe(404);
  });

  it("revokes, and the certificate can be renewed no more", async () => {
    const sandbox = await start();
    const { certificate } = await newApplicant(sandbox);
    const { sha256 } = parseCertificate(certificate);
    await sandbox.admin.revoke({ sha256 });
    await expect(business(transportOf(sandbox)).offer(certificate)).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
    });
  });
});
