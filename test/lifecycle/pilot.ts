import { createRenewalClient, type Renewal, type RenewalClient, type State } from "certrenew";
import { type MockToken, mockDriver } from "certrenew/drivers/mock";
import { type Life, mortal } from "./mortal.js";
import { acknowledgeAll } from "./stations.js";
import { acceptOffer, PIN, theCredential, transferOf, type World } from "./world.js";

type Handle<S extends State> = Extract<Renewal, { state: S }>;

/** What a program does in each state where the usual does not do. */
export type Pilot = {
  readonly [S in Exclude<State, "completed" | "closed">]?: (
    renewal: Handle<S>,
    world: World,
  ) => Promise<Renewal>;
};

/** Of an attempt whose end nobody saw, the holder says that it may be made again. */
export const RETRY = { retryPin: true } as const;

const USUAL: Required<Pilot> = {
  draft: (draft) => draft.submit({ ...acceptOffer(draft), ...RETRY }),
  submitting: (renewal) => renewal.continue(RETRY),
  "awaiting-payment": (renewal) =>
    renewal.payByBankTransfer(transferOf(renewal.payment?.uncovered.amount ?? 0)),
  "awaiting-review": (renewal) => renewal.refresh(),
  "action-required": (renewal) => renewal.refresh(),
  "ready-to-install": (renewal) => renewal.install({ ...acknowledgeAll(renewal), ...RETRY }),
  installing: (renewal) => renewal.continue(RETRY),
  confirming: (renewal) => renewal.continue(RETRY),
};

/** From wherever the renewal in the store stands, or from the start, to a state, or to its end. */
export async function fly(
  client: RenewalClient,
  world: World,
  { pilot = {}, until }: { pilot?: Pilot | undefined; until?: State | undefined } = {},
): Promise<Renewal> {
  const { renewals } = await client.renewals();
  let renewal: Renewal = renewals[0] ?? (await client.start(await theCredential(client)));
  for (let steps = 0; steps < 40; steps += 1) {
    if (renewal.state === until) return renewal;
    if (renewal.state === "completed" || renewal.state === "closed") return renewal;
    const act = pilot[renewal.state] ?? USUAL[renewal.state];
    renewal = await (act as (from: Renewal, at: World) => Promise<Renewal>)(renewal, world);
  }
  throw new Error(`does not come to an end: ${renewal.state}`);
}

/**
 * The same in a program whose ports die once their nth call has taken effect. To die before the next one is made is the same
 * for all that outlives it.
 */
export async function flyAndDie(
  world: World,
  nth: number,
  {
    tokens = [world.token],
    ...course
  }: {
    pilot: Pilot;
    until?: State | undefined;
    tokens?: readonly MockToken[] | undefined;
  },
): Promise<Life> {
  const driver = mockDriver({ tokens, clock: world.clock });
  const { life, ports } = mortal({ driver, store: world.store, transport: world.ra }, nth, "after");
  const client = createRenewalClient({
    ...ports,
    trustAnchors: world.ra.trustAnchors,
    clock: world.clock,
    pin: () => PIN,
  });
  await fly(client, world, course).catch((error: unknown) => {
    if (!life.died) throw error;
  });
  return life;
}
