import { describe, expect, it } from "vitest";
import { runUnderClaim, type StepContext } from "../../../src/core/context.js";
import { RenewalError } from "../../../src/core/errors.js";
import type { RenewalClientOptions } from "../../../src/core/options.js";
import type { Store } from "../../../src/core/ports/store.js";
import { identifyThisProcess } from "../../../src/core/process-identity.js";
import type { Claim, RenewalRecord } from "../../../src/core/record.js";
import { loadRecord, saveRecord, storeKeys } from "../../../src/core/record-store.js";
import type { Runtime } from "../../../src/core/runtime.js";
import { memoryStore } from "../../../src/store/memory.js";
import { testClock } from "../../support/clock.js";
import { deadProcess, startChild } from "./children.js";
import { fakeDriver, HOST, testRuntime } from "./fakes.js";
import { NOW, RECORDS, sampleOrder, sampleRecord } from "./samples.js";

const LEASE_MS = 60_000;
const later = (ms: number) => new Date(NOW.getTime() + ms);

/** A store that has the record, and clients that share it. */
async function world(record: RenewalRecord = sampleRecord()) {
  const store = memoryStore();
  await saveRecord(store, record, 0);
  const clock = testClock(NOW);
  const client = (over: Partial<RenewalClientOptions> = {}) =>
    testRuntime({ store, clock, claimLeaseMs: LEASE_MS, ...over });
  const stored = async () => (await loadRecord(store, record.id)).record;
  return { store, clock, client, stored };
}

function run(runtime: Runtime, body: (context: StepContext) => Promise<void> = async () => {}) {
  return runUnderClaim(runtime, "renewal-1", "refresh", undefined, body, async () => {});
}

async function claimOf(over: Partial<Claim> = {}): Promise<Claim> {
  return { owner: await identifyThisProcess(), clientId: "another", takenAt: NOW, ...over };
}

const failsWith = (code: string) => expect.objectContaining({ code });

describe("a claim", () => {
  it("stands in the stored record while a step works, and is gone when it has succeeded", async () => {
    const { client, stored } = await world();
    const runtime = client();
    const left = await run(runtime, async () => {
      expect((await stored()).claim).toEqual({
        owner: await identifyThisProcess(),
        clientId: runtime.atWork.get("renewal-1"),
        takenAt: NOW,
      });
    });
    expect((await stored()).claim).toBeUndefined();
    expect(left).toEqual(await stored());
  });

  it("is gone when the step has failed, and what it had set is kept", async () => {
    const { client, stored } = await world();
    const failure = new Error("of the step");
    const attempt = run(client(), async (context) => {
      context.set((record) => ({ ...record, order: sampleOrder() }));
      throw failure;
    });
    await expect(attempt).rejects.toBe(failure);
    expect(await stored()).toMatchObject({ order: sampleOrder() });
    expect((await stored()).claim).toBeUndefined();
  });

  it("is given back where what was set cannot be stored", async () => {
    const { client, stored } = await world();
    const attempt = run(client(), async (context) => {
      await context.save((record) => ({ ...record, dueAt: new Date(Number.NaN) }));
    });
    await expect(attempt).rejects.toThrow();
    expect((await stored()).claim).toBeUndefined();
  });

  it("is given back where the transport cannot be told", async () => {
    const { client, stored } = await world();
    const transport = () => {
      throw new Error("there is none for this certificate");
    };
    await expect(run(client({ transport }))).rejects.toThrow("there is none");
    expect((await stored()).claim).toBeUndefined();
  });

  it("grows the fence each time", async () => {
    const { client, stored } = await world();
    for (const fence of [1, 2, 3]) {
      await run(client());
      expect((await stored()).fence).toBe(fence);
    }
  });

  it("is not taken for a step whose signal was aborted before", async () => {
    const { client, stored } = await world();
    const signal = AbortSignal.abort();
    const attempt = runUnderClaim(
      client(),
      "renewal-1",
      "refresh",
      signal,
      async () => {},
      async () => {},
    );
    await expect(attempt).rejects.toEqual(failsWith("ERR_ABORTED"));
    expect((await stored()).fence).toBe(0);
  });
});

describe("a renewal that another works on", () => {
  it("is refused while the owner is alive and its claim is fresh", async () => {
    await using child = await startChild();
    const claim = await claimOf({ owner: child.identity });
    const { client, clock, stored } = await world(sampleRecord({ claim }));
    clock.advance(LEASE_MS - 1);
    await expect(run(client())).rejects.toMatchObject({
      code: "ERR_RECORD_CLAIMED",
      details: { id: "renewal-1", pid: child.identity.pid, machine: child.identity.machine },
    });
    expect((await stored()).claim).toEqual(claim);
  });

  it("is refused to another step of the same client", async () => {
    const { client, stored } = await world();
    const runtime = client();
    await run(runtime, async () => {
      const { claim } = await stored();
      await expect(run(runtime)).rejects.toEqual(failsWith("ERR_RECORD_CLAIMED"));
      expect((await stored()).claim).toEqual(claim);
    });
    await run(runtime);
  });

  it("is refused to another client of the same process", async () => {
    const { client } = await world();
    await run(client(), async () => {
      await expect(run(client())).rejects.toEqual(failsWith("ERR_RECORD_CLAIMED"));
    });
  });

  it("goes to one of two that come at the same time", async () => {
    const { client } = await world();
    let working = 0;
    const body = async () => {
      working += 1;
      expect(working).toBe(1);
      await Promise.resolve();
      working -= 1;
    };
    const results = await Promise.allSettled([run(client(), body), run(client(), body)]);
    expect(results).toContainEqual(
      expect.objectContaining({ reason: failsWith("ERR_RECORD_CLAIMED") }),
    );
    expect(results).toContainEqual(expect.objectContaining({ status: "fulfilled" }));
  });

  it("is refused while an owner on another machine may be alive, and taken when its lease is over", async () => {
    const owner = { ...(await deadProcess()), machine: "another" };
    const { client, clock } = await world(sampleRecord({ claim: await claimOf({ owner }) }));
    await expect(run(client())).rejects.toEqual(failsWith("ERR_RECORD_CLAIMED"));
    clock.advance(LEASE_MS);
    await run(client());
  });
});

describe("a take-over", () => {
  it("from a dead owner ends its host, and only then claims", async () => {
    const owner = await deadProcess();
    const claim = await claimOf({ owner, host: HOST });
    const { client, stored } = await world(sampleRecord({ claim, fence: 7 }));
    const seen: unknown[] = [];
    const driver = {
      ...fakeDriver(),
      endHost: async (host: unknown) => {
        seen.push(host, (await stored()).claim, (await stored()).fence);
      },
    };
    await run(client({ driver }), async (context) => {
      expect(context.record.fence).toBe(8);
      expect(context.record.claim?.host).toBeUndefined();
    });
    expect(seen).toEqual([HOST, claim, 7]);
  });

  it("does not happen where the host cannot be ended: it may still write", async () => {
    const claim = await claimOf({ owner: await deadProcess(), host: HOST });
    const { client, stored } = await world(sampleRecord({ claim }));
    const driver = {
      ...fakeDriver(),
      endHost: async () => {
        throw new RenewalError("ERR_MODULE_HUNG");
      },
    };
    await expect(run(client({ driver }))).rejects.toEqual(failsWith("ERR_MODULE_HUNG"));
    expect((await stored()).claim).toEqual(claim);
  });

  it("from an owner without a host needs no driver", async () => {
    const claim = await claimOf({ owner: await deadProcess() });
    const { client } = await world(sampleRecord({ claim }));
    const driver = fakeDriver();
    await run(client({ driver }));
    expect(driver.ended).toEqual([]);
  });

  it("from a living owner needs its lease to be over", async () => {
    const { client, clock } = await world(sampleRecord({ claim: await claimOf({ host: HOST }) }));
    clock.advance(LEASE_MS);
    const driver = fakeDriver();
    await run(client({ driver }));
    expect(driver.ended).toEqual([HOST]);
  });

  it("makes the frozen owner fail at its next save, and leaves the new claim alone", async () => {
    const { client, clock, stored } = await world();
    const taker = client();
    const frozen = run(client(), async (context) => {
      clock.advance(LEASE_MS);
      let claimed: Claim | undefined;
      await run(taker, async (now) => {
        claimed = now.record.claim;
        // It wakes up in the middle of the other's step.
        await expect(context.save((record) => ({ ...record, dueAt: NOW }))).rejects.toEqual(
          failsWith("ERR_RECORD_CLAIMED"),
        );
        expect((await stored()).claim).toEqual(claimed);
      });
      await context.save((record) => record);
    });
    await expect(frozen).rejects.toEqual(failsWith("ERR_RECORD_CLAIMED"));
    expect(await stored()).toMatchObject({ fence: 2 });
    expect((await stored()).dueAt).toBeUndefined();
  });
});

describe("a store that fails", () => {
  /** Saves of the record fail while `broken` says so. */
  function breakable(store: Store) {
    const state = { broken: false };
    const wrapped: Store = {
      ...store,
      async save(key, document, expectedRevision) {
        if (state.broken && key === storeKeys.renewal("renewal-1")) {
          throw new RenewalError("ERR_STORE_FAILURE");
        }
        return store.save(key, document, expectedRevision);
      },
    };
    return { state, wrapped };
  }

  it("at the release does not hide why the step failed", async () => {
    const { client, store } = await world();
    const { state, wrapped } = breakable(store);
    const failure = new Error("of the step");
    const attempt = run(client({ store: wrapped }), async () => {
      state.broken = true;
      throw failure;
    });
    await expect(attempt).rejects.toBe(failure);
  });

  it.each([
    ["the client", (runtime: Runtime) => runtime],
    ["another client of the process", (_: Runtime, another: Runtime) => another],
  ])("at the release does not lock out %s when it is mended", async (_, next) => {
    const { client, store, stored } = await world();
    const { state, wrapped } = breakable(store);
    const runtime = client({ store: wrapped });
    const attempt = run(runtime, async () => {
      state.broken = true;
    });
    await expect(attempt).rejects.toEqual(failsWith("ERR_STORE_FAILURE"));
    expect((await stored()).claim?.owner).toEqual(await identifyThisProcess());
    state.broken = false;
    await run(next(runtime, client()));
    expect((await stored()).claim).toBeUndefined();
  });

  it("at the claim is a clear error, and no step was begun", async () => {
    const { client, store } = await world();
    const { state, wrapped } = breakable(store);
    state.broken = true;
    const attempt = run(client({ store: wrapped }), async () => expect.unreachable());
    await expect(attempt).rejects.toEqual(failsWith("ERR_STORE_FAILURE"));
  });
});

describe("a step's context", () => {
  it("refuses a record that the transition table has no way to, and stores nothing of it", async () => {
    const { client, stored } = await world(RECORDS["awaiting-review"]);
    const attempt = run(client(), async (context) => {
      await context.save((record) => ({
        ...record,
        application: { ...record.application, status: "draft" },
      }));
    });
    await expect(attempt).rejects.toEqual(failsWith("ERR_TRANSITION"));
    expect((await stored()).application.status).toBe("received");
  });

  it("tells of what was saved, before and after, and stamps the time", async () => {
    const { client, clock } = await world(RECORDS["awaiting-review"]);
    const told: unknown[] = [];
    clock.advance(5);
    await runUnderClaim(
      client(),
      "renewal-1",
      "refresh",
      undefined,
      async (context) => {
        await context.save((record) => ({
          ...record,
          application: { ...record.application, status: "returned" },
        }));
        told.push("saved");
      },
      async (before, after) => {
        told.push([before.application.status, after.application.status, after.updatedAt]);
      },
    );
    expect(told).toEqual([
      ["received", "returned", later(5)],
      "saved",
      ["returned", "returned", later(5)],
    ]);
  });

  it("gives the transport what it needs to speak of the application again", async () => {
    const { client } = await world(
      sampleRecord({
        application: { status: "received", remote: { number: "1" } },
        secrets: { followSecret: "secret" },
      }),
    );
    await run(client(), async (context) => {
      expect(context.reference()).toEqual({
        renewalId: "renewal-1",
        followSecret: "secret",
        certificateSha256: context.record.offer.offer.certificateSha256,
        offer: { id: "offer-1", origin: "https://ra.example" },
        remote: { number: "1" },
      });
    });
  });

  it("tells what is being done, under the name of the step", async () => {
    const { client } = await world();
    const runtime = client();
    const heard: unknown[] = [];
    runtime.emitter.on("activity", (event) => heard.push(event));
    await run(runtime, async (context) => context.activity("signing"));
    expect(heard).toEqual([{ id: "renewal-1", step: "refresh", activity: "signing" }]);
  });
});
