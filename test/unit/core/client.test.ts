import {
  createRenewalClient,
  type RenewalClient,
  type RenewalClientOptions,
  RenewalError,
} from "certrenew";
import { describe, expect, it, test } from "vitest";
import { systemClock } from "../../../src/core/clock.js";
import type { Credential } from "../../../src/core/credentials.js";
import type { State } from "../../../src/core/lifecycle.js";
import { parseCertificate, toPem } from "../../../src/core/pki/certificate.js";
import type { Driver } from "../../../src/core/ports/driver.js";
import type { Store } from "../../../src/core/ports/store.js";
import type { ProcessIdentity } from "../../../src/core/process-identity.js";
import { encodeRecord } from "../../../src/core/record-codec.js";
import { saveRecord, storeKeys } from "../../../src/core/record-store.js";
import { memoryStore } from "../../../src/store/memory.js";
import { testClock } from "../../support/clock.js";
import { deadProcess, startChild } from "./children.js";
import { fakeDriver, fakeTransport } from "./fakes.js";
import { identity, NOW, previous, RECORDS, root, sampleOffer, sampleRecord } from "./samples.js";
import { world } from "./world.js";

const SHA256 = parseCertificate(previous.certificate).sha256;

const NO_BUSINESS = {
  prepareBankTransfer: () => Promise.reject(new Error("not part of the test")),
  prepareCancellation: () => Promise.reject(new Error("not part of the test")),
};

/** The certificate is of the renewal "renewal-1". */
const claimed = (store: Store) =>
  store.save(
    storeKeys.certificate(SHA256),
    {
      format: "certrenew/certificate",
      version: 1,
      renewalId: "renewal-1",
      owner: { pid: 1, startedAt: "then", machine: "elsewhere" },
      clientId: "another",
      takenAt: NOW.toISOString(),
    },
    0,
  );

/** A store in which what is named in `damaged` cannot be read, until it is replaced or erased. */
function damageable(store: Store) {
  const damaged = new Set<string>();
  const wrapped: Store = {
    ...store,
    async load(key) {
      const stored = await store.load(key);
      if (!stored || !damaged.has(key)) return stored;
      const { revision } = stored;
      throw new RenewalError("ERR_RECORD_CORRUPT", { details: { revision } });
    },
    async save(key, document, expected) {
      const revision = await store.save(key, document, expected);
      damaged.delete(key);
      return revision;
    },
  };
  return { damaged, wrapped };
}

const failsWith = (code: string) => expect.objectContaining({ code });
const refused = (code: string, details: object = {}) =>
  expect.objectContaining({ code, details: expect.objectContaining(details) });

describe("createRenewalClient", () => {
  const { driver, transport, store, trustAnchors } = {
    driver: fakeDriver(),
    transport: fakeTransport(),
    store: memoryStore(),
    trustAnchors: root.certificate,
  };
  const pem = toPem(root.certificate, "CERTIFICATE");

  it.each([
    ["DER", trustAnchors],
    ["PEM", pem],
    ["PEM of several", pem + toPem(previous.certificate, "CERTIFICATE")],
    ["a list of both", [trustAnchors, pem]],
  ])("takes trust anchors as %s", (_, anchors) => {
    createRenewalClient({ driver, transport, store, trustAnchors: anchors });
  });

  it.each([
    ["nothing", undefined, ["/driver", "/transport", "/store", "/trustAnchors"]],
    ["no trust anchors", { driver, transport, store }, ["/trustAnchors"]],
    ["an empty list of them", { driver, transport, store, trustAnchors: [] }, ["/trustAnchors"]],
    [
      "something else in the list",
      { driver, transport, store, trustAnchors: [pem, "root.pem", Uint8Array.of(1)] },
      ["/trustAnchors/1", "/trustAnchors/2"],
    ],
  ])("refuses %s, naming all that is wrong", (_, options, pointers) => {
    expect(() => createRenewalClient(options as RenewalClientOptions)).toThrowError(
      expect.objectContaining({
        code: "ERR_ARGUMENT",
        problems: pointers.map((pointer) => expect.objectContaining({ pointer })),
      }),
    );
  });
});

describe("start", () => {
  it("stores a draft with the offer, and tells of it", async () => {
    const { client, credential } = await world();
    const told: unknown[] = [];
    client.on("state", ({ state, previous: before }) => told.push([state, before]));
    client.on("stage", ({ stage, previous: before }) => told.push([stage, before]));
    const draft = await client.start(await credential());
    expect(draft).toMatchObject({
      state: "draft",
      stage: "application",
      previous: { label: "old" },
    });
    expect(told).toEqual([
      ["draft", undefined],
      ["application", undefined],
    ]);
    expect((await client.resume(draft.id)).toJSON()).toEqual(draft.toJSON());
    expect((await credential()).renewalId).toBe(draft.id);
  });

  it("of a certificate whose renewal is under way hands over that renewal", async () => {
    const { client, credential } = await world();
    const listed = await credential();
    const draft = await client.start(listed);
    for (const again of [listed, await credential()]) {
      const attempt = client.start(again);
      await expect(attempt).rejects.toEqual(refused("ERR_RENEWAL_IN_PROGRESS", { id: draft.id }));
      await expect(attempt).rejects.toMatchObject({ renewal: { id: draft.id, state: "draft" } });
    }
  });

  it("twice at the same time begins one renewal", async () => {
    const { client, credential } = await world();
    const listed = await credential();
    const results = await Promise.allSettled([client.start(listed), client.start(listed)]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect((await client.renewals()).renewals).toHaveLength(1);
  });

  it("that failed leaves the certificate free", async () => {
    const { client, options, credential } = await world();
    const down = createRenewalClient({
      ...options,
      transport: () => {
        throw new RenewalError("ERR_RA_UNREACHABLE");
      },
    });
    await expect(down.start(await credential())).rejects.toEqual(failsWith("ERR_RA_UNREACHABLE"));
    expect((await client.start(await credential())).state).toBe("draft");
  });

  it("is refused by what is known of the certificate", async () => {
    const { client, credential } = await world();
    const listed = await credential();
    const { eligibility, signing } = listed;
    const not = (...reasons: Credential["eligibility"]["reasons"]) =>
      client.start({ ...listed, eligibility: { ...eligibility, reasons } });
    await expect(not("expired")).rejects.toEqual(failsWith("ERR_CERTIFICATE_EXPIRED"));
    await expect(not("pin-locked")).rejects.toEqual(refused("ERR_PIN_LOCKED", { token: "Sample" }));
    await expect(not("not-yet-valid", "no-private-key")).rejects.toEqual(
      refused("ERR_CERTIFICATE_INELIGIBLE", { reason: "not-yet-valid, no-private-key" }),
    );
    // It expired after it was listed.
    await expect(
      client.start({ ...listed, signing: { ...signing, notAfter: NOW } }),
    ).rejects.toEqual(failsWith("ERR_CERTIFICATE_EXPIRED"));
  });

  it("is refused to a certificate that is renewed already, until that is forgotten", async () => {
    const { client, store, credential } = await world({ ...RECORDS.completed, id: "renewal-1" });
    const unknown = await credential();
    await claimed(store);
    const known = await credential();
    expect(known).toMatchObject({
      renewalId: "renewal-1",
      eligibility: { renewable: false, reasons: ["already-renewed"] },
    });
    for (const listed of [known, unknown]) {
      await expect(client.start(listed)).rejects.toMatchObject({
        code: "ERR_CERTIFICATE_INELIGIBLE",
        details: { id: "renewal-1", reason: "already-renewed", reasons: ["already-renewed"] },
      });
    }
    await client.forget("renewal-1");
    expect((await client.start(known)).state).toBe("draft");
  });

  it("whose owner was frozen while it waited for the offer gives way to the one that came after", async () => {
    const { client, options, credential } = await world();
    const clock = testClock(NOW);
    const listed = await credential();
    const later = createRenewalClient({ ...options, clock });
    let draft: { readonly id: string } | undefined;
    const frozen = createRenewalClient({
      ...options,
      clock,
      transport: () => fakeTransport({ business: { ...NO_BUSINESS, offer: sleepAndOffer } }),
    });
    async function sleepAndOffer() {
      clock.advance(31 * 60_000);
      draft = await later.start(listed);
      return { offer: sampleOffer() };
    }
    await expect(frozen.start(listed)).rejects.toMatchObject({
      code: "ERR_RENEWAL_IN_PROGRESS",
      renewal: { state: "draft" },
    });
    const { renewals } = await client.renewals();
    expect(renewals.map(({ id }) => id)).toEqual([draft?.id]);
    expect((await credential()).renewalId).toBe(draft?.id);
  });

  it("that failed together with the store does not lock out other clients of the process", async () => {
    const { client, options, store, credential } = await world();
    const failing = createRenewalClient({
      ...options,
      transport: fakeTransport(),
      store: { ...store, remove: () => Promise.reject(new RenewalError("ERR_STORE_FAILURE")) },
    });
    await expect(failing.start(await credential())).rejects.toEqual(failsWith("ERR_UNSUPPORTED"));
    expect(await store.list("certificate-")).toHaveLength(1);
    expect((await client.start(await credential())).state).toBe("draft");
  });

  it("is refused with an offer that is for another certificate, or without one", async () => {
    const { options, credential } = await world();
    const foreign = fakeTransport({
      business: {
        ...NO_BUSINESS,
        offer: async () => ({ offer: sampleOffer({ certificateSha256: "0".repeat(64) }) }),
      },
    });
    const listed = await credential();
    for (const [transport, code] of [
      [foreign, "ERR_RA_RESPONSE"],
      [fakeTransport(), "ERR_UNSUPPORTED"],
    ] as const) {
      const client = createRenewalClient({ ...options, transport });
      await expect(client.start(listed)).rejects.toEqual(failsWith(code));
    }
  });
});

describe("the renewals of a store", () => {
  test("are handles of their states, the oldest first", async () => {
    const at = (id: string, state: Exclude<State, "closed" | "completed">, seconds: number) => ({
      ...RECORDS[state],
      id,
      createdAt: new Date(NOW.getTime() + seconds * 1000),
    });
    const { client } = await world(at("b", "awaiting-review", 2), at("a", "installing", 1));
    const { renewals, unreadable } = await client.renewals();
    expect(renewals.map(({ id, state }) => [id, state])).toEqual([
      ["a", "installing"],
      ["b", "awaiting-review"],
    ]);
    expect(unreadable).toEqual([]);
  });

  test("are not hidden by one that cannot be read, in whatever way it is damaged", async () => {
    const { client, store } = await world(RECORDS["awaiting-review"]);
    const document = encodeRecord(RECORDS["awaiting-review"]);
    const damaged = {
      syntax: { format: "certrenew/renewal" },
      certificate: {
        ...document,
        id: "certificate",
        previous: { der: "AAAA", keyId: "", label: "" },
      },
      report: { ...encodeRecord(RECORDS.completed), id: "report" },
      newer: { ...document, version: 9 },
    };
    for (const [id, text] of Object.entries(damaged))
      await store.save(storeKeys.renewal(id), text, 0);
    const { renewals, unreadable } = await client.renewals();
    expect(renewals.map(({ id }) => id)).toEqual(["renewal-1"]);
    expect(unreadable.map(({ id, error }) => [id, error.code]).sort()).toEqual([
      ["certificate", "ERR_RECORD_CORRUPT"],
      ["newer", "ERR_RECORD_VERSION"],
      ["report", "ERR_RECORD_CORRUPT"],
      ["syntax", "ERR_RECORD_CORRUPT"],
    ]);
    await expect(client.resume("certificate")).rejects.toEqual(failsWith("ERR_RECORD_CORRUPT"));
    await expect(client.resume("nobody")).rejects.toEqual(failsWith("ERR_RECORD_NOT_FOUND"));
  });
});

describe("progress (查询进度)", () => {
  it("of a certificate that nobody applied for is nothing", async () => {
    const { client, credential } = await world();
    expect(await client.progress(await credential())).toBeUndefined();
  });

  it("asks the RA, without the token", async () => {
    const { client, store, credential } = await world(RECORDS["awaiting-review"]);
    await claimed(store);
    expect(await client.progress(await credential())).toMatchObject({ state: "action-required" });
  });

  it("works for a certificate that has expired", async () => {
    const { options, store, credential } = await world(RECORDS["awaiting-review"]);
    await claimed(store);
    const listed = await credential();
    const client = createRenewalClient({ ...options, clock: testClock(new Date("2027-01-01Z")) });
    expect(await client.progress(listed)).toMatchObject({ state: "action-required" });
  });

  it("does not ask where asking would need the token, or is of no use", async () => {
    const { options, store, credential } = await world(RECORDS["awaiting-review"]);
    await claimed(store);
    const traits = {
      polling: "signed",
      collectStartsClock: false,
      duplicateSafety: "exact",
    } as const;
    const client = createRenewalClient({ ...options, transport: fakeTransport({ traits }) });
    expect(await client.progress(await credential())).toMatchObject({ state: "awaiting-review" });
    const ready = await world(RECORDS["ready-to-install"]);
    await claimed(ready.store);
    expect(await ready.client.progress(await ready.credential())).toMatchObject({
      state: "ready-to-install",
    });
  });

  it("of a renewal that was forgotten is nothing", async () => {
    const { client, store, credential } = await world(
      sampleRecord({ application: { status: "lapsed" } }),
    );
    await claimed(store);
    await client.forget("renewal-1");
    expect(await client.progress(await credential())).toBeUndefined();
    expect((await client.start(await credential())).state).toBe("draft");
  });
});

describe("forget", () => {
  it("frees the certificate, also of a record that cannot be read", async () => {
    const { client, store, credential } = await world();
    for (const damage of [false, true]) {
      const draft = await client.start(await credential());
      const key = storeKeys.renewal(draft.id);
      if (damage) await store.save(key, {}, (await store.load(key))?.revision ?? 0);
      await client.forget(draft.id, { evenIfOpen: true });
      expect(await store.list("")).toEqual([]);
    }
  });

  it.each([
    ["its record", [storeKeys.renewal("renewal-1")]],
    ["its certificate's claim", [storeKeys.certificate(SHA256)]],
    ["both", [storeKeys.renewal("renewal-1"), storeKeys.certificate(SHA256)]],
  ])("is the way out where the store cannot read %s any more", async (_, keys) => {
    const { options, store, credential } = await world(sampleRecord());
    const free = await credential();
    await claimed(store);
    const { damaged, wrapped } = damageable(store);
    for (const key of keys) damaged.add(key);
    const client = createRenewalClient({ ...options, store: wrapped });

    const [listed] = await client.credentials();
    expect(listed?.eligibility.reasons).toEqual(["renewal-in-progress"]);
    expect(listed?.renewalId).toBe(
      keys.length === 1 && keys[0] === storeKeys.renewal("renewal-1") ? "renewal-1" : undefined,
    );
    for (const attempt of [client.start(free), client.progress(free)]) {
      await expect(attempt).rejects.toEqual(failsWith("ERR_RECORD_CORRUPT"));
    }
    await client.forget("renewal-1", { evenIfOpen: true });
    expect(await store.list("")).toEqual([]);
    expect((await client.start(free)).state).toBe("draft");
  });

  it("does not free a certificate whose renewal may be another that cannot be read", async () => {
    const { options, store } = await world(sampleRecord({ application: { status: "lapsed" } }), {
      ...sampleRecord(),
      id: "renewal-2",
    });
    await claimed(store);
    const { damaged, wrapped } = damageable(store);
    damaged.add(storeKeys.certificate(SHA256)).add(storeKeys.renewal("renewal-2"));
    const client = createRenewalClient({ ...options, store: wrapped });
    await client.forget("renewal-1");
    expect([...(await store.list(""))].sort()).toEqual([
      storeKeys.certificate(SHA256),
      storeKeys.renewal("renewal-2"),
    ]);
  });

  it("waits for whoever works on it, dead owners excepted", async () => {
    await using child = await startChild();
    const claimOf = (owner: ProcessIdentity) => ({ owner, clientId: "another", takenAt: NOW });
    const { client, store } = await world(
      sampleRecord({ claim: claimOf(child.identity), application: { status: "lapsed" } }),
      { ...sampleRecord({ claim: claimOf(await deadProcess()) }), id: "renewal-2" },
    );
    for (const options of [{}, { evenIfOpen: true }]) {
      await expect(client.forget("renewal-1", options)).rejects.toEqual(
        refused("ERR_RECORD_CLAIMED", { id: "renewal-1", pid: child.identity.pid }),
      );
    }
    await client.forget("renewal-2", { evenIfOpen: true });
    expect(await store.list("renewal-")).toEqual([storeKeys.renewal("renewal-1")]);
  });

  it("loses against a step that begins at the same moment", async () => {
    const { client, options, store } = await world(sampleRecord());
    const racing = createRenewalClient({
      ...options,
      store: {
        ...store,
        async remove(key, expected) {
          await saveRecord(store, sampleRecord(), expected);
          return store.remove(key, expected);
        },
      },
    });
    await expect(racing.forget("renewal-1", { evenIfOpen: true })).rejects.toEqual(
      failsWith("ERR_RECORD_CLAIMED"),
    );
    expect((await client.resume("renewal-1")).state).toBe("draft");
  });

  it("leaves the certificates of others alone", async () => {
    const { client, store, credential } = await world(
      sampleRecord({ application: { status: "lapsed" } }),
    );
    const draft = await client.start(await credential());
    await client.forget("renewal-1");
    expect((await credential()).renewalId).toBe(draft.id);
    expect(await store.list("renewal-")).toHaveLength(1);
  });

  it("erases what is over, and only that", async () => {
    const { client, store } = await world(sampleRecord({ application: { status: "lapsed" } }));
    await client.forget("renewal-1");
    expect(await store.list("renewal-")).toEqual([]);
    await client.forget("renewal-1");
  });

  it("of what is not over needs to be said", async () => {
    const { client, store } = await world(RECORDS["awaiting-review"]);
    await expect(client.forget("renewal-1")).rejects.toEqual(
      refused("ERR_ARGUMENT", { state: "awaiting-review" }),
    );
    await client.forget("renewal-1", { evenIfOpen: true });
    expect(await store.list("renewal-")).toEqual([]);
  });
});

describe("the client", () => {
  it("hands the driver's news of tokens on, and closes it", async () => {
    const { options } = await world();
    const calls: unknown[] = [];
    const driver: Driver = {
      ...fakeDriver(),
      watch: (listener, given) => {
        listener({ type: "inserted", token: identity });
        calls.push(given);
        return () => calls.push("undone");
      },
      close: async () => void calls.push("closed"),
    };
    const signal = new AbortController().signal;
    {
      await using client = createRenewalClient({ ...options, driver });
      const undo = client.watchTokens((event) => calls.push(event), { signal });
      undo();
      await client.close();
    }
    const inserted = { type: "inserted", token: identity };
    expect(calls).toEqual([inserted, { signal }, "undone", "closed", "closed"]);
  });

  it("shows a renewal also while the platform cannot be asked for its guards", async () => {
    const { options } = await world(RECORDS["ready-to-install"]);
    const guards = () => Promise.reject(new Error("the platform is down"));
    const renewal = await createRenewalClient({ ...options, guards }).resume("renewal-1");
    expect(renewal).toMatchObject({ state: "ready-to-install", guards: [] });
    // The step asks again, and does not take silence for an answer.
    if (renewal.state === "ready-to-install") {
      await expect(renewal.install()).rejects.toEqual(failsWith("ERR_UNEXPECTED"));
    }
  });
});

describe("a call without types", () => {
  const NOTHING = [undefined, null, 1, "renewal-1", {}];
  const untyped = (client: object) =>
    client as Record<string, (...given: unknown[]) => Promise<unknown>>;

  it.each<[string, string, readonly unknown[], readonly unknown[]]>([
    ["start", "/credential", NOTHING, []],
    ["progress", "/credential", NOTHING, []],
    ["renew", "/credential", NOTHING, [{ choose: () => undefined }]],
    ["renew", "/id", [{ id: 1 }], [{ choose: () => undefined }]],
    ["renew", "/choose", [{ id: "renewal-1" }], []],
    ["renew", "/choose", [{ id: "renewal-1" }], [{ choose: "the first" }]],
    ["resume", "/id", [undefined, null, 1, {}], []],
    ["forget", "/id", [undefined, null, 1, {}], []],
  ])("of %s is told what is wrong at %s", async (name, pointer, firsts, rest) => {
    const { client } = await world(sampleRecord());
    for (const first of firsts) {
      await expect(untyped(client)[name]?.(first, ...rest)).rejects.toMatchObject({
        code: "ERR_ARGUMENT",
        problems: [{ pointer }],
      });
    }
  });

  it("of renew is told all that is wrong at once", async () => {
    const { client } = await world();
    await expect(untyped(client)["renew"]?.()).rejects.toMatchObject({
      problems: [{ pointer: "/credential" }, { pointer: "/choose" }],
    });
  });
});

describe("an adapter that throws an error of its own", () => {
  const failure = new TypeError("of the adapter");
  const fail = () => Promise.reject(failure);
  const broken: Partial<Record<string, Partial<RenewalClientOptions>>> = {
    driver: { driver: { ...fakeDriver(), certificates: fail, close: fail } },
    store: { store: { load: fail, save: fail, list: fail, remove: fail } },
    transport: {
      transport: () => {
        throw failure;
      },
    },
    offer: { transport: fakeTransport({ business: { ...NO_BUSINESS, offer: fail } }) },
  };
  const calls: Record<string, (client: RenewalClient, listed: Credential) => Promise<unknown>> = {
    credentials: (client) => client.credentials(),
    start: (client, listed) => client.start(listed),
    resume: (client) => client.resume("renewal-1"),
    renewals: (client) => client.renewals(),
    progress: (client, listed) => client.progress(listed),
    renew: (client) => client.renew({ id: "renewal-1" }, { choose: fail }),
    forget: (client) => client.forget("renewal-1"),
    close: (client) => client.close(),
  };

  it.each([
    ["driver", "credentials"],
    ["driver", "close"],
    ["store", "credentials"],
    ["store", "start"],
    ["store", "resume"],
    ["store", "renewals"],
    ["store", "progress"],
    ["store", "renew"],
    ["store", "forget"],
    ["transport", "start"],
    ["transport", "progress"],
    ["offer", "start"],
  ])("%s: %s fails with one of ours, and that as its cause", async (port, name) => {
    const { options, store, credential } = await world(RECORDS["awaiting-review"]);
    const listed = await credential();
    if (name === "progress") await claimed(store);
    const client = createRenewalClient({ ...options, ...broken[port] });
    const attempt = calls[name]?.(client, listed);
    await expect(attempt).rejects.toBeInstanceOf(RenewalError);
    await expect(attempt).rejects.toMatchObject({ code: "ERR_UNEXPECTED", cause: failure });
  });
});

describe("a signal that was aborted before", () => {
  it.each<[string, (client: RenewalClient, signal: AbortSignal) => Promise<unknown>]>([
    ["resume", (client, signal) => client.resume("renewal-1", { signal })],
    ["renewals", (client, signal) => client.renewals({ signal })],
    ["forget", (client, signal) => client.forget("renewal-1", { signal, evenIfOpen: true })],
  ])("stops %s", async (_, call) => {
    const { client } = await world(sampleRecord());
    const reason = new Error("enough");
    await expect(call(client, AbortSignal.abort(reason))).rejects.toMatchObject({
      code: "ERR_ABORTED",
      cause: reason,
    });
    expect((await client.resume("renewal-1")).state).toBe("draft");
  });
});

describe("the system's clock", () => {
  it("sleeps, and is woken by the signal", async () => {
    const before = Date.now();
    expect(systemClock.now().getTime()).toBeGreaterThanOrEqual(before);
    await systemClock.sleep(1);
    await systemClock.sleep(1, new AbortController().signal);
    const controller = new AbortController();
    const asleep = systemClock.sleep(2 ** 40, controller.signal);
    controller.abort();
    await expect(asleep).rejects.toEqual(failsWith("ERR_ABORTED"));
    await expect(systemClock.sleep(1, controller.signal)).rejects.toEqual(failsWith("ERR_ABORTED"));
  });
});
