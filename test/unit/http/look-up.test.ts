import { createSandbox, type Sandbox } from "certrenew/sandbox";
import { type Fetch, type HttpTransportOptions, httpTransport } from "certrenew/transport/http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Applicant, apply, DAY_MS, lookUp, newApplicant } from "../../support/applicant.js";

/** What an RA shows of the applications that it found is the applicant's own, or nothing of it is believed. */
let now: Date;
let sandbox: Sandbox;
let applicant: Applicant;
const clock = { now: () => now };

beforeEach(async () => {
  now = new Date();
  sandbox = await createSandbox({ clock, policy: { reviewDelayMs: null } });
  applicant = await newApplicant(sandbox, now);
  const { reference } = await apply(transport(), applicant, { now });
  await sandbox.admin.refuse({ renewalId: reference.renewalId, reasons: [{ text: "不符" }] });
  now = new Date(now.getTime() + 1000);
  await apply(transport(), applicant, { now });
});
afterEach(() => sandbox.close());

/** One application, as it stands on the wire. */
interface Told {
  readonly renewalId: string;
  readonly offer: unknown;
  readonly application: string;
  readonly request?: string;
  readonly [member: string]: unknown;
}

function transport(
  change?: (newest: Told, older: Told) => Told,
  options: Pick<HttpTransportOptions, "signedDocuments"> = {},
) {
  const { baseUrl, trustAnchors } = sandbox;
  const fetching: Fetch = async (url, init) => {
    const response = await fetch(url, init as RequestInit);
    if (!change || !url.endsWith("/look-ups")) return response;
    const answer = (await response.json()) as { renewals: [Told, Told] };
    const [newest, older] = answer.renewals;
    const renewals = [change(newest, older), ...(older ? [older] : [])];
    return Response.json({ ...answer, renewals }, { status: response.status });
  };
  return httpTransport({ baseUrl, trustAnchors, clock, fetch: fetching, ...options });
}

describe("a look-up believes an application", () => {
  it("that fits its parts", async () => {
    const found = await lookUp(
      transport((told) => told),
      applicant,
    );
    expect(found.map(({ reply }) => reply.progress.application.status)).toEqual([
      "received",
      "refused",
    ]);
  });

  it("only where this certificate's key signed it: ERR_RA_UNTRUSTED", async () => {
    const stranger = await newApplicant(sandbox, now);
    await apply(transport(), stranger, { now });
    let strange: Told | undefined;
    const overhear = transport((told) => {
      strange = told;
      return told;
    });
    await lookUp(overhear, stranger).catch(() => undefined);
    expect(strange).toBeDefined();

    const asked = lookUp(
      transport((told) => strange ?? told),
      applicant,
    );

    await expect(asked).rejects.toMatchObject({ code: "ERR_RA_UNTRUSTED" });
    const broken = lookUp(
      transport((told) => ({ ...told, application: "AAAA" })),
      applicant,
    );
    await expect(broken).rejects.toMatchObject({ code: "ERR_RA_UNTRUSTED" });
  });

  it.each<[string, (newest: Told, older: Told) => Told]>([
    ["under another id", (told) => ({ ...told, renewalId: "somebody-elses" })],
    ["with the offer of another one", (told, { offer }) => ({ ...told, offer })],
    ["without its request", ({ request: _, ...told }) => told],
    ["with the request of another one", (told, { request = "" }) => ({ ...told, request })],
    [
      "with an encryption request",
      (told, { request = "" }) => ({ ...told, encryptionRequest: request }),
    ],
  ])("not %s: ERR_RA_RESPONSE", async (_, change) => {
    const asked = lookUp(transport(change), applicant);
    await expect(asked).rejects.toMatchObject({ code: "ERR_RA_RESPONSE" });
  });

  it("of which the RA's certificate has expired since", async () => {
    now = new Date(now.getTime() + 11 * 365 * DAY_MS);
    const found = await lookUp(transport(), applicant);
    expect(found).toHaveLength(2);
    expect(found[0]?.offer.document).toBeDefined();
  });

  it("with an offer that was never signed only as it was applied for: ERR_RA_RESPONSE", async () => {
    await sandbox.close();
    sandbox = await createSandbox({
      clock,
      scenario: [{ route: "requestOffer", fault: { kind: "document", flaw: "unsigned" } }],
    });
    applicant = await newApplicant(sandbox, now);
    const lenient = { signedDocuments: "optional" } as const;
    await apply(transport(undefined, lenient), applicant, { now });
    const found = await lookUp(transport(undefined, lenient), applicant);
    expect(found.map(({ offer }) => offer.document)).toEqual([undefined]);
    const years = found[0]?.offer.offer.terms.years ?? [];

    const dearer = transport(({ offer, ...told }) => {
      const { unsigned } = offer as { unsigned: string };
      const text = Buffer.from(unsigned, "base64").toString();
      const changed = text.replaceAll('"amount":20000', '"amount":90000');
      expect(changed).not.toBe(text);
      return { ...told, offer: { unsigned: Buffer.from(changed).toString("base64") } };
    }, lenient);

    expect(years.map(({ total }) => total.amount)).toContain(20_000);
    await expect(lookUp(dearer, applicant)).rejects.toMatchObject({ code: "ERR_RA_RESPONSE" });
  });

  it("not with an offer that the RA did not sign: ERR_RA_UNTRUSTED", async () => {
    const asked = lookUp(
      transport((told) => ({ ...told, offer: { signed: told.application } })),
      applicant,
    );
    await expect(asked).rejects.toMatchObject({ code: "ERR_RA_UNTRUSTED" });
  });
});
