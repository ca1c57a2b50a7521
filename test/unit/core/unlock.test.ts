import { describe, expect, it } from "vitest";
import { runUnderClaim, type StepContext } from "../../../src/core/context.js";
import { type ErrorCode, RenewalError } from "../../../src/core/errors.js";
import type { RenewalClientOptions } from "../../../src/core/options.js";
import type { Session, Token } from "../../../src/core/ports/driver.js";
import type { Store } from "../../../src/core/ports/store.js";
import { loadRecord, saveRecord, storeKeys } from "../../../src/core/record-store.js";
import type { PinCallback, PinRequest } from "../../../src/core/runtime.js";
import type { UnlockingStepOptions } from "../../../src/core/step-options.js";
import { tokenAccess } from "../../../src/core/unlock.js";
import { memoryStore } from "../../../src/store/memory.js";
import { testClock } from "../../support/clock.js";
import { type FakeDriverOptions, fakeDriver, HOST, testRuntime } from "./fakes.js";
import { identity, NOW, sampleRecord, sampleToken } from "./samples.js";

const PIN = "648219";
const failsWith = (code: string) => expect.objectContaining({ code });

/** A token, a holder who knows its PIN, and a store that remembers every document it was given. */
async function world(
  token: Partial<Token> = {},
  options: FakeDriverOptions & { readonly pin?: PinCallback | undefined } = {},
) {
  const memory = memoryStore();
  const written: { readonly key: string; readonly text: string }[] = [];
  const store: Store = {
    ...memory,
    async save(key, document, expectedRevision) {
      const revision = await memory.save(key, document, expectedRevision);
      written.push({ key, text: JSON.stringify(document) });
      return revision;
    },
  };
  await saveRecord(store, sampleRecord(), 0);
  const asked: PinRequest[] = [];
  const holder: PinCallback = (request) => {
    asked.push(request);
    return PIN;
  };
  const pin = "pin" in options ? options.pin : holder;
  const driver = fakeDriver({ tokens: [sampleToken(token)], ...options });
  const base: Partial<RenewalClientOptions> = { store, driver, pin, clock: testClock(NOW) };

  /** One step that unlocks as often as is said. */
  async function step(
    given: UnlockingStepOptions = {},
    {
      times = 1,
      over = {},
      signal,
      work = async () => undefined,
    }: {
      times?: number;
      over?: Partial<RenewalClientOptions>;
      signal?: AbortSignal;
      work?: (session: Session) => Promise<unknown>;
    } = {},
  ): Promise<void> {
    const runtime = testRuntime({ ...base, ...over });
    const body = async (context: StepContext) => {
      const access = tokenAccess(context, "install", given);
      for (let count = 0; count < times; count += 1) await access.use(work);
    };
    await runUnderClaim(runtime, "renewal-1", "refresh", signal, body, async () => {});
  }

  async function lastResult(): Promise<unknown> {
    const stored = await memory.load(storeKeys.token(identity));
    return stored && (stored.document["lastAttempt"] as { result: unknown }).result;
  }

  return { store, written, asked, driver, step, lastResult };
}

const refuses = (code: ErrorCode) => async () => {
  throw new RenewalError(code);
};

describe("a PIN", () => {
  it("is asked for with token, reason and state of the PIN", async () => {
    const { step, asked } = await world({ pinState: "low" });
    await step();
    expect(asked).toEqual([
      { token: identity, reason: "install", pinState: "low", signal: undefined },
    ]);
  });

  it("is asked for once per step, though several sessions are opened", async () => {
    const { step, asked, driver } = await world();
    await step({}, { times: 3 });
    expect(asked).toHaveLength(1);
    expect(driver.presented).toEqual([PIN, PIN, PIN]);
    expect(driver.closedSessions.count).toBe(3);
  });

  it("is not kept beyond the step", async () => {
    const { step, asked } = await world();
    await step();
    await step();
    expect(asked).toHaveLength(2);
  });

  it("stands in no stored document", async () => {
    const { step, written } = await world();
    await step({}, { times: 2 });
    expect(written.length).toBeGreaterThan(5);
    for (const { text } of written) expect(text).not.toContain(PIN);
  });

  it("is not asked for where it is typed at the reader, or none is needed", async () => {
    for (const token of [{ protectedAuthenticationPath: true }, { loginRequired: false }]) {
      const { step, asked, driver } = await world(token);
      await step();
      expect(asked).toEqual([]);
      expect(driver.presented).toEqual([undefined]);
    }
  });

  const refusals: readonly (readonly [string, PinCallback | undefined])[] = [
    ["there is no callback", undefined],
    ["the callback gives none", () => undefined],
    ["the callback gives an empty one", () => ""],
    [
      "the callback fails",
      () => {
        throw new Error("the window was closed");
      },
    ],
    ["the callback rejects", () => Promise.reject(new Error("the window was closed"))],
    ["the callback gives a number", (() => 648219) as unknown as PinCallback],
    ["the callback gives null", (() => null) as unknown as PinCallback],
  ];

  it.each(refusals)("is required, and nothing is presented: %s", async (_, pin) => {
    const { step, driver, lastResult } = await world({}, { pin });
    await expect(step()).rejects.toEqual(failsWith("ERR_PIN_REQUIRED"));
    expect(driver.presented).toEqual([]);
    expect(await lastResult()).toBeUndefined();
  });

  it("of another type is told as such, and not repeated", async () => {
    const pin = (() => 648219) as unknown as PinCallback;
    const { step } = await world({}, { pin });
    const refusal = await step().catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: "ERR_PIN_REQUIRED",
      details: { reason: "the pin callback gave a number, not a string" },
    });
    expect(JSON.stringify(refusal)).not.toContain(PIN);
  });

  it.each<[string, (request: PinRequest) => Promise<string>]>([
    ["heeds no signal", () => new Promise(() => {})],
    [
      "rejects with its signal",
      ({ signal }) =>
        new Promise((_, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
        }),
    ],
  ])("is waited for no longer than the step: the callback %s", async (_, wait) => {
    const controller = new AbortController();
    const pin: PinCallback = (request) => {
      queueMicrotask(() => controller.abort(new Error("the user pressed cancel")));
      return wait(request);
    };
    const { step, driver, store, lastResult } = await world({}, { pin });
    await expect(step({}, { signal: controller.signal })).rejects.toMatchObject({
      code: "ERR_ABORTED",
      cause: { message: "the user pressed cancel" },
    });
    expect(driver.presented).toEqual([]);
    expect(await lastResult()).toBeUndefined();
    expect((await loadRecord(store, "renewal-1")).record.claim).toBeUndefined();
  });
});

describe("an attempt", () => {
  it("is recorded, with the host, before the PIN crosses, and its result after", async () => {
    const seen: unknown[] = [];
    const { step, store, lastResult } = await world(
      {},
      {
        login: async () => {
          const { record } = await loadRecord(store, "renewal-1");
          seen.push(await lastResult(), record.claim?.host);
        },
      },
    );
    await step();
    expect(seen).toEqual(["unknown", HOST]);
    expect(await lastResult()).toBe("accepted");
    expect(await store.load(storeKeys.token(identity))).toMatchObject({
      document: { format: "certrenew/token", lastAttempt: { at: NOW.toISOString() } },
    });
  });

  it.each(["ERR_PIN_INCORRECT", "ERR_PIN_LOCKED"] as const)(
    "that the token refused is not repeated unless asked: %s",
    async (code) => {
      const { step, driver, lastResult, asked } = await world({}, { login: refuses(code) });
      await expect(step()).rejects.toEqual(failsWith(code));
      expect(await lastResult()).toBe("failed");
      await expect(step()).rejects.toEqual(failsWith("ERR_PIN_RETRY"));
      expect(asked).toHaveLength(1);
      expect(driver.presented).toHaveLength(1);
      await expect(step({ retryPin: true })).rejects.toEqual(failsWith(code));
      expect(driver.presented).toHaveLength(2);
    },
  );

  it("whose result is not known is not repeated unless asked", async () => {
    const outcomes = [refuses("ERR_MODULE_HUNG"), () => undefined];
    const { step, driver, lastResult } = await world(
      {},
      { login: (_, attempt) => outcomes[attempt - 1]?.() },
    );
    await expect(step()).rejects.toEqual(failsWith("ERR_MODULE_HUNG"));
    expect(await lastResult()).toBe("unknown");
    await expect(step()).rejects.toEqual(failsWith("ERR_PIN_RETRY"));
    expect(driver.presented).toHaveLength(1);
    await step({ retryPin: true });
    expect(await lastResult()).toBe("accepted");
    await step();
  });

  it("of a process that died with it counts as not known", async () => {
    const { step, store, driver } = await world();
    const lastAttempt = { at: NOW.toISOString(), result: "unknown" };
    const document = { format: "certrenew/token", version: 1, lastAttempt };
    await store.save(storeKeys.token(identity), document, 0);
    await expect(step()).rejects.toEqual(failsWith("ERR_PIN_RETRY"));
    expect(driver.presented).toEqual([]);
  });

  it("of which the document is damaged counts as not known", async () => {
    const { step, store, driver, lastResult } = await world();
    await store.save(storeKeys.token(identity), { lastAttempt: "yes" }, 0);
    await expect(step()).rejects.toEqual(failsWith("ERR_PIN_RETRY"));
    expect(driver.presented).toEqual([]);
    await step({ retryPin: true });
    expect(await lastResult()).toBe("accepted");
  });

  it("of which the document cannot be read at all counts as not known, and is replaced", async () => {
    const { step, store, driver, lastResult } = await world();
    const key = storeKeys.token(identity);
    const revision = await store.save(key, { lastAttempt: "lost" }, 0);
    let isDamaged = true;
    const damaged: Store = {
      ...store,
      async load(wanted) {
        if (wanted !== key || !isDamaged) return store.load(wanted);
        throw new RenewalError("ERR_RECORD_CORRUPT", { details: { revision } });
      },
      async save(wanted, document, expectedRevision) {
        const saved = await store.save(wanted, document, expectedRevision);
        if (wanted === key) isDamaged = false;
        return saved;
      },
    };
    const over = { store: damaged };
    await expect(step({}, { over })).rejects.toEqual(failsWith("ERR_PIN_RETRY"));
    expect(driver.presented).toEqual([]);
    await step({ retryPin: true }, { over });
    expect(await lastResult()).toBe("accepted");
    await step({}, { over });
  });

  it("of which the store cannot tell the document's revision is not made", async () => {
    const { step, store, driver } = await world();
    const damaged: Store = {
      ...store,
      async load(key) {
        if (key.startsWith("token-")) throw new RenewalError("ERR_RECORD_CORRUPT");
        return store.load(key);
      },
    };
    const attempt = step({ retryPin: true }, { over: { store: damaged } });
    await expect(attempt).rejects.toEqual(failsWith("ERR_RECORD_CORRUPT"));
    expect(driver.presented).toEqual([]);
  });

  it.each([
    "ERR_TOKEN_WRONG",
    "ERR_TOKEN_NOT_PRESENT",
    "ERR_TOKEN_REMOVED",
    "ERR_MODULE_MISSING",
    "ERR_ABORTED",
  ] as const)("that ended with %s counts as not known", async (code) => {
    const { step, driver, lastResult } = await world({}, { login: refuses(code) });
    await expect(step()).rejects.toEqual(failsWith(code));
    expect(await lastResult()).toBe("unknown");
    await expect(step()).rejects.toEqual(failsWith("ERR_PIN_RETRY"));
    expect(driver.presented).toHaveLength(1);
  });

  it.each(["ERR_MODULE_HUNG", "ERR_TOKEN_NOT_PRESENT", "ERR_TOKEN_WRONG"] as const)(
    "that ended before the host was there does not count: %s",
    async (code) => {
      const { step, lastResult } = await world({}, { unlock: refuses(code) });
      await expect(step()).rejects.toEqual(failsWith(code));
      await expect(step()).rejects.toEqual(failsWith(code));
      expect(await lastResult()).toBeUndefined();
    },
  );

  it.each(["ERR_PIN_INCORRECT", "ERR_PIN_LOCKED"] as const)(
    "for one signature that the token refused is not repeated unless asked: %s",
    async (code) => {
      const { step, driver, lastResult } = await world();
      await expect(step({}, { work: refuses(code) })).rejects.toEqual(failsWith(code));
      expect(await lastResult()).toBe("failed");
      await expect(step()).rejects.toEqual(failsWith("ERR_PIN_RETRY"));
      expect(driver.presented).toHaveLength(1);
      await step({ retryPin: true });
      expect(await lastResult()).toBe("accepted");
    },
  );

  it("stays accepted where the work failed of something else", async () => {
    const { step, lastResult } = await world();
    const attempt = step({}, { work: refuses("ERR_TOKEN_REMOVED") });
    await expect(attempt).rejects.toEqual(failsWith("ERR_TOKEN_REMOVED"));
    expect(await lastResult()).toBe("accepted");
  });

  it("that cannot be recorded is not made", async () => {
    const { step, driver, store } = await world();
    const readOnly: Store = {
      ...store,
      async save(key, document, expectedRevision) {
        if (key.startsWith("token-")) throw new RenewalError("ERR_STORE_FAILURE");
        return store.save(key, document, expectedRevision);
      },
    };
    const attempt = step({}, { over: { store: readOnly } });
    await expect(attempt).rejects.toEqual(failsWith("ERR_STORE_FAILURE"));
    expect(driver.presented).toEqual([]);
  });

  it("of another process at the same moment keeps this one from being made", async () => {
    const { step, driver, store } = await world(
      {},
      {
        pin: async () => {
          const lastAttempt = { at: NOW.toISOString(), result: "unknown" };
          const document = { format: "certrenew/token", version: 1, lastAttempt };
          await store.save(storeKeys.token(identity), document, 0);
          return PIN;
        },
      },
    );
    await expect(step()).rejects.toEqual(failsWith("ERR_STORE_CONFLICT"));
    expect(driver.presented).toEqual([]);
  });

  it("of which the result cannot be recorded ends the session and stays unknown", async () => {
    const { step, driver, store, lastResult } = await world();
    const failing: Store = {
      ...store,
      async save(key, document, expectedRevision) {
        if (JSON.stringify(document).includes("accepted")) {
          throw new RenewalError("ERR_STORE_FAILURE");
        }
        return store.save(key, document, expectedRevision);
      },
    };
    const attempt = step({}, { over: { store: failing } });
    await expect(attempt).rejects.toEqual(failsWith("ERR_STORE_FAILURE"));
    expect(driver.closedSessions.count).toBe(1);
    expect(await lastResult()).toBe("unknown");
  });
});

describe("the last try before the token locks", () => {
  it.each([undefined, true] as const)("is not used up with retryPin: %s", async (retryPin) => {
    const { step, driver, asked } = await world({ pinState: "final" });
    await expect(step({ retryPin })).rejects.toEqual(failsWith("ERR_PIN_FINAL_TRY"));
    expect(driver.presented).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('is used with retryPin: "final", also after a failure', async () => {
    const { step, driver } = await world(
      { pinState: "final" },
      { login: refuses("ERR_PIN_INCORRECT") },
    );
    await expect(step({ retryPin: "final" })).rejects.toEqual(failsWith("ERR_PIN_INCORRECT"));
    await expect(step({ retryPin: "final" })).rejects.toEqual(failsWith("ERR_PIN_INCORRECT"));
    expect(driver.presented).toHaveLength(2);
  });
});

describe("a locked PIN", () => {
  it.each([undefined, true, "final"] as const)(
    "is never presented, with retryPin: %s",
    async (retryPin) => {
      const { step, driver, asked } = await world({ pinState: "locked" });
      await expect(step({ retryPin })).rejects.toEqual(failsWith("ERR_PIN_LOCKED"));
      expect(driver.presented).toEqual([]);
      expect(asked).toEqual([]);
    },
  );

  it("is not presented either where it was locked while the step worked", async () => {
    const tokens = [sampleToken()];
    const { step, driver } = await world(
      {},
      {
        tokens,
        login: () => {
          tokens[0] = sampleToken({ pinState: "locked" });
        },
      },
    );
    await expect(step({}, { times: 2 })).rejects.toEqual(failsWith("ERR_PIN_LOCKED"));
    expect(driver.presented).toHaveLength(1);
  });
});

describe("a PIN that failed", () => {
  it("is not presented again in the same step, even if it had worked before", async () => {
    const { driver, store } = await world();
    const failing = fakeDriver({
      login: (_, attempt) => {
        if (attempt === 2) throw new RenewalError("ERR_PIN_INCORRECT");
      },
    });
    const runtime = testRuntime({ store, driver: failing, pin: () => PIN });
    await runUnderClaim(
      runtime,
      "renewal-1",
      "refresh",
      undefined,
      async (context) => {
        const access = tokenAccess(context, "install", {});
        const nothing = async () => undefined;
        await access.use(nothing);
        await expect(access.use(nothing)).rejects.toEqual(failsWith("ERR_PIN_INCORRECT"));
        await expect(access.use(nothing)).rejects.toEqual(failsWith("ERR_PIN_RETRY"));
      },
      async () => {},
    );
    expect(failing.presented).toHaveLength(2);
    expect(driver.presented).toEqual([]);
  });

  it("on a token is remembered for that token only", async () => {
    const { step, store } = await world({}, { login: refuses("ERR_PIN_INCORRECT") });
    await expect(step()).rejects.toEqual(failsWith("ERR_PIN_INCORRECT"));
    const other = { ...identity, serialNumber: "0002" };
    expect(await store.load(storeKeys.token(other))).toBeUndefined();
  });
});

describe("the token", () => {
  it("is found wherever it is plugged in", async () => {
    const { step, driver } = await world({ slot: "7" });
    await step();
    expect(driver.presented).toEqual([PIN]);
  });

  it("that is not there is told from another that is there instead", async () => {
    const absent = await world({}, { tokens: [] });
    await expect(absent.step()).rejects.toMatchObject({
      code: "ERR_TOKEN_NOT_PRESENT",
      details: { token: "Sample", serialNumber: "0001" },
    });
    const other = await world({ serialNumber: "0002", label: "Other" });
    await expect(other.step()).rejects.toMatchObject({
      code: "ERR_TOKEN_WRONG",
      details: { token: "Sample", found: "Other", foundSerialNumber: "0002" },
    });
    expect(other.driver.presented).toEqual([]);
    expect(await other.lastResult()).toBeUndefined();
  });

  it.each(["serialNumber", "label", "model", "manufacturer"] as const)(
    "with another %s is another token",
    async (field) => {
      const { step } = await world({ [field]: "another" });
      await expect(step()).rejects.toEqual(failsWith("ERR_TOKEN_WRONG"));
    },
  );
});

describe("a session", () => {
  it("is ended when its work fails", async () => {
    const { store } = await world();
    const driver = fakeDriver();
    const runtime = testRuntime({ store, driver, pin: () => PIN });
    const failure = new Error("of the work");
    const attempt = runUnderClaim(
      runtime,
      "renewal-1",
      "refresh",
      undefined,
      (context) =>
        tokenAccess(context, "install", {}).use(async () => {
          throw failure;
        }),
      async () => {},
    );
    await expect(attempt).rejects.toBe(failure);
    expect(driver.closedSessions.count).toBe(1);
  });
});
