import { describe, expect, test } from "vitest";
import { acceptOffer, createWorld, theCredential, transferOf } from "./world.js";

describe("the whole way, step by step", () => {
  test("re-keys and ends with a longer validity, the old pair still in place", async () => {
    const world = await createWorld();
    const { client } = world.program();
    const states: string[] = [];
    const stages: string[] = [];
    client.on("state", ({ state }) => states.push(state));
    client.on("stage", ({ stage }) => stages.push(stage));

    const draft = await client.start(await theCredential(client));
    const submitted = await draft.submit(acceptOffer(draft));
    if (submitted.state !== "awaiting-payment") throw new Error(submitted.state);
    const { payment } = submitted;
    const paid = await submitted.payByBankTransfer(transferOf(payment?.total.amount ?? 0));
    const ready = paid.state === "awaiting-review" ? await paid.wait() : paid;
    if (ready.state !== "ready-to-install") throw new Error(ready.state);
    const done = await ready.install({ acknowledge: ready.guards.map(({ id }) => id) });

    expect(done.state).toBe("completed");
    expect(done.report.renewed.notAfter.getTime()).toBeGreaterThan(
      done.report.previous.notAfter.getTime(),
    );
    expect(world.token.certificates).toHaveLength(2);
    expect(world.token.keys).toHaveLength(2);
    expect(states).toEqual([
      "draft",
      "submitting",
      "awaiting-payment",
      ...states.slice(3, -4),
      "ready-to-install",
      "installing",
      "confirming",
      "completed",
    ]);
    expect(stages[0]).toBe("application");
    expect(stages.at(-1)).toBe("completed");
    // PIN: once to apply, once to install; presented again only to open the fresh host of the proof.
    expect(world.asked).toBe(2);
    expect(world.token.pinPresentations).toEqual(["right", "right", "right"]);
  });
});
