import type { Renewal, State, StepName } from "certrenew";
import { describe, expect, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { acknowledgeAll, CLERKS, reach, STATES } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  failureOf,
  inState,
  PIN,
  sendings,
  theCredential,
  transferOf,
  type World,
} from "./world.js";

/** Of every state: the steps that are legal there, and the one that is taken. */
const STEPS: Record<State, readonly [taken: StepName, ...others: StepName[]]> = {
  draft: ["submit", "refresh", "discard"],
  submitting: ["continue"],
  "awaiting-payment": ["payByBankTransfer", "payOnline", "refresh", "wait", "cancel"],
  "awaiting-review": ["cancel", "refresh", "wait"],
  "action-required": ["cancel", "refresh", "payByBankTransfer", "payOnline", "amend", "attach"],
  "ready-to-install": ["install", "cancel", "requestReissue"],
  installing: ["continue", "requestReissue"],
  confirming: ["continue"],
  completed: ["retirePrevious", "refresh", "rebind"],
  closed: ["refresh"],
};

/** Calls a step by its name, as a program without types could. */
function take(renewal: Renewal, step: StepName): Promise<Renewal> {
  const steps = renewal as unknown as Record<StepName, (options: object) => Promise<Renewal>>;
  const options = {
    ...(renewal.state === "draft" ? acceptOffer(renewal) : acknowledgeAll(renewal)),
    ...transferOf(10_000),
    remove: ["certificate"],
  };
  return steps[step](options);
}

const stepsOf = (renewal: Renewal): string[] =>
  Object.entries(renewal)
    .filter(([name, value]) => typeof value === "function" && name !== "toJSON")
    .map(([name]) => name);

/** What an outsider could notice. */
const traces = ({ ra, asked, token }: World) => ({
  calls: ra.calls.length,
  asked,
  presented: token.pinPresentations.length,
});

describe.each(STATES)("%s", (state) => {
  test("has the steps that are legal there, and no other", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach(state, world);

    expect(stepsOf(renewal).sort()).toEqual([...STEPS[state]].sort());
    expect(JSON.stringify(renewal)).not.toContain("followSecret");
  });

  test("a spent handle does nothing, and gives the one of the state now", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach(state, world);
    const next = await take(renewal, STEPS[state][0]);
    const before = traces(world);

    for (const step of STEPS[state]) {
      const error = await failureOf(take(renewal, step));
      expect(error).toMatchObject({
        code: "ERR_HANDLE_SPENT",
        details: { id: renewal.id, state, step },
        renewal: { id: renewal.id, state: next.state },
      });
    }
    expect(traces(world)).toEqual(before);
  });

  test("another program resumes it, and makes the first one's handle an old one", async () => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach(state, world);
    const { client } = world.program();

    const resumed = inState(await client.resume(renewal.id), state);
    expect(resumed.toJSON()).toEqual(renewal.toJSON());
    const next = await take(resumed, STEPS[state][0]);

    const late = await Promise.allSettled([take(renewal, STEPS[state][0])]);
    const wanted =
      next.state === state
        ? { status: "fulfilled" }
        : { reason: { code: "ERR_HANDLE_SPENT", renewal: { state: next.state } } };
    expect(late[0]).toMatchObject(wanted);
  });
});

describe("at the same time", () => {
  const ONE_OF_TWO = [
    ["draft", "submit", "application"],
    ["awaiting-payment", "payByBankTransfer", "bank-transfer"],
    ["awaiting-review", "cancel", "cancellation"],
    ["ready-to-install", "install", "confirmation"],
  ] as const;

  test.each(ONE_OF_TWO)("one handle, %s, twice %s: one %s", async (state, step, purpose) => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach(state, world);

    const results = await Promise.allSettled([take(renewal, step), take(renewal, step)]);

    assertOneWon(results);
    expect(sendings(world, purpose)).toBe(1);
  });

  test.each(ONE_OF_TWO)("two programs, %s, each %s: one %s", async (state, step, purpose) => {
    const world = await createWorld({ ra: CLERKS });
    const renewal = await reach(state, world);
    const other = await world.program().client.resume(renewal.id);

    const results = await Promise.allSettled([take(renewal, step), take(other, step)]);

    assertOneWon(results);
    expect(sendings(world, purpose)).toBe(1);
    expect(world.token.keys.length).toBeLessThanOrEqual(2);
  });

  test("a program that is stuck is taken over, and can do no more harm when it wakes up", async () => {
    const world = await createWorld();
    const asking = deferred<void>();
    const answer = deferred<string>();
    const stuck = world.program({
      pin: () => {
        asking.resolve();
        return answer.promise;
      },
    });
    const draft = await reach("draft", world, stuck);
    const submission = failureOf(draft.submit(acceptOffer(draft)));
    await asking.promise;
    const other = inState(await world.program().client.resume(draft.id), "submitting");

    expect((await failureOf(other.continue())).code).toBe("ERR_RECORD_CLAIMED");
    world.clock.advance(31 * 60_000);
    expect((await other.continue()).state).toBe("awaiting-payment");
    answer.resolve(PIN);

    expect(await submission).toMatchObject({
      code: "ERR_RECORD_CLAIMED",
      renewal: { state: "awaiting-payment" },
    });
    expect(sendings(world, "application")).toBe(1);
    expect(world.token.keys).toHaveLength(2);
    expect(world.token.pinPresentations).toHaveLength(1);
  });

  function assertOneWon(results: PromiseSettledResult<Renewal>[]): void {
    const lost = results.filter(({ status }) => status === "rejected");
    expect(lost).toHaveLength(1);
    expect(lost[0]).toMatchObject({
      reason: { code: expect.stringMatching(/^ERR_(RECORD_CLAIMED|HANDLE_SPENT)$/) },
    });
  }
});

describe("start", () => {
  test("a second one hands over the renewal that is under way, in whatever state", async () => {
    for (const state of ["draft", "awaiting-payment", "ready-to-install"] as const) {
      const world = await createWorld({ ra: CLERKS });
      const { client } = world.program();
      const credential = await theCredential(client);
      const renewal = await reach(state, world);

      const error = await failureOf(client.start(credential));
      const [listed] = await client.credentials();

      expect(error).toMatchObject({
        code: "ERR_RENEWAL_IN_PROGRESS",
        details: { id: renewal.id },
        renewal: { id: renewal.id, state },
      });
      expect(listed).toMatchObject({
        renewalId: renewal.id,
        eligibility: { renewable: false, reasons: ["renewal-in-progress"] },
      });
    }
  });

  test("two at the same time make one draft", async () => {
    const world = await createWorld();
    const [one, other] = [world.program().client, world.program().client];
    const credential = await theCredential(one);

    const results = await Promise.allSettled([one.start(credential), other.start(credential)]);

    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "ERR_RENEWAL_IN_PROGRESS" },
    });
    expect((await one.renewals()).renewals).toHaveLength(1);
  });

  test("one that failed leaves the certificate free", async () => {
    const world = await createWorld();
    const { client } = world.program();
    const credential = await theCredential(client);
    world.ra.fault({ type: "unreachable", method: "offer" });

    expect((await failureOf(client.start(credential))).code).toBe("ERR_RA_UNREACHABLE");
    expect((await client.start(credential)).state).toBe("draft");
  });

  test("what an earlier renewal ended with is no hindrance", async () => {
    const world = await createWorld({ ra: CLERKS });
    const closed = await reach("closed", world);

    const draft = await reach("draft", world);

    expect(draft.id).not.toBe(closed.id);
    const { renewals } = await world.program().client.renewals();
    expect(renewals.map(({ state }) => state)).toEqual(["closed", "draft"]);
  });
});
