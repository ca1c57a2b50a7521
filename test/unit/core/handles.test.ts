import { createRenewalClient } from "certrenew";
import { describe, expect, it } from "vitest";
import type { Renewal, State } from "../../../src/core/lifecycle.js";
import { fakeTransport } from "./fakes.js";
import { NOW, RECORDS, sampleLedger, sampleRecord, transfer, yuan } from "./samples.js";
import { world } from "./world.js";

const failsWith = (code: string) => expect.objectContaining({ code });
const refused = (code: string, details: object = {}) =>
  expect.objectContaining({ code, details: expect.objectContaining(details) });

describe("a handle", () => {
  async function draftHandle() {
    const { client, store, options } = await world(sampleRecord());
    const draft = await client.resume("renewal-1");
    if (draft.state !== "draft") throw new Error("it is no draft");
    return { client, store, options, draft };
  }

  it("is spent by a step that succeeded, and the failure has the one to go on with", async () => {
    const { draft } = await draftHandle();
    const closed = await draft.discard();
    expect(closed).toMatchObject({ state: "closed", reason: "discarded", stage: undefined });
    const attempt = draft.discard();
    await expect(attempt).rejects.toEqual(
      refused("ERR_HANDLE_SPENT", { id: "renewal-1", state: "draft", step: "discard" }),
    );
    await expect(attempt).rejects.toMatchObject({ renewal: { state: "closed" } });
  });

  it("of an earlier state is spent, whoever moved the renewal on", async () => {
    const { client, draft } = await draftHandle();
    const other = await client.resume("renewal-1");
    if (other.state === "draft") await other.discard();
    await expect(draft.refresh()).rejects.toMatchObject({
      code: "ERR_HANDLE_SPENT",
      renewal: { state: "closed" },
    });
  });

  it("is not spent by a step that failed", async () => {
    const { draft } = await draftHandle();
    await expect(draft.refresh({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ERR_ABORTED",
      renewal: { state: "draft" },
    });
    expect((await draft.refresh()).state).toBe("draft");
  });

  it("turns what is in no catalogue into an error that says what is safe, and keeps the cause", async () => {
    const cause = new TypeError("of the adapter");
    const payment = sampleLedger({ instructions: [transfer(yuan(200))] });
    const record = sampleRecord({ application: { status: "received" }, payment });
    const { options } = await world(record);
    const transport = fakeTransport({ progress: () => Promise.reject(cause) });
    const renewal = await createRenewalClient({ ...options, transport }).resume("renewal-1");
    if (renewal.state !== "awaiting-review") throw new Error("it is elsewhere");
    await expect(renewal.refresh()).rejects.toMatchObject({
      code: "ERR_UNEXPECTED",
      cause,
      impact: { key: "untouched", money: "announced" },
      renewal: { state: "awaiting-review" },
    });
  });

  it("whose record was erased says so", async () => {
    const { client, draft } = await draftHandle();
    await client.forget("renewal-1", { evenIfOpen: true });
    await expect(draft.discard()).rejects.toEqual(failsWith("ERR_RECORD_NOT_FOUND"));
  });

  it("is refused to two steps at a time", async () => {
    const { draft } = await draftHandle();
    const results = await Promise.allSettled([draft.refresh(), draft.refresh()]);
    expect(results.filter(({ status }) => status === "rejected")).toEqual([
      { status: "rejected", reason: failsWith("ERR_RECORD_CLAIMED") },
    ]);
  });

  it("has only the steps of its state at run time too", async () => {
    const steps = [
      "submit",
      "refresh",
      "discard",
      "continue",
      "payByBankTransfer",
      "wait",
      "cancel",
      "install",
      "retirePrevious",
    ];
    const legal: Record<Exclude<State, "completed" | "closed">, string[]> = {
      draft: ["submit", "refresh", "discard"],
      submitting: ["continue"],
      "awaiting-payment": ["refresh", "payByBankTransfer", "wait", "cancel"],
      "awaiting-review": ["refresh", "wait", "cancel"],
      "action-required": ["refresh", "payByBankTransfer", "cancel"],
      "ready-to-install": ["cancel", "install"],
      installing: ["continue"],
      confirming: ["continue"],
    };
    for (const [state, expected] of Object.entries(legal)) {
      const { client } = await world(RECORDS[state as keyof typeof legal]);
      const renewal: Renewal = await client.resume("renewal-1");
      expect(renewal.state).toBe(state);
      expect(steps.filter((step) => step in renewal)).toEqual(expected);
    }
  });

  it("shows the payment, the due date and whether that is only our own estimate", async () => {
    const submittedAt = NOW;
    const { client } = await world(
      sampleRecord({ application: { status: "received", submittedAt } }),
      { ...sampleRecord({ id: "told", application: { status: "received" } }), dueAt: NOW },
      sampleRecord({ id: "unpaid", application: { status: "received" }, payment: sampleLedger() }),
    );
    // Monday and three working days.
    const estimated = { at: new Date("2026-03-05T02:00:00Z"), estimated: true };
    expect((await client.resume("renewal-1")).due).toEqual(estimated);
    expect((await client.resume("told")).due).toEqual({ at: NOW, estimated: false });
    const unpaid = await client.resume("unpaid");
    expect(unpaid.due).toBeUndefined();
    expect(unpaid.payment).toMatchObject({
      status: "unpaid",
      received: yuan(0),
      outstanding: yuan(200),
      uncovered: yuan(200),
    });
  });
});
