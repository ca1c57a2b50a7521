import { describe, expect, it } from "vitest";
import { runUnderClaim } from "../../../src/core/context.js";
import type { Offer } from "../../../src/core/domain/offer.js";
import { RenewalError } from "../../../src/core/errors.js";
import type { RenewalClientOptions } from "../../../src/core/options.js";
import type { Token } from "../../../src/core/ports/driver.js";
import type { Choice } from "../../../src/core/record.js";
import { saveRecord } from "../../../src/core/record-store.js";
import type { SubmitOptions } from "../../../src/core/step-options.js";
import { decide } from "../../../src/core/steps/choice.js";
import { preflight } from "../../../src/core/steps/preflight.js";
import { issue, keyUsage, softwareKey } from "../../support/certificates.js";
import { testClock } from "../../support/clock.js";
import { testRuntime } from "./fakes.js";
import {
  choice,
  NOW,
  root,
  sampleOffer,
  sampleRecord,
  sampleTerms,
  sampleToken,
} from "./samples.js";

interface Situation {
  readonly offer?: Partial<Offer>;
  readonly choose?: Partial<SubmitOptions>;
  readonly token?: Partial<Token>;
  readonly certificate?: Uint8Array;
  readonly client?: Partial<RenewalClientOptions>;
  readonly signal?: AbortSignal;
}

/** Decides as `submit` does, under a claim. */
async function decideOn(situation: Situation = {}): Promise<Choice> {
  const offer = sampleOffer(situation.offer);
  const { previous, ...rest } = sampleRecord({ offer: { offer } });
  const der = situation.certificate ?? previous.der;
  const runtime = testRuntime(situation.client);
  await saveRecord(runtime.store, { ...rest, previous: { ...previous, der } }, 0);
  const options: SubmitOptions = {
    accept: offer.agreement,
    years: 1,
    form: { mobile: "13800000000" },
    ...situation.choose,
  };
  let decided: Choice | undefined;
  await runUnderClaim(
    runtime,
    rest.id,
    "submit",
    situation.signal,
    async (context) => {
      decided = (await decide(context, options, sampleToken(situation.token))).choice;
    },
    async () => {},
  );
  if (!decided) throw new Error("nothing was decided");
  return decided;
}

async function refusalOf(situation: Situation): Promise<RenewalError> {
  try {
    await decideOn(situation);
  } catch (error) {
    if (error instanceof RenewalError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

const problemsOf = ({ problems }: RenewalError) => problems.map(({ pointer }) => pointer);

describe("what the holder chooses", () => {
  it("is kept with the time, the filled-in form, and what follows from the terms", async () => {
    expect(await decideOn()).toEqual({
      acceptedAt: NOW,
      years: 1,
      // Prefilled by the RA, and filled in by the holder.
      form: { agent: "张三", mobile: "13800000000" },
      attachments: [],
      acknowledged: [],
      keyMode: "re-key",
      keyAlgorithm: "ec-p256",
    });
  });

  it("wins over what the RA filled in", async () => {
    const form = { agent: "Sample Agent", mobile: "13900000000" };
    expect((await decideOn({ choose: { form } })).form).toEqual(form);
  });

  it("is refused when the certificate has expired", async () => {
    const { certificate } = issue({ issuer: root, notAfter: NOW });
    const window = { opensAt: new Date("2026-01-01T00:00:00Z"), closesAt: NOW };
    const error = await refusalOf({ certificate, offer: { terms: sampleTerms({ window }) } });
    expect(error).toMatchObject({
      code: "ERR_CERTIFICATE_EXPIRED",
      details: { notAfter: "2026-03-02T02:00:00.000Z" },
    });
  });

  it("is taken after that where the RA still takes applications", async () => {
    const { certificate } = issue({ issuer: root, notAfter: NOW, extensions: [keyUsage(0, 1)] });
    expect(await decideOn({ certificate })).toMatchObject({ years: 1 });
  });

  it("is refused when the offer is stale, from the moment that it expires", async () => {
    const { expiresAt } = sampleOffer();
    const at = (now: Date) => ({ client: { clock: testClock(now) } });
    expect(await refusalOf(at(expiresAt))).toMatchObject({
      code: "ERR_OFFER_STALE",
      details: { expiresAt: expiresAt.toISOString() },
    });
    await decideOn(at(new Date(expiresAt.getTime() - 1)));
  });

  const { agreement } = sampleOffer();
  it.each([
    ["of another version", { ...agreement, version: "2025-01" }],
    ["of another text", { ...agreement, sha256: "0".repeat(64) }],
    ["of none", undefined],
  ])("is refused when it accepts an agreement %s", async (_, accept) => {
    const choose = { accept } as Partial<SubmitOptions>;
    expect(await refusalOf({ choose })).toMatchObject({
      code: "ERR_AGREEMENT_MISMATCH",
      details: { version: agreement.version, sha256: agreement.sha256 },
    });
  });

  it("is refused with all that is wrong with the arguments", async () => {
    const terms = sampleTerms({ keyModes: ["renew"] });
    const choose = { years: 7, keyMode: "re-key", form: [] } as unknown as SubmitOptions;
    const error = await refusalOf({ offer: { terms }, choose });
    expect(error.code).toBe("ERR_ARGUMENT");
    expect(problemsOf(error)).toEqual(["/years", "/keyMode", "/form"]);
  });

  it("is refused with every field of the form that is wrong, at once", async () => {
    const error = await refusalOf({
      offer: { form: { ...sampleOffer().form, values: {} } },
      choose: { form: { mobile: "12" } },
    });
    expect(error.code).toBe("ERR_FORM_INVALID");
    expect(problemsOf(error).sort()).toEqual(["/agent", "/mobile"]);
  });

  it("is refused where the RA's form cannot be used safely", async () => {
    const form = { schema: { $ref: "https://elsewhere.example/schema" }, values: {}, notes: [] };
    expect(await refusalOf({ offer: { form } })).toMatchObject({ code: "ERR_FORM_SCHEMA" });
  });
});

describe("the key that is asked for", () => {
  it("is a new one where the terms allow it, the same one where they do not", async () => {
    const terms = sampleTerms({ keyModes: ["renew"] });
    expect(await decideOn({ offer: { terms } })).toMatchObject({
      keyMode: "renew",
      keyAlgorithm: "ec-p256",
    });
    expect(await decideOn({ choose: { keyMode: "renew" } })).toMatchObject({ keyMode: "renew" });
  });

  it("keeps the key's algorithm where the key is kept: another one is refused by name", async () => {
    const choose = { keyMode: "renew", keyAlgorithm: "rsa-4096" } as const;
    expect(await refusalOf({ choose })).toMatchObject({
      code: "ERR_ARGUMENT",
      problems: [{ pointer: "/keyAlgorithm", message: expect.stringContaining("present key") }],
    });
  });

  it("is of the old one's algorithm, else of the first that terms and token both have", async () => {
    const terms = sampleTerms({ keyAlgorithms: ["rsa-4096", "rsa-2048"] });
    expect(await decideOn({ offer: { terms } })).toMatchObject({ keyAlgorithm: "rsa-2048" });
    const rsaToken = { keyAlgorithms: ["rsa-2048"] } as const;
    expect(await decideOn({ token: rsaToken })).toMatchObject({ keyAlgorithm: "rsa-2048" });
  });

  it("is of the algorithm that was chosen", async () => {
    const choose = { keyAlgorithm: "rsa-2048" } as const;
    expect(await decideOn({ choose })).toMatchObject({ keyAlgorithm: "rsa-2048" });
  });

  it.each([
    ["the RA does not take", { choose: { keyAlgorithm: "ec-p384" } }, "ec-p384"],
    [
      "the token does not have",
      { choose: { keyAlgorithm: "rsa-2048" }, token: { keyAlgorithms: ["ec-p256"] } },
      "rsa-2048",
    ],
    ["neither has", { token: { keyAlgorithms: [] } }, "of a new key"],
  ] satisfies [string, Situation, string][])(
    "is refused when it is one that %s",
    async (_, situation, algorithm) => {
      expect(await refusalOf(situation)).toMatchObject({
        code: "ERR_ALGORITHM_UNSUPPORTED",
        details: { algorithm },
      });
    },
  );

  it("cannot stay the same where its algorithm is in no table", async () => {
    const spki = Buffer.from(`302a300506032b6570032100${"11".repeat(32)}`, "hex");
    const key = { ...softwareKey(), spki: new Uint8Array(spki) };
    const { certificate } = issue({ issuer: root, key, extensions: [keyUsage(0, 1)] });
    expect(await refusalOf({ certificate, choose: { keyMode: "renew" } })).toMatchObject({
      code: "ERR_ALGORITHM_UNSUPPORTED",
    });
    expect(await decideOn({ certificate })).toMatchObject({ keyAlgorithm: "ec-p256" });
  });
});

describe("guards", () => {
  const bids = { id: "bids", en: "Are bids encrypted to it?", zh: "是否有加密的投标文件?" };
  const fees = { id: "fees", en: "The fee is not refunded.", zh: "费用不退。" };
  const situation = {
    offer: { guards: [fees], terms: sampleTerms({ previous: "revoke-at-issuance" }) },
    client: { guards: () => [bids] },
  } satisfies Situation;
  const all = ["fees", "previous-revoked-at-issuance", "bids"];

  it("of the RA, the terms and the platform are all to be acknowledged, and are named", async () => {
    const error = await refusalOf(situation);
    expect(error).toMatchObject({
      code: "ERR_GUARD_UNACKNOWLEDGED",
      details: { guards: all },
    });
    expect(error.problems).toHaveLength(3);
    expect(error.problems[0]).toEqual({
      pointer: "/acknowledge",
      message: "fees: The fee is not refunded.",
    });
  });

  it("name only those that are open", async () => {
    const acknowledge = ["fees", "previous-revoked-at-issuance", "something else"];
    expect(await refusalOf({ ...situation, choose: { acknowledge } })).toMatchObject({
      details: { guards: ["bids"] },
    });
  });

  it("that were acknowledged are kept with the choice, and no other", async () => {
    const choose = { acknowledge: [...all, "something else"] };
    expect((await decideOn({ ...situation, choose })).acknowledged).toEqual(all);
  });

  it("of a platform that cannot be asked are not taken for answered", async () => {
    const cause = new Error("the platform is down");
    const guards = () => Promise.reject(cause);
    const error = await refusalOf({ client: { guards } });
    expect(error).toMatchObject({ code: "ERR_UNEXPECTED", cause });
  });

  it("of a platform that never answers are waited for until the signal aborts", async () => {
    const stop = new AbortController();
    const guards: RenewalClientOptions["guards"] = (_, { signal }) => {
      expect(signal).toBe(stop.signal);
      stop.abort(new Error("enough"));
      return new Promise(() => undefined);
    };
    const error = await refusalOf({ client: { guards }, signal: stop.signal });
    expect(error).toMatchObject({ code: "ERR_ABORTED", cause: new Error("enough") });
  });

  it("are asked about the certificate in question", async () => {
    const asked: unknown[] = [];
    const guards = (credential: { signing: { subject: string } }) => {
      asked.push(credential.signing.subject);
      return [];
    };
    await decideOn({ client: { guards } });
    expect(asked).toEqual(["CN=Sample Applicant"]);
  });
});

describe("the look at the token before money is spent", () => {
  const rekey = (keyAlgorithm: Choice["keyAlgorithm"]): Choice => ({ ...choice, keyAlgorithm });
  const renew: Choice = { ...choice, keyMode: "renew" };

  it.each([
    // Of RSA 2048: 5 × 256 octets and the attributes; the certificate, the modulus and the attributes.
    ["private", rekey("rsa-2048"), 256 * 5 + 512],
    ["public", rekey("rsa-2048"), 3072 + 256 + 512],
    ["private", rekey("ec-p256"), 32 * 5 + 512],
    ["public", rekey("ec-p384"), 3072 + 48 + 512],
    ["public", renew, 3072],
  ] as const)("refuses a token with too little %s memory", (area, chosen, needed) => {
    expect(() => preflight(sampleToken({ freeMemory: { [area]: needed } }), chosen)).not.toThrow();
    expect(() =>
      preflight(sampleToken({ freeMemory: { [area]: needed - 1 } }), chosen),
    ).toThrowError(
      expect.objectContaining({
        code: "ERR_TOKEN_FULL",
        details: { token: "Sample", area, freeBytes: needed - 1, neededBytes: needed },
      }),
    );
  });

  it("needs no private memory for the same key pair", () => {
    expect(() => preflight(sampleToken({ freeMemory: { private: 0 } }), renew)).not.toThrow();
  });

  it("lets a token pass that does not tell", () => {
    for (const freeMemory of [undefined, {}]) {
      expect(() => preflight(sampleToken({ freeMemory }), rekey("rsa-4096"))).not.toThrow();
    }
  });

  it("refuses a token whose PIN is locked", () => {
    expect(() => preflight(sampleToken({ pinState: "locked" }), choice)).toThrowError(
      expect.objectContaining({ code: "ERR_PIN_LOCKED" }),
    );
  });
});
