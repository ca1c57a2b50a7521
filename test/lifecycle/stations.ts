import type { Draft, Renewal, State } from "certrenew";
import {
  acceptOffer,
  failureOf,
  inState,
  type Program,
  theCredential,
  transferOf,
  type World,
} from "./world.js";

/** For a world in which nothing happens at the RA before somebody does it at `ra.desk`. */
export const CLERKS = { bank: "manual", review: "manual" } as const;

type Handle<S extends State> = Extract<Renewal, { state: S }>;
type Station = (world: World, program: Program) => Promise<Renewal>;

/**
 * A renewal in any state, brought there by its holder, by the clerks of the RA, and by what goes wrong on the way. The world
 * has to be one of {@link CLERKS}.
 */
export async function reach<S extends State>(
  state: S,
  world: World,
  program: Program = world.program(),
): Promise<Handle<S>> {
  return inState(await STATIONS[state](world, program), state);
}

const STATIONS: Record<State, Station> = {
  draft: async (_, { client }) => client.start(await theCredential(client)),
  submitting: async (world, program) => {
    world.ra.fault({ type: "unreachable", method: "send", when: "after" });
    const draft = await reach("draft", world, program);
    return renewalOf(draft.submit(acceptOffer(draft)));
  },
  "awaiting-payment": async (world, program) => {
    const draft: Draft = await reach("draft", world, program);
    return draft.submit(acceptOffer(draft));
  },
  "awaiting-review": async (world, program) => {
    const unpaid = await reach("awaiting-payment", world, program);
    return unpaid.payByBankTransfer(transferOf(unpaid.payment?.total.amount ?? 0));
  },
  "action-required": async (world, program) => {
    const reviewed = await reach("awaiting-review", world, program);
    world.ra.desk.book(reviewed.id);
    world.ra.desk.return(reviewed.id, [{ pointer: "/mobile", text: "手机号码有误" }]);
    return reviewed.refresh();
  },
  "ready-to-install": async (world, program) => {
    const reviewed = await reach("awaiting-review", world, program);
    world.ra.desk.book(reviewed.id);
    world.ra.desk.approve(reviewed.id);
    return reviewed.refresh();
  },
  installing: async (world, program) => {
    const ready = await reach("ready-to-install", world, program);
    program.driver.fault({ type: "crash", method: "importCertificate" });
    return renewalOf(ready.install(acknowledgeAll(ready)));
  },
  confirming: async (world, program) => {
    const ready = await reach("ready-to-install", world, program);
    world.ra.fault({ type: "unreachable", method: "send", purpose: "confirmation" });
    return renewalOf(ready.install(acknowledgeAll(ready)));
  },
  completed: async (world, program) => {
    const ready = await reach("ready-to-install", world, program);
    return ready.install(acknowledgeAll(ready));
  },
  closed: async (world, program) => {
    const reviewed = await reach("awaiting-review", world, program);
    world.ra.desk.book(reviewed.id);
    return reviewed.cancel();
  },
};

export const STATES = Object.keys(STATIONS) as State[];

export function acknowledgeAll({ guards }: Pick<Renewal, "guards">): { acknowledge: string[] } {
  return { acknowledge: guards.map(({ id }) => id) };
}

/** The handle to go on with after a step that was made to fail. */
async function renewalOf(step: Promise<unknown>): Promise<Renewal> {
  const { renewal } = await failureOf(step);
  if (!renewal) throw new Error("the failure has no renewal");
  return renewal;
}
