import type { Attachment, Renewal, State } from "certrenew";
import { MockToken } from "certrenew/drivers/mock";
import { describe, expect, test } from "vitest";
import { pairWorks, validCertificates } from "./pairs.js";
import { fly, flyAndDie, type Pilot, RETRY } from "./pilot.js";
import { acknowledgeAll, CLERKS } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  failureOf,
  oldPairWorks,
  PIN,
  transferOf,
  type World,
  type WorldOptions,
} from "./world.js";

/** A way of the guide beside the straight one, and the part of it on which programs die. */
interface Way {
  readonly title: string;
  readonly ra?: WorldOptions["ra"];
  /** Up to where a program lives that has no part in it; and what it does otherwise than the one that dies. */
  readonly from: State;
  readonly before?: Pilot;
  /** What happens to the token then. */
  readonly lose?: (world: World) => void;
  readonly pilot: Pilot;
  /** After this state the way is the straight one, where `interrupted.test.ts` has programs die. */
  readonly until?: State;
  /** Another token takes the place of the first. */
  readonly replaced?: boolean;
  /** At how many calls a program dies, at the least: the way is not cut short. */
  readonly deaths: number;
  /** What an outsider finds at the end, where it is not the usual. */
  readonly finds?: Partial<Findings>;
}

interface Findings {
  readonly revision: number;
  readonly keys: number;
  readonly oldPairWorks: boolean;
  /** Keys that the renewal made, and that are recorded as not used. */
  readonly abandoned: number;
}

const USUAL: Findings = { revision: 1, keys: 2, oldPairWorks: true, abandoned: 0 };

const licence = (text: string): Attachment => ({
  purpose: "licence",
  mediaType: "application/pdf",
  content: new Uint8Array(Buffer.from(text)),
});
const LICENCE = { purpose: "licence", title: "营业执照", required: true, maxBytes: 100 };

const clerkReturnsFirst: Pilot = {
  async "awaiting-review"(renewal, { ra }) {
    const [application] = ra.desk.applications;
    if (application?.status === "received") {
      if (application.revision > 1) ra.desk.approve(renewal.id);
      else ra.desk.return(renewal.id, [{ text: "请补充材料" }]);
    }
    return renewal.refresh();
  },
};

const clerkApproves: Pilot = {
  async "awaiting-review"(renewal, { ra }) {
    if (ra.desk.applications[0]?.status === "received") ra.desk.approve(renewal.id);
    return renewal.refresh();
  },
};

/** A program that installs, and asks for a reissue where the error says that the key is lost. */
const asksForReissue: Pilot = {
  ...clerkApproves,
  "ready-to-install": (renewal) =>
    unlessLost(renewal, () => renewal.install({ ...acknowledgeAll(renewal), ...RETRY })),
  installing: (renewal) => unlessLost(renewal, () => renewal.continue(RETRY)),
};

async function unlessLost(
  renewal: Extract<Renewal, { state: "ready-to-install" | "installing" }>,
  install: () => Promise<Renewal>,
): Promise<Renewal> {
  let done: Renewal | undefined;
  const installed = install().then((next) => {
    done = next;
    throw new Error("installed");
  });
  const [{ reason }] = (await Promise.allSettled([installed])) as [PromiseRejectedResult];
  if (done) return done;
  // An earlier request got through, and a person looks at it.
  if (reason?.renewal?.state === "awaiting-review") return reason.renewal;
  if (reason?.code !== "ERR_KEY_NOT_FOUND") throw reason;
  return renewal.requestReissue({ reason: "key-lost", ...RETRY });
}

const loseKeys =
  (from: number) =>
  ({ token }: World): void => {
    for (const { keyId } of token.keys.slice(from)) token.destroy({ kind: "key-pair", keyId });
  };

const MANUAL = { ...CLERKS, bank: "automatic" } as const;

const WAYS: readonly Way[] = [
  {
    title: "documents with the application, and another one with its amendment",
    ra: { ...MANUAL, policy: { attachments: [{ ...LICENCE, mediaTypes: ["application/pdf"] }] } },
    from: "draft",
    pilot: {
      ...clerkReturnsFirst,
      draft: (draft) =>
        draft.submit({ ...acceptOffer(draft), ...RETRY, attachments: [licence("a licence")] }),
      "action-required": (renewal) =>
        renewal.amend({
          ...RETRY,
          form: { agent: "李四" },
          attachments: [licence("a better licence")],
        }),
    },
    until: "ready-to-install",
    deaths: 60,
    finds: { revision: 2 },
  },
  {
    title: "payment online, after the review",
    ra: { ...MANUAL, policy: { payment: "after-review" } },
    from: "awaiting-payment",
    before: clerkApproves,
    pilot: {
      async "awaiting-payment"(renewal, { ra }) {
        const method = { method: "alipay", recipient: transferOf(0).recipient };
        const opened = await renewal.payOnline(method);
        if (opened.state !== "awaiting-payment") return opened;
        await ra.admin.payOnline({ renewalId: renewal.id });
        return opened.refresh();
      },
    },
    until: "ready-to-install",
    deaths: 10,
  },
  {
    title: "the key pair made at installation",
    ra: { policy: { requestAt: "installation" } },
    from: "ready-to-install",
    pilot: {},
    deaths: 40,
  },
  {
    title: "the old certificate revoked at issuance, the new one not valid yet, of another CA",
    ra: {
      policy: {
        validFrom: "previous-not-after",
        issuedBy: "issuing-2",
        previous: "revoke-at-issuance",
      },
    },
    from: "ready-to-install",
    pilot: {},
    deaths: 30,
  },
  {
    title: "a reissue for a key that was lost before the installation",
    ra: MANUAL,
    from: "ready-to-install",
    before: clerkApproves,
    lose: loseKeys(1),
    pilot: asksForReissue,
    deaths: 50,
    finds: { abandoned: 1 },
  },
  {
    title: "a reissue for a key that was lost during the installation",
    ra: MANUAL,
    from: "installing",
    before: {
      ...clerkApproves,
      async "ready-to-install"(renewal, world) {
        const { client, driver } = world.program();
        driver.fault({ type: "crash", method: "importCertificate" });
        const again = await client.resume(renewal.id);
        if (again.state !== "ready-to-install") return again;
        const failure = await failureOf(again.install(acknowledgeAll(again)));
        return failure.renewal ?? again;
      },
    },
    lose: loseKeys(1),
    pilot: asksForReissue,
    deaths: 50,
    finds: { abandoned: 1 },
  },
  {
    title: "a reissue for a token that was wiped",
    ra: MANUAL,
    from: "ready-to-install",
    before: clerkApproves,
    lose: loseKeys(0),
    pilot: asksForReissue,
    deaths: 50,
    finds: { abandoned: 1, keys: 1, oldPairWorks: false },
  },
  {
    title: "a reissue for a token that was replaced",
    ra: MANUAL,
    from: "ready-to-install",
    before: clerkApproves,
    replaced: true,
    pilot: {
      ...clerkApproves,
      "ready-to-install": (renewal) =>
        renewal.token.serialNumber === SECOND.serialNumber
          ? renewal.install({ ...acknowledgeAll(renewal), ...RETRY })
          : renewal.requestReissue({ reason: "token-replaced", token: SECOND, ...RETRY }),
    },
    deaths: 40,
    finds: { abandoned: 1, keys: 1 },
  },
];

const SECOND = {
  serialNumber: "0002",
  label: "Second",
  model: "Mock",
  manufacturer: "certrenew",
};

/** Promises 1 and 2 of the design, on every way: at whatever call a program dies, another one goes on, and nothing happens twice. */
describe.each(WAYS)("$title", (way) => {
  test("a program dies at any call: another one goes on", async () => {
    let deaths = 0;
    for (let nth = 1; ; nth += 1) {
      const world = await createWorld({ ...(way.ra && { ra: way.ra }) });
      await fly(world.program().client, world, { pilot: way.before, until: way.from });
      way.lose?.(world);
      const token = way.replaced ? new MockToken({ pin: PIN, ...SECOND }) : world.token;
      const course = { pilot: way.pilot, until: way.until, tokens: [token] };
      const life = await flyAndDie(world, nth, course);
      if (!life.died) break;
      deaths += 1;
      const told = `died after call ${nth}, ${life.calls.at(-1)}`;
      // The dead program had our own pid, so its claim looks alive: it is taken over as a stuck one.
      const { client } = world.program({ claimLeaseMs: 0 }, { tokens: [token] });
      const renewal = await fly(client, world, { pilot: way.pilot });

      expect(renewal.state, told).toBe("completed");
      await expectFound(world, token, { renewal, told, findings: { ...USUAL, ...way.finds } });
    }
    expect(deaths).toBeGreaterThanOrEqual(way.deaths);
  }, 120_000);
});

async function expectFound(
  world: World,
  token: MockToken,
  { renewal, told, findings }: { renewal: Renewal; told: string; findings: Findings },
): Promise<void> {
  const { desk } = world.ra;
  expect(desk.applications, told).toHaveLength(1);
  expect(desk.applications[0], told).toMatchObject({
    confirmed: true,
    revision: findings.revision,
  });
  const [renewed, ...more] = await validCertificates(world);
  expect(more, told).toEqual([]);
  expect(renewed && pairWorks(token, renewed), told).toBe(true);
  expect(oldPairWorks(world), told).toBe(findings.oldPairWorks);
  expect(token.keys, told).toHaveLength(findings.keys);
  expect(token.pinPresentations, told).not.toContain("wrong");
  // No document is left in the store once the RA has it.
  expect(await world.store.list("attachment-"), told).toEqual([]);
  const { application } = renewal.toJSON() as { application: { abandonedKeys?: unknown[] } };
  expect(application.abandonedKeys ?? [], told).toHaveLength(findings.abandoned);
  // What was paid is the price, once.
  expect(renewal.payment, told).toMatchObject({ status: "paid", refunds: [] });
}
