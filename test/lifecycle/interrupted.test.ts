import {
  createRenewalClient,
  type KeyMode,
  type RenewalClient,
  type RenewOptions,
} from "certrenew";
import { mockDriver } from "certrenew/drivers/mock";
import { describe, expect, test } from "vitest";
import { type Moment, mortal } from "./mortal.js";
import {
  acceptOffer,
  addEncryptionCertificate,
  createWorld,
  PIN,
  theCredential,
  transferOf,
  type World,
} from "./world.js";

/** Promises 1 and 2 of the design: at whatever call a program dies, another one goes on, and nothing happens twice. */
describe.each<{ keyMode: KeyMode; keys: number; pairs: number }>([
  { keyMode: "re-key", keys: 2, pairs: 1 },
  { keyMode: "renew", keys: 1, pairs: 1 },
  { keyMode: "re-key", keys: 4, pairs: 2 },
  { keyMode: "renew", keys: 2, pairs: 2 },
])("a program that dies at any call ($keyMode, pairs: $pairs)", ({ keyMode, keys, pairs }) => {
  test.each<Moment>(["before", "after"])(
    "%s it is made: another one goes on",
    async (moment) => {
      let deaths = 0;
      for (let nth = 1; ; nth += 1) {
        const world = await createWorld();
        if (pairs === 2) await addEncryptionCertificate(world, { algorithm: "ec-p256" });
        const life = await liveUntil(world, nth, moment, keyMode);
        if (!life.died) break;
        deaths += 1;
        const told = `died ${moment} call ${nth}, ${life.calls.at(-1)}`;
        assertOldPairUsable(world, told);
        await goOn(world, keyMode, told);

        expect(world.ra.desk.applications, told).toHaveLength(1);
        expect(world.ra.desk.applications[0]?.confirmed, told).toBe(true);
        expect(world.token.certificates, told).toHaveLength(2 * pairs);
        expect(world.token.keys, told).toHaveLength(keys);
        expect(world.token.pinPresentations, told).not.toContain("wrong");
        assertOldPairUsable(world, told);
      }
      // As many as the clean run has calls: the loop ended because the program outlived them all.
      expect(deaths).toBeGreaterThan(60);
    },
    120_000,
  );
});

/** Runs the whole way in a program whose ports die at the nth call. */
async function liveUntil(world: World, nth: number, moment: Moment, keyMode: KeyMode) {
  const { life, ports } = mortal(
    {
      driver: mockDriver({ tokens: [world.token], clock: world.clock }),
      store: world.store,
      transport: world.ra,
    },
    nth,
    moment,
  );
  const client = createRenewalClient({
    ...ports,
    trustAnchors: world.ra.trustAnchors,
    clock: world.clock,
    pin: () => PIN,
  });
  const run = theCredential(client).then((credential) =>
    client.renew(credential, decisions(keyMode)),
  );
  await run.catch((error: unknown) => {
    if (!life.died) throw error;
  });
  return life;
}

/** Another process: it shares nothing with the dead one but token, store and RA. */
async function goOn(world: World, keyMode: KeyMode, told: string): Promise<void> {
  // The dead program had our own pid, so its claim looks alive: it is taken over as a stuck one.
  const { client } = world.program({ claimLeaseMs: 0 });
  const credential = await previousCredential(client);
  const renewal = await client.renew(credential, { ...decisions(keyMode), retryPin: true });
  expect(renewal.state, told).toBe("completed");
}

/** The certificate that ends first is the old one, whether the new one stands beside it already or not. */
async function previousCredential(client: RenewalClient) {
  const { renewals } = await client.renewals();
  const [renewal] = renewals;
  return renewal ? { id: renewal.id } : theCredential(client);
}

function decisions(keyMode: KeyMode): RenewOptions {
  return {
    choose: (draft) => ({ ...acceptOffer(draft), keyMode }),
    pay: ({ payment }) => transferOf(payment?.uncovered.amount ?? 0),
    acknowledge: ({ guards }) => guards.map(({ id }) => id),
  };
}

function assertOldPairUsable({ token }: World, told: string): void {
  const [certificate] = token.certificates;
  const key = certificate && token.findKey({ keyId: certificate.keyId });
  expect(key, told).toBeDefined();
}
