import { join } from "node:path";
import {
  type Activity,
  createRenewalClient,
  type Renewal,
  type RenewalClient,
  RenewalError,
  type RenewOptions,
} from "certrenew";
import { softHsmDriver } from "certrenew/drivers/softhsm";
import { fileStore } from "certrenew/store/file";
import { httpTransport } from "certrenew/transport/http";
import { afterEach, describe, expect, test } from "vitest";
import { PIN } from "../support/softhsm.js";
import { createWorld, type World } from "./world.js";

/** A Key that is pulled out in the middle of a step, and plugged in again: on SoftHSM its objects go away and come back. */
const worlds: World[] = [];
const clients: RenewalClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const world of worlds.splice(0)) await world[Symbol.asyncDispose]();
});

async function openWorld(): Promise<{ world: World; client: RenewalClient }> {
  const world = await createWorld();
  worlds.push(world);
  const { hsm, sandbox } = world;
  const client = createRenewalClient({
    driver: softHsmDriver({ conf: hsm.conf }),
    transport: httpTransport({ baseUrl: sandbox.baseUrl }),
    store: fileStore({ directory: join(hsm.folder, "renewals") }),
    trustAnchors: sandbox.trustAnchors,
    pin: () => PIN,
    wait: { minimumMs: 50 },
  });
  clients.push(client);
  return { world, client };
}

const DECISIONS: RenewOptions = {
  choose: ({ offer, guards }) => ({
    accept: offer.agreement,
    years: 1,
    acknowledge: guards.map(({ id }) => id),
    form: {
      agent: "张三",
      mobile: "13800138000",
      email: "zhangsan@example.com",
      organisation: "示例科技有限公司",
      unifiedSocialCreditCode: "91440101MA5EXAMP0X",
    },
  }),
  pay: ({ payment }) => ({
    recipient: { name: "张三", mobile: "13800138000", address: "示例市示例路 1 号" },
    remittances: [
      {
        payerAccount: "6222000000000000",
        payerName: "示例科技有限公司",
        amount: payment?.uncovered ?? { amount: 0, currency: "CNY" },
        paidOn: "2026-11-20",
      },
    ],
  }),
  acknowledge: ({ guards }) => guards.map(({ id }) => id),
};

describe("the Key is pulled out", () => {
  const moments: readonly (readonly [string, Activity])[] = [
    ["submit", "asking-pin"],
    ["submit", "generating-key-pair"],
    ["submit", "signing"],
    ["install", "asking-pin"],
    ["install", "writing"],
    ["install", "proving"],
    ["install", "signing"],
  ];

  test.each(moments)(
    "in %s while %s: a typed error, and it goes on once the Key is back",
    async (step, activity) => {
      const { world, client } = await openWorld();
      let isPulled = false;
      client.on("activity", (now) => {
        if (isPulled || now.step !== step || now.activity !== activity) return;
        isPulled = true;
        world.hsm.removeTokens();
      });
      const [credential] = await client.credentials();
      if (!credential) throw new Error("there is no credential on the token");

      const error = await client.renew(credential, DECISIONS).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      // What had been read before may be enough for the step; then nothing was to be said.
      const renewal = await (error === undefined ? underWay(client) : handleOf(error));
      world.hsm.insertTokens();
      const done = await client.renew({ id: renewal.id }, { ...DECISIONS, retryPin: true });

      expect(isPulled).toBe(true);
      expect(done.state).toBe("completed");
      expect(await world.sandbox.admin.applications()).toHaveLength(1);
      expect(world.objects()).toEqual({ certificates: 2, privateKeys: 2, publicKeys: 2 });
    },
  );
});

async function underWay(client: RenewalClient): Promise<Renewal> {
  const [renewal] = (await client.renewals()).renewals;
  if (!renewal) throw new Error("there is no renewal");
  return renewal;
}

function handleOf(error: unknown): Renewal {
  if (!(error instanceof RenewalError)) throw error;
  expect(["ERR_TOKEN_REMOVED", "ERR_TOKEN_NOT_PRESENT"]).toContain(error.code);
  expect(error.explain("zh-CN").next).not.toBe("");
  if (!error.renewal) throw error;
  return error.renewal;
}
