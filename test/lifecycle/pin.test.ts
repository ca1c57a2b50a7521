import { inspect } from "node:util";
import type { PinRequest, Store } from "certrenew";
import { memoryStore } from "certrenew/store/memory";
import { describe, expect, test } from "vitest";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  failureOf,
  inState,
  oldPairWorks,
  PIN,
  sendings,
  transferOf,
} from "./world.js";

const WRONG = "000000";

describe("a wrong PIN", () => {
  test("at submit: back to the draft, nothing sent; trying again is the holder's decision", async () => {
    const world = await createWorld();
    const draft = await reach("draft", world);
    world.pins = [WRONG, PIN];

    const wrong = await failureOf(draft.submit(acceptOffer(draft)));
    const again = inState(wrong.renewal, "draft");
    const unasked = await failureOf(again.submit(acceptOffer(again)));

    expect(wrong).toMatchObject({ code: "ERR_PIN_INCORRECT", details: { pinState: "low" } });
    expect(unasked.code).toBe("ERR_PIN_RETRY");
    expect(world.asked).toBe(1);
    expect(world.token.pinPresentations).toEqual(["wrong"]);
    expect(world.token.keys).toHaveLength(1);
    expect(sendings(world, "application")).toBe(0);

    const submitted = await again.submit({ ...acceptOffer(again), retryPin: true });
    expect(submitted.state).toBe("awaiting-payment");
    expect(world.token.pinPresentations).toEqual(["wrong", "right"]);
  });

  test("is remembered for the token: by another program, and for another step", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach("ready-to-install", world);
    world.pins = [WRONG, PIN];
    await failureOf(renewal.install(acknowledgeAll(renewal)));

    const other = inState(await world.program().client.resume(renewal.id), "ready-to-install");

    expect((await failureOf(other.cancel())).code).toBe("ERR_PIN_RETRY");
    const done = await other.install({ ...acknowledgeAll(other), retryPin: true });
    expect(done.state).toBe("completed");
    // A right one wipes the slate.
    await done.retirePrevious({ remove: ["certificate"] });
  });

  test("before the last try it stops, unless told expressly", async () => {
    const world = await createWorld();
    const draft = await reach("draft", world);
    world.pins = [WRONG, WRONG, PIN];

    await failureOf(draft.submit(acceptOffer(draft)));
    await failureOf(draft.submit({ ...acceptOffer(draft), retryPin: true }));
    const final = await failureOf(draft.submit({ ...acceptOffer(draft), retryPin: true }));

    expect(final).toMatchObject({ code: "ERR_PIN_FINAL_TRY", renewal: { state: "draft" } });
    expect(world.asked).toBe(2);
    const submitted = await draft.submit({ ...acceptOffer(draft), retryPin: "final" });
    expect(submitted.state).toBe("awaiting-payment");
  });

  test("locks the token in the end: the renewal waits until its issuer unlocks it", async () => {
    const world = await createWorld({ token: { pinTries: 1 } });
    const draft = await reach("draft", world);
    world.pins = [WRONG, PIN];

    const last = await failureOf(draft.submit(acceptOffer(draft)));
    const locked = await failureOf(draft.submit({ ...acceptOffer(draft), retryPin: "final" }));

    expect(last).toMatchObject({ code: "ERR_PIN_INCORRECT", details: { pinState: "locked" } });
    expect(locked).toMatchObject({ code: "ERR_PIN_LOCKED", impact: { key: "blocked" } });
    expect(world.token.pinPresentations).toEqual(["wrong"]);
    const [credential] = await world.program().client.credentials();
    expect(credential?.eligibility.reasons).toContain("pin-locked");

    world.token.setWrongTries(0);
    const submitted = await draft.submit({ ...acceptOffer(draft), retryPin: true });
    expect(submitted.state).toBe("awaiting-payment");
    expect(oldPairWorks(world)).toBe(true);
  });

  test("given elsewhere: the holder is told, and on the last try it stops at once", async () => {
    const world = await createWorld();
    const draft = await reach("draft", world);
    world.token.setWrongTries(2);

    expect((await failureOf(draft.submit(acceptOffer(draft)))).code).toBe("ERR_PIN_FINAL_TRY");
    expect(world.asked).toBe(0);
  });
});

describe("a PIN whose result is not known", () => {
  test("is not presented again unasked", async () => {
    const world = await createWorld();
    const program = world.program();
    const draft = await reach("draft", world, program);
    program.driver.fault({ type: "crash", method: "unlock", when: "after" });

    const crashed = await failureOf(draft.submit(acceptOffer(draft)));
    const unasked = await failureOf(draft.submit(acceptOffer(draft)));

    expect(crashed.code).toBe("ERR_MODULE_CRASHED");
    expect(unasked).toMatchObject({ code: "ERR_PIN_RETRY", details: { lastResult: "unknown" } });
    expect(world.token.pinPresentations).toHaveLength(1);
    const submitted = await draft.submit({ ...acceptOffer(draft), retryPin: true });
    expect(submitted.state).toBe("awaiting-payment");
  });

  test("is another matter than one that was never presented", async () => {
    const world = await createWorld();
    const program = world.program();
    const draft = await reach("draft", world, program);
    program.driver.fault({ type: "remove", method: "unlock" });

    const gone = await failureOf(draft.submit(acceptOffer(draft)));
    program.driver.insert(world.token);

    expect(gone.code).toBe("ERR_TOKEN_NOT_PRESENT");
    expect((await draft.submit(acceptOffer(draft))).state).toBe("awaiting-payment");
  });
});

describe("the holder", () => {
  test("is asked once a step, told why and how the PIN stands", async () => {
    const world = await createWorld({ ra: CLERKS });
    const requests: PinRequest[] = [];
    const program = world.program({
      pin: (request) => {
        requests.push(request);
        return PIN;
      },
    });
    world.token.setWrongTries(1);
    const confirming = await reach("confirming", world, program);
    // The confirmation that was signed at once has expired since.
    world.clock.advance(8 * 24 * 3_600_000);
    const done = await confirming.continue();
    await done.retirePrevious({ remove: ["certificate"] });

    expect(requests.map(({ reason }) => reason)).toEqual([
      "submit",
      "install",
      "confirm",
      "retire",
    ]);
    expect(requests.map(({ pinState }) => pinState)).toEqual(["low", "ok", "ok", "ok"]);
    expect(requests[0]?.token).toEqual(world.token.identity);
    // The proof opens a second host within the installation.
    expect(world.token.pinPresentations).toEqual(Array(5).fill("right"));
  });

  test.each<[string, (() => string | undefined) | undefined]>([
    ["gives none", () => undefined],
    ["gives an empty one", () => ""],
    [
      "closes the window",
      () => {
        throw new Error("closed");
      },
    ],
    ["cannot be asked", undefined],
  ])("%s: ERR_PIN_REQUIRED, and nothing is presented", async (_, pin) => {
    const world = await createWorld();
    const draft = await reach("draft", world, world.program({ pin }));

    const error = await failureOf(draft.submit(acceptOffer(draft)));

    expect(error).toMatchObject({ code: "ERR_PIN_REQUIRED", renewal: { state: "draft" } });
    expect(world.token.pinPresentations).toEqual([]);
    const other = inState(await world.program().client.resume(draft.id), "draft");
    expect((await other.submit(acceptOffer(other))).state).toBe("awaiting-payment");
  });

  test.each([
    ["types the PIN at the reader", { protectedAuthenticationPath: true }],
    ["has a token without a PIN", { loginRequired: false }],
  ])("%s: is not asked", async (_, token) => {
    const world = await createWorld({ token, ra: CLERKS });
    const done = await reach("completed", world, world.program({ pin: undefined }));
    expect(done.state).toBe("completed");
  });
});

describe("the PIN", () => {
  const SECRET = "Q7#leave-no-trace";
  const MISTYPED = "Q7#leave-no-trail";

  test("stands in nothing that is stored, sent, told, thrown or printed", async () => {
    const seen: string[] = [];
    const world = await createWorld({
      ra: CLERKS,
      token: { pin: SECRET },
      store: overheard(memoryStore(), seen),
    });
    world.pins = [MISTYPED, SECRET];
    const { send } = world.ra;
    const { client } = world.program({
      transport: {
        ...world.ra,
        send: (exchange, reference, options) => {
          seen.push(inspect([exchange, reference], { depth: null, maxStringLength: null }));
          return send(exchange, reference, options);
        },
      },
    });
    for (const event of ["stage", "state", "activity", "waiting"] as const) {
      client.on(event, (payload) => seen.push(inspect(payload, { depth: 6 })));
      client.on(event, (payload) => seen.push(JSON.stringify(payload)));
    }
    const printed = [process.stdout, process.stderr].map((stream) => overhear(stream, seen));

    const [credential] = await client.credentials();
    if (!credential) throw new Error("no credential");
    const draft = await client.start(credential);
    const error = await failureOf(draft.submit(acceptOffer(draft)));
    seen.push(JSON.stringify(error), String(error.stack), inspect(error, { depth: 8 }));
    const unpaid = inState(
      await draft.submit({ ...acceptOffer(draft), retryPin: true }),
      "awaiting-payment",
    );
    const reviewed = inState(await unpaid.payByBankTransfer(transferOf(10_000)), "awaiting-review");
    world.ra.desk.book(reviewed.id);
    world.ra.desk.approve(reviewed.id);
    const ready = inState(await reviewed.refresh(), "ready-to-install");
    const done = await ready.install(acknowledgeAll(ready));
    seen.push(inspect(done, { depth: 8, showHidden: true }));
    for (const restore of printed) restore();

    expect(world.token.pinPresentations).toEqual(["wrong", "right", "right", "right"]);
    expect(seen.length).toBeGreaterThan(50);
    const all = seen.join("\n");
    for (const pin of [SECRET, MISTYPED]) {
      expect(all).not.toContain(pin);
      expect(all).not.toContain(Buffer.from(pin).toString("base64"));
      expect(all).not.toContain(Buffer.from(pin).toString("hex"));
    }
  });

  function overheard(store: Store, seen: string[]): Store {
    return {
      ...store,
      save: (key, document, revision) => {
        seen.push(key, JSON.stringify(document));
        return store.save(key, document, revision);
      },
    };
  }

  function overhear(stream: NodeJS.WriteStream, seen: string[]): () => void {
    const { write } = stream;
    stream.write = (chunk: Uint8Array | string) => seen.push(String(chunk)) > 0;
    return () => {
      stream.write = write;
    };
  }
});
