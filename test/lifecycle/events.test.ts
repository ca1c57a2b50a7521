import type { ClientEvents, RenewalClient } from "certrenew";
import { describe, expect, test } from "vitest";
import { acknowledgeAll, CLERKS, reach } from "./stations.js";
import { acceptOffer, createWorld, failureOf, inState, PIN, theCredential } from "./world.js";

const EVENTS = ["state", "stage", "activity", "waiting"] as const;

/** What a line of progress would have shown, in order. */
function listen(client: RenewalClient): string[] {
  const told: string[] = [];
  client.on("state", ({ state, previous }) => told.push(`state ${previous ?? "–"} → ${state}`));
  client.on("stage", ({ stage, previous }) => told.push(`stage ${previous ?? "–"} → ${stage}`));
  client.on("activity", ({ step, activity }) => told.push(`${step}: ${activity}`));
  return told;
}

describe("events", () => {
  test("tell the whole way in order", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const told = listen(program.client);

    await reach("completed", world, program);

    expect(told).toEqual([
      "state – → draft",
      "stage – → application",
      "submit: checking-token",
      "state draft → submitting",
      "submit: asking-pin",
      "submit: unlocking",
      "submit: generating-key-pair",
      "submit: signing",
      "submit: signing",
      "submit: sending",
      "state submitting → awaiting-payment",
      "stage application → payment",
      "payByBankTransfer: sending",
      "state awaiting-payment → awaiting-review",
      "stage payment → review",
      "state awaiting-review → ready-to-install",
      "stage review → installation",
      "install: collecting",
      "install: verifying",
      "install: asking-pin",
      "install: unlocking",
      "state ready-to-install → installing",
      "install: writing",
      "install: unlocking",
      "install: proving",
      // The proof, the continuity statement by the old key and by the new one, the confirmation.
      "install: signing",
      "install: signing",
      "install: signing",
      "install: signing",
      "state installing → confirming",
      "install: confirming",
      "install: sending",
      "state confirming → completed",
      "stage installation → completed",
    ]);
  });

  test("tell of a way back, and of the end", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const draft = await reach("draft", world, program);
    world.pins = ["000000", PIN];
    const told = listen(program.client);

    await failureOf(draft.submit(acceptOffer(draft)));
    await draft.discard();

    expect(told.filter((line) => line.startsWith("st"))).toEqual([
      "state draft → submitting",
      "state submitting → draft",
      "state draft → closed",
    ]);
  });

  test("are told after it was stored, with a handle to use", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const states: Promise<readonly [string, string]>[] = [];
    program.client.on("state", ({ renewal, state }) => {
      const stored = world.program().client.resume(renewal.id);
      states.push(stored.then((found) => [state, found.state] as const));
    });
    let ready: ClientEvents["stage"]["renewal"] | undefined;
    program.client.on("stage", ({ renewal, stage }) => {
      if (stage === "installation") ready = renewal;
    });
    await reach("ready-to-install", world, program);

    for (const [told, stored] of await Promise.all(states)) expect(stored).toBe(told);
    const handle = inState(ready, "ready-to-install");
    expect((await handle.install(acknowledgeAll(handle))).state).toBe("completed");
  });

  test("are one client's own, until it listens no more", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const elsewhere = listen(world.program().client);
    const states: string[] = [];
    const listener = ({ state }: ClientEvents["state"]) => states.push(state);
    const stopOne = program.client.on("state", listener);
    const stopOther = program.client.on("state", listener);
    const draft = await reach("draft", world, program);
    stopOne();
    stopOne();
    await draft.submit(acceptOffer(draft));
    stopOther();
    await inState(await program.client.resume(draft.id), "awaiting-payment").cancel();

    expect(states).toEqual(["draft", "draft", "submitting", "awaiting-payment"]);
    expect(elsewhere).toEqual([]);
  });
});

describe("a listener that throws", () => {
  test("changes nothing, neither for the way nor for the others, and is told of", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const before = listen(program.client);
    for (const event of EVENTS) {
      program.client.on(event, () => {
        throw new Error(`listening to ${event}`);
      });
    }
    const after = listen(program.client);
    const failed: ClientEvents["listener-error"][] = [];
    program.client.on("listener-error", (failure) => {
      failed.push(failure);
      throw new Error("listening to failures");
    });

    const done = await reach("completed", world, program);

    expect(done.state).toBe("completed");
    expect(after).toEqual(before);
    expect(failed).toHaveLength(before.length);
    expect(failed[0]).toEqual({ event: "state", error: new Error("listening to state") });
  });
});

describe("watchTokens", () => {
  test("tells of tokens plugged in and pulled out", async () => {
    const world = await createWorld();
    const { client, driver } = world.program();
    const told: string[] = [];
    const stop = client.watchTokens(({ type, token }) => told.push(`${token.label} ${type}`));

    driver.remove(world.token);
    expect(await client.credentials()).toEqual([]);
    driver.insert(world.token);
    expect((await theCredential(client)).token.label).toBe("Sample key");
    stop();
    driver.remove(world.token);

    expect(told).toEqual(["Sample key removed", "Sample key inserted"]);
  });
});
