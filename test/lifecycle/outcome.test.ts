import type { Transport } from "certrenew";
import { describe, expect, test } from "vitest";
import { CLERKS, reach } from "./stations.js";
import { acceptOffer, createWorld, failureOf, inState, sendings, type World } from "./world.js";

const HOUR_MS = 3_600_000;

/** A submission that failed on its way to the RA, or on the way back. */
async function lostSubmission(when: "before" | "after", changes: Partial<Transport> = {}) {
  const world = await createWorld({ ra: CLERKS });
  const program = world.program({ transport: { ...world.ra, ...changes } });
  const draft = await reach("draft", world, program);
  world.ra.fault({ type: "unreachable", method: "send", when });
  const { renewal } = await failureOf(draft.submit(acceptOffer(draft)));
  return { world, program, submitting: inState(renewal, "submitting") };
}

function assertOnce(world: World): void {
  expect(world.ra.desk.applications).toHaveLength(1);
  expect(world.token.keys).toHaveLength(2);
}

describe("an application whose outcome is not known", () => {
  test("the RA does not have it: the same bytes are sent, without a PIN", async () => {
    const { world, submitting } = await lostSubmission("before");

    expect((await submitting.continue()).state).toBe("awaiting-payment");

    expect(sendings(world, "application")).toBe(2);
    expect(world.asked).toBe(1);
    assertOnce(world);
  });

  test("the RA has it: it is asked, and nothing is sent", async () => {
    const { world, submitting } = await lostSubmission("after");

    expect((await submitting.continue()).state).toBe("awaiting-payment");

    expect(sendings(world, "application")).toBe(1);
    assertOnce(world);
  });

  test.each([
    ["returned it", "return", "action-required"],
    ["refused it", "refuse", "closed"],
  ] as const)("the RA has %s since", async (_, verdict, state) => {
    const { world, submitting } = await lostSubmission("after");
    world.ra.desk[verdict](submitting.id, [{ text: "资料不全" }]);

    const next = await submitting.continue();

    expect(next).toMatchObject({ state, reasons: [{ text: "资料不全" }] });
  });

  test("it expired before it could be sent: back to the draft, with the same key pair", async () => {
    const { world, submitting } = await lostSubmission("before");
    world.clock.advance(2 * HOUR_MS);

    const draft = inState(await submitting.continue(), "draft");
    const submitted = await draft.submit(acceptOffer(draft));

    expect(submitted.state).toBe("awaiting-payment");
    expect(world.asked).toBe(2);
    assertOnce(world);
  });

  test("the RA is away for longer: it stays as it is", async () => {
    const { world, submitting } = await lostSubmission("after");
    world.ra.fault({ type: "unreachable", method: "recover" });

    const error = await failureOf(submitting.continue());

    expect(error).toMatchObject({
      code: "ERR_RA_UNREACHABLE",
      renewal: { state: "submitting" },
    });
    expect((await submitting.continue()).state).toBe("awaiting-payment");
    assertOnce(world);
  });

  test("the protocol cannot tell: it is repeated only on demand (ERR_OUTCOME_UNCLEAR)", async () => {
    const { world, submitting } = await lostSubmission("before", {
      recover: async () => ({ outcome: "unclear" }),
    });

    const error = await failureOf(submitting.continue());
    expect(error).toMatchObject({
      code: "ERR_OUTCOME_UNCLEAR",
      details: { purpose: "application" },
      impact: { retry: "after-action" },
      renewal: { state: "submitting" },
    });
    expect(sendings(world, "application")).toBe(1);

    expect((await submitting.continue({ repeat: true })).state).toBe("awaiting-payment");
    assertOnce(world);
  });
});

describe("a choice that is changed after a failure", () => {
  test("another key algorithm: what was made before is not left behind", async () => {
    const world = await createWorld();
    const program = world.program();
    const draft = await reach("draft", world, program);
    program.driver.fault({ type: "crash", method: "generateKeyPair", when: "after" });
    await failureOf(draft.submit(acceptOffer(draft)));
    expect(world.token.keys).toHaveLength(2);

    await draft.submit({ ...acceptOffer(draft), keyAlgorithm: "ec-p384" });

    expect(world.token.keys.map(({ algorithm }) => algorithm)).toEqual(["ec-p256", "ec-p384"]);
  });

  test("to the old key pair and back: still one new key pair", async () => {
    const world = await createWorld();
    const program = world.program();
    const draft = await reach("draft", world, program);
    for (const keyMode of ["re-key", "renew"] as const) {
      program.driver.fault({ type: "crash", method: "sign" });
      await failureOf(draft.submit({ ...acceptOffer(draft), keyMode }));
    }

    await draft.submit({ ...acceptOffer(draft), keyMode: "re-key" });

    assertOnce(world);
  });
});
