import { describe, expect, it } from "vitest";
import { runUnderClaim, type StepContext } from "../../../src/core/context.js";
import { type ErrorCode, RenewalError } from "../../../src/core/errors.js";
import { deliver, reconcile, settle } from "../../../src/core/outbox.js";
import type { Reply, Transport } from "../../../src/core/ports/transport.js";
import type { RenewalRecord } from "../../../src/core/record.js";
import { loadRecord, saveRecord } from "../../../src/core/record-store.js";
import { withoutSpentSecrets, withReply } from "../../../src/core/replies.js";
import { fakeTransport, testRuntime } from "./fakes.js";
import {
  FOLLOW_SECRET,
  NOW,
  RECORDS,
  receipt,
  refund,
  sampleExchange,
  sampleLedger,
  sampleOrder,
  sampleProgress,
  sampleRecord,
  transfer,
  yuan,
} from "./samples.js";

const application = sampleExchange();
const confirmation = sampleExchange({ id: "exchange-2", purpose: "confirmation" });
const submitting = sampleRecord({
  application: { status: "submitting" },
  outbox: [application],
  secrets: { followSecret: FOLLOW_SECRET },
});
const confirming: RenewalRecord = { ...RECORDS.confirming, outbox: [confirmation] };
const accepted: Reply = { progress: sampleProgress() };
const failsWith = (code: string) => expect.objectContaining({ code });

/** Works on a record with a transport, and tells how the record is left. */
async function left(
  record: RenewalRecord,
  transport: Partial<Transport>,
  work: (context: StepContext) => Promise<unknown>,
): Promise<RenewalRecord> {
  const runtime = testRuntime({ transport: fakeTransport(transport) });
  await saveRecord(runtime.store, record, 0);
  await runUnderClaim(
    runtime,
    record.id,
    "continue",
    undefined,
    async (context) => {
      await work(context);
    },
    async () => {},
  );
  return (await loadRecord(runtime.store, record.id)).record;
}

describe("an exchange that is sent", () => {
  it("leaves the outbox in one save with what the RA answered", async () => {
    const record = await left(
      submitting,
      {
        send: async (exchange, reference) => {
          expect(exchange).toEqual(application);
          expect(reference.followSecret).toBe(FOLLOW_SECRET);
          return accepted;
        },
      },
      (context) => deliver(context, application),
    );
    expect(record).toMatchObject({ outbox: [], application: { status: "received" } });
    expect(record.application.submittedAt).toEqual(NOW);
  });

  const open = [
    "ERR_RA_UNREACHABLE",
    "ERR_RA_BUSY",
    "ERR_RA_RESPONSE",
    "ERR_RA_UNTRUSTED",
    "ERR_ABORTED",
    "ERR_TIMEOUT",
    "ERR_OUTCOME_UNCLEAR",
    "ERR_UNEXPECTED",
  ] as const satisfies readonly ErrorCode[];

  it.each(open)("stays, as it is, while its outcome is not known: %s", async (code) => {
    const send = () => Promise.reject(new RenewalError(code));
    const record = await left(submitting, { send }, async (context) => {
      await expect(deliver(context, application)).rejects.toEqual(failsWith(code));
    });
    expect(record).toMatchObject({ outbox: [application], application: { status: "submitting" } });
  });

  it("stays where the adapter throws what is in no catalogue", async () => {
    const send = () => Promise.reject(new TypeError("fetch failed"));
    const record = await left(submitting, { send }, async (context) => {
      await expect(deliver(context, application)).rejects.toThrow(TypeError);
    });
    expect(record.outbox).toEqual([application]);
  });

  it("stays where the answer cannot be used", async () => {
    const progress = sampleProgress(
      {},
      { application: { status: "received", revision: 2, reasons: [] } },
    );
    const record = await left(submitting, { send: async () => ({ progress }) }, async (context) => {
      await expect(deliver(context, application)).rejects.toEqual(failsWith("ERR_RA_RESPONSE"));
    });
    expect(record).toMatchObject({ outbox: [application], application: { status: "submitting" } });
  });

  it.each([
    "ERR_RA_REFUSED",
    "ERR_FORM_INVALID",
    "ERR_OFFER_STALE",
    "ERR_APPLICATION_OPEN",
  ] as const)(
    "leaves it when the RA refused: a draft again, since nothing was opened: %s",
    async (code) => {
      const send = () => Promise.reject(new RenewalError(code));
      const record = await left(submitting, { send }, async (context) => {
        await expect(deliver(context, application)).rejects.toEqual(failsWith(code));
      });
      expect(record).toMatchObject({ outbox: [], application: { status: "draft" } });
    },
  );

  it("completes the renewal when it is the confirmation", async () => {
    const progress = sampleProgress({ status: "approved" }, { issuance: { status: "confirmed" } });
    const record = await left(confirming, { send: async () => ({ progress }) }, (context) =>
      deliver(context, confirmation),
    );
    expect(record.issuance.installation?.confirmedAt).toEqual(NOW);
  });
});

describe("an exchange whose outcome is open", () => {
  it("is asked about, and not sent again when the RA has it", async () => {
    const recover = async () => ({ outcome: "done", reply: accepted }) as const;
    const record = await left(submitting, { recover }, async (context) => {
      expect(await settle(context, application)).toBe("done");
    });
    expect(record).toMatchObject({ outbox: [], application: { status: "received" } });
  });

  it("is sent, the very same, when the RA does not have it", async () => {
    const sent: unknown[] = [];
    const transport: Partial<Transport> = {
      recover: async () => ({ outcome: "not-received" }),
      send: async (exchange) => {
        sent.push(exchange);
        return accepted;
      },
    };
    await left(submitting, transport, (context) => settle(context, application));
    expect(sent).toEqual([application]);
  });

  it("stays when the RA cannot be asked", async () => {
    const recover = () => Promise.reject(new RenewalError("ERR_RA_UNREACHABLE"));
    const record = await left(submitting, { recover }, async (context) => {
      await expect(settle(context, application)).rejects.toEqual(failsWith("ERR_RA_UNREACHABLE"));
    });
    expect(record.outbox).toEqual([application]);
  });

  it("is not repeated unasked where the protocol cannot tell", async () => {
    let sent = 0;
    const transport: Partial<Transport> = {
      recover: async () => ({ outcome: "unclear" }),
      send: async () => {
        sent += 1;
        return accepted;
      },
    };
    const record = await left(submitting, transport, async (context) => {
      await expect(settle(context, application)).rejects.toMatchObject({
        code: "ERR_OUTCOME_UNCLEAR",
        details: { purpose: "application", preparedAt: NOW.toISOString() },
      });
      expect(sent).toBe(0);
    });
    expect(record.outbox).toEqual([application]);
    await left(submitting, transport, (context) => settle(context, application, { repeat: true }));
    expect(sent).toBe(1);
  });

  it("is dropped when the RA does not have it and would take it no more", async () => {
    const expired = { ...application, expiresAt: NOW };
    const recover = async () => ({ outcome: "not-received" }) as const;
    const record = await left(
      { ...submitting, outbox: [expired] },
      { recover },
      async (context) => {
        expect(await settle(context, expired)).toBe("dropped");
      },
    );
    expect(record).toMatchObject({ outbox: [], application: { status: "draft" } });
  });

  it("is not made anew after its expiry where the protocol cannot tell, whatever the caller says", async () => {
    const expired = sampleExchange({ expiresAt: new Date(NOW.getTime() - 1) });
    const record = { ...RECORDS.submitting, outbox: [expired] };
    const after = await left(
      record,
      { recover: async () => ({ outcome: "unclear" }) },
      async (context) => {
        await expect(settle(context, expired, { repeat: true })).rejects.toMatchObject({
          code: "ERR_OUTCOME_UNCLEAR",
          details: { expired: true },
        });
      },
    );
    expect(after.outbox).toHaveLength(1);
  });
});

describe("what is open, seen by a step that only reads", () => {
  const transfer = sampleExchange({ id: "first", purpose: "bank-transfer" });
  const cancellation = sampleExchange({ id: "second", purpose: "cancellation" });
  const record = { ...RECORDS["awaiting-review"], outbox: [transfer, cancellation] };

  it("is asked after, the oldest first, and settled where the RA has it", async () => {
    const asked: string[] = [];
    const recover: Transport["recover"] = async ({ id }) => {
      asked.push(id);
      return { outcome: "done", reply: accepted };
    };
    const after = await left(record, { recover }, async (context) => {
      expect(await reconcile(context)).toEqual([]);
    });
    expect(asked).toEqual(["first", "second"]);
    expect(after.outbox).toEqual([]);
  });

  it("is never sent; a cancellation that the RA does not have is forgotten", async () => {
    const sent: string[] = [];
    const after = await left(
      record,
      {
        recover: async () => ({ outcome: "not-received" }),
        send: async ({ id }) => {
          sent.push(id);
          return accepted;
        },
      },
      async (context) => {
        expect(await reconcile(context)).toEqual([]);
      },
    );
    expect(sent).toEqual([]);
    expect(after.outbox.map(({ id }) => id)).toEqual(["first"]);
  });

  it("stays, and is named, where the protocol cannot tell", async () => {
    const after = await left(
      record,
      { recover: async () => ({ outcome: "unclear" }) },
      async (context) => {
        expect((await reconcile(context)).map(({ id }) => id)).toEqual(["first", "second"]);
      },
    );
    expect(after.outbox).toHaveLength(2);
  });
});

describe("an answer of the RA", () => {
  const waiting = RECORDS["awaiting-review"];

  it("replaces what was known, and keeps what it does not speak of", () => {
    const known = { ...waiting, payment: sampleLedger(), order: sampleOrder(), dueAt: NOW };
    const { payment, order, dueAt, application } = withReply(
      known,
      { progress: sampleProgress({ status: "returned" }) },
      NOW,
    );
    expect({ payment, order }).toEqual({ payment: known.payment, order: known.order });
    expect(dueAt).toBeUndefined();
    expect(application.status).toBe("returned");
  });

  it("says when to ask again, counted from now", () => {
    const reply = { progress: sampleProgress(), retryAfterMs: 60_000 };
    expect(withReply(waiting, reply, NOW).pollNotBefore).toEqual(new Date(NOW.getTime() + 60_000));
    const next = withReply(withReply(waiting, reply, NOW), { progress: sampleProgress() }, NOW);
    expect(next.pollNotBefore).toBeUndefined();
  });

  it("keeps the receipt for the application, and its time", () => {
    const [first, second] = [Uint8Array.of(1), Uint8Array.of(2)];
    const answer = { progress: sampleProgress(), receipt: first };
    const once = withReply(waiting, answer, NOW, { purpose: "application" });
    const other = { progress: sampleProgress(), receipt: second };
    const twice = withReply(once, other, new Date(), { purpose: "bank-transfer" });
    expect(twice.application).toMatchObject({ receipt: first, submittedAt: NOW });
  });

  const collected = { certificate: Uint8Array.of(1), chain: [], changes: [] };

  it("does not touch what was collected and installed", () => {
    const record = { ...waiting, issuance: { status: "ready", collected } } as const;
    const progress = sampleProgress({}, { issuance: { status: "revoked" } });
    expect(withReply(record, { progress }, NOW).issuance).toMatchObject({
      status: "revoked",
      collected,
    });
  });

  it.each([
    [
      "the currencies differ",
      { payment: sampleLedger({ receipts: [receipt({ amount: 1, currency: "USD" })] }) },
      "/progress/payment",
    ],
    ["the due date is none", { dueAt: new Date(Number.NaN) }, "/progress/dueAt"],
    [
      "an order has no number",
      { order: sampleOrder({ businessNumber: "" }) },
      "/progress/order/businessNumber",
    ],
    ["a status is unknown", { issuance: { status: "soon" as never } }, "/progress/issuance/status"],
  ])("is not used when %s, whichever transport gave it", (_, over, pointer) => {
    const reply = { progress: sampleProgress({}, over) };
    expect(() => withReply(waiting, reply, NOW)).toThrowError(
      expect.objectContaining({
        code: "ERR_RA_RESPONSE",
        problems: [expect.objectContaining({ pointer })],
      }),
    );
  });
});

describe("the follow secret", () => {
  const secrets = { followSecret: FOLLOW_SECRET };
  const closed = (
    payment?: RenewalRecord["payment"],
    status: "cancelled" | "discarded" = "cancelled",
  ) => sampleRecord({ application: { status }, payment, secrets });

  it.each([
    ["is completed", { ...RECORDS.completed, secrets }],
    ["is closed and nothing was paid", closed(sampleLedger())],
    ["is closed and there was no order", closed()],
    ["was never sent", closed(undefined, "discarded")],
    [
      "is closed and all the money is back",
      closed(sampleLedger({ receipts: [receipt(yuan(1))], refunds: [refund(yuan(1), "sent")] })),
    ],
  ])("is erased when the renewal %s", (_, record) => {
    expect(withoutSpentSecrets(record, record.updatedAt).secrets).toEqual({});
  });

  it.each([
    ["is under way", { ...RECORDS["awaiting-review"], secrets }],
    ["is closed and a refund is due", closed(sampleLedger({ refunds: [refund(yuan(1))] }))],
    [
      "is closed and an announced transfer may arrive",
      closed(sampleLedger({ instructions: [transfer(yuan(1))] })),
    ],
    ["is closed and money is there", closed(sampleLedger({ receipts: [receipt(yuan(1))] }))],
  ])("is kept while the renewal %s", (_, record) => {
    expect(withoutSpentSecrets(record, record.updatedAt)).toBe(record);
  });
});
