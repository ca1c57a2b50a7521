import { describe, expect, it } from "vitest";
import { runUnderClaim } from "../../../src/core/context.js";
import type { OfferTerms } from "../../../src/core/domain/offer.js";
import { RenewalError } from "../../../src/core/errors.js";
import { encode, encodeOid, encodeSequence, TAG } from "../../../src/core/pki/der.js";
import type { Issued } from "../../../src/core/ports/transport.js";
import type { CollectedCertificate } from "../../../src/core/record.js";
import { saveRecord } from "../../../src/core/record-store.js";
import { verifyIssued } from "../../../src/core/steps/verify-issued.js";
import {
  authority,
  basicConstraints,
  extendedKeyUsage,
  type IssueOptions,
  issue,
  keyUsage,
  softwareKey,
  type TestExtension,
} from "../../support/certificates.js";
import { testClock } from "../../support/clock.js";
import { testRuntime } from "./fakes.js";
import {
  AGREED_NOT_AFTER,
  choice,
  NOW,
  previous,
  root,
  sampleOffer,
  sampleRecord,
  sampleTerms,
} from "./samples.js";

const requested = softwareKey();

/** What the RA should issue, but for what is given. */
function issued(over: IssueOptions = {}): Uint8Array {
  return issue({
    subject: "Sample Applicant",
    issuer: root,
    key: requested,
    serialNumber: Uint8Array.of(0x22),
    notBefore: NOW,
    notAfter: AGREED_NOT_AFTER,
    extensions: [keyUsage(0, 1)],
    ...over,
  }).certificate;
}

interface Situation {
  readonly issued?: Partial<Issued>;
  readonly terms?: Partial<OfferTerms>;
  readonly previous?: Uint8Array;
  readonly now?: Date;
  readonly spki?: Uint8Array | undefined;
}

async function verify(situation: Situation = {}): Promise<CollectedCertificate> {
  const spki = "spki" in situation ? situation.spki : requested.spki;
  const record = sampleRecord({
    previous: {
      der: situation.previous ?? previous.certificate,
      keyId: Uint8Array.of(1),
      label: "old",
    },
    offer: { offer: sampleOffer({ terms: sampleTerms(situation.terms) }) },
    application: {
      status: "approved",
      choice,
      requestedKey: { keyId: Uint8Array.of(2), label: "new", algorithm: "ec-p256", spki },
    },
    issuance: { status: "ready" },
  });
  const runtime = testRuntime({ clock: testClock(situation.now ?? NOW) });
  await saveRecord(runtime.store, record, 0);
  let collected: CollectedCertificate | undefined;
  await runUnderClaim(
    runtime,
    record.id,
    "install",
    undefined,
    async (context) => {
      collected = verifyIssued(context, { certificate: issued(), chain: [], ...situation.issued });
    },
    async () => {},
  );
  if (!collected) throw new Error("nothing was verified");
  return collected;
}

async function refusalOf(situation: Situation): Promise<RenewalError> {
  try {
    await verify(situation);
  } catch (error) {
    if (error instanceof RenewalError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

const subjectAltName = (email: string): TestExtension => ({
  oid: "2.5.29.17",
  value: encodeSequence(encode(0x81, Buffer.from(email))),
});

const policies = (oid: string): TestExtension => ({
  oid: "2.5.29.32",
  value: encodeSequence(encodeSequence(encodeOid(oid))),
});

describe("a certificate as it was agreed", () => {
  it("is taken with its chain up to the trust anchor, and nothing to tell", async () => {
    const confirmBy = new Date("2026-03-04T00:00:00Z");
    const certificate = issued();
    expect(await verify({ issued: { certificate, confirmBy } })).toEqual({
      certificate,
      chain: [certificate, root.certificate],
      changes: [],
      confirmBy,
    });
  });

  it("may come from an issuing CA whose certificate the RA sends along", async () => {
    const issuer = authority({ subject: "Sample Issuing CA", issuer: root });
    const certificate = issued({ issuer });
    const collected = await verify({ issued: { certificate, chain: [issuer.certificate] } });
    expect(collected.chain).toEqual([certificate, issuer.certificate, root.certificate]);
  });

  it("may begin later than now, or when clocks differ", async () => {
    const notBefore = new Date(NOW.getTime() + 3_600_000);
    await verify({ issued: { certificate: issued({ notBefore }) } });
  });

  it("may begin after the one before ended, where that had happened when it came", async () => {
    const notBefore = new Date("2026-04-02T00:00:00Z");
    await verify({ now: notBefore, issued: { certificate: issued({ notBefore }) } });
  });

  it.each([-60, 60])("may end %i seconds off, within the tolerance", async (seconds) => {
    const notAfter = new Date(AGREED_NOT_AFTER.getTime() + seconds * 1000);
    await verify({ issued: { certificate: issued({ notAfter }) } });
  });

  it("may have more key usages than the one before, which is told", async () => {
    const certificate = issued({ extensions: [keyUsage(0, 1, 2)] });
    expect((await verify({ issued: { certificate } })).changes).toEqual([
      {
        field: "keyUsage",
        from: "digitalSignature, nonRepudiation",
        to: "digitalSignature, keyEncipherment, nonRepudiation",
      },
    ]);
  });
});

describe("what may change is told", () => {
  it("issuer, algorithm, extended key usage and policies", async () => {
    const issuer = authority({ subject: "Sample Issuing CA", issuer: root });
    const key = softwareKey("ec-p384");
    const certificate = issued({
      issuer,
      key,
      extensions: [keyUsage(0, 1), extendedKeyUsage("1.3.6.1.5.5.7.3.4"), policies("1.2.3")],
    });
    const { changes } = await verify({
      spki: key.spki,
      issued: { certificate, chain: [issuer.certificate] },
    });
    expect(changes).toEqual([
      { field: "issuer", from: "CN=Sample Root CA", to: "CN=Sample Issuing CA" },
      { field: "keyAlgorithm", from: "ec-p256", to: "ec-p384" },
      { field: "extendedKeyUsage", from: "", to: "1.3.6.1.5.5.7.3.4" },
      { field: "certificatePolicies", from: "", to: expect.stringMatching(/^30[0-9a-f]+$/) },
    ]);
  });
});

describe("other extensions", () => {
  const mark = (text: string, critical = false): TestExtension => ({
    oid: "1.2.156.10260.4.1.1",
    critical,
    value: encode(0x13, Buffer.from(text)),
  });
  const held = (...extensions: TestExtension[]) =>
    issue({
      subject: "Sample Applicant",
      issuer: root,
      notAfter: new Date("2026-04-01T00:00:00Z"),
      extensions: [keyUsage(0, 1), ...extensions],
    }).certificate;
  const renewed = (...extensions: TestExtension[]) => ({
    certificate: issued({ extensions: [keyUsage(0, 1), ...extensions] }),
  });
  const der = (text: string) =>
    `DER:13${text.length.toString(16).padStart(2, "0")}${Buffer.from(text).toString("hex")}`;

  it.each([
    ["is new", held(), renewed(mark("B")), "", der("B")],
    ["is missing", held(mark("A")), renewed(), der("A"), ""],
    ["is another", held(mark("A")), renewed(mark("B")), der("A"), der("B")],
    ["was critical", held(mark("A", true)), renewed(mark("A")), `critical,${der("A")}`, der("A")],
  ])("one that %s is told by its object identifier", async (_, previousDer, came, from, to) => {
    const { changes } = await verify({ previous: previousDer, issued: came });
    expect(changes).toEqual([{ field: "extension", oid: "1.2.156.10260.4.1.1", from, to }]);
  });

  it("one that is the same is not, nor what names keys and places of the CA", async () => {
    const places = ["2.5.29.14", "2.5.29.31", "1.3.6.1.5.5.7.1.1"].map((oid) => ({
      oid,
      value: encode(TAG.octetString, Uint8Array.of(1)),
    }));
    const came = renewed(mark("A"), ...places);
    expect((await verify({ previous: held(mark("A")), issued: came })).changes).toEqual([]);
  });
});

describe("a certificate that is not ours", () => {
  it.each([
    ["it is for another key", requested.spki, softwareKey()],
    ["it is for the old key, after a new one was asked for", requested.spki, previous],
    ["no key was asked for", undefined, requested],
  ])("is refused: %s", async (_, spki, key) => {
    const error = await refusalOf({ spki, issued: { certificate: issued({ key }) } });
    expect(error).toMatchObject({ code: "ERR_ISSUED_WRONG_KEY", details: { serialNumber: "22" } });
  });

  it.each([
    ["bytes that are no certificate", Uint8Array.of(1, 2, 3)],
    ["nothing", new Uint8Array()],
    ["half of one", issued().subarray(0, 200)],
  ])("is refused when it is %s", async (_, certificate) => {
    expect(await refusalOf({ issued: { certificate } })).toMatchObject({
      code: "ERR_RA_RESPONSE",
      cause: expect.any(Error),
    });
  });
});

describe("a certificate that cannot be trusted", () => {
  const stranger = authority({
    subject: "Sample Root CA",
    notBefore: new Date("2020-01-01T00:00:00Z"),
    notAfter: new Date("2040-01-01T00:00:00Z"),
  });

  it("is refused where another CA of the same name signed it, even if its certificate comes along", async () => {
    const error = await refusalOf({
      issued: { certificate: issued({ issuer: stranger }), chain: [stranger.certificate] },
    });
    expect(error).toMatchObject({
      code: "ERR_ISSUED_UNTRUSTED",
      details: { serialNumber: "22", reason: expect.stringContaining("is not signed by the key") },
    });
  });

  it("is refused where its issuer is missing", async () => {
    const issuer = authority({ subject: "Sample Issuing CA", issuer: root });
    const error = await refusalOf({ issued: { certificate: issued({ issuer }) } });
    expect(error.code).toBe("ERR_ISSUED_UNTRUSTED");
  });
});

describe("a certificate that is not what was agreed", () => {
  const mismatches: readonly (readonly [string, Situation, readonly string[]])[] = [
    [
      "expired when it came",
      {
        issued: {
          certificate: issued({
            notBefore: new Date("2025-01-01T00:00:00Z"),
            notAfter: new Date(NOW.getTime() - 1000),
          }),
        },
      },
      ["/notAfter", "/notAfter", "/notAfter"],
    ],
    [
      "another subject",
      { issued: { certificate: issued({ subject: "Another Applicant" }) } },
      ["/subject"],
    ],
    [
      "an alternative name that was not there",
      {
        issued: {
          certificate: issued({ extensions: [keyUsage(0, 1), subjectAltName("a@sample.example")] }),
        },
      },
      ["/subjectAltName"],
    ],
    [
      "the serial number of the one before",
      { issued: { certificate: issued({ serialNumber: Uint8Array.of(0x11) }) } },
      ["/serialNumber"],
    ],
    [
      "a CA's",
      { issued: { certificate: issued({ extensions: [keyUsage(0, 1), basicConstraints()] }) } },
      ["/basicConstraints"],
    ],
    [
      "a longer validity than agreed",
      { issued: { certificate: issued({ notAfter: new Date("2027-04-01T00:01:01Z") }) } },
      ["/notAfter"],
    ],
    [
      "a shorter validity than agreed",
      { issued: { certificate: issued({ notAfter: new Date("2027-03-31T23:58:59Z") }) } },
      ["/notAfter"],
    ],
    [
      "no later end than the one before, whatever was agreed",
      {
        issued: { certificate: issued({ notAfter: new Date("2026-04-01T00:00:00Z") }) },
        terms: {
          years: [
            {
              years: 1,
              lines: [],
              total: { amount: 0, currency: "CNY" },
              notAfter: new Date("2026-04-01T00:00:00Z"),
            },
          ],
        },
      },
      ["/notAfter"],
    ],
    [
      "a gap after the one before",
      { issued: { certificate: issued({ notBefore: new Date("2026-04-01T00:00:01Z") }) } },
      ["/notBefore"],
    ],
    [
      "a key usage less",
      { issued: { certificate: issued({ extensions: [keyUsage(0)] }) } },
      ["/keyUsage"],
    ],
    [
      "no key usages",
      { issued: { certificate: issued({ extensions: [] }) } },
      ["/keyUsage", "/keyUsage"],
    ],
  ];

  it.each(mismatches)("is refused: %s", async (_, situation, pointers) => {
    const error = await refusalOf(situation);
    expect(error.code).toBe("ERR_ISSUED_MISMATCH");
    expect(error.details).toHaveProperty("serialNumber");
    expect(error.problems.map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it("is refused where the alternative name of the one before is missing or another", async () => {
    const named = (email: string) => [keyUsage(0, 1), subjectAltName(email)];
    const before = issue({
      subject: "Sample Applicant",
      issuer: root,
      notAfter: new Date("2026-04-01T00:00:00Z"),
      extensions: named("a@sample.example"),
    }).certificate;
    for (const extensions of [named("b@sample.example"), [keyUsage(0, 1)]]) {
      const error = await refusalOf({
        previous: before,
        issued: { certificate: issued({ extensions }) },
      });
      expect(error.problems.map(({ pointer }) => pointer)).toEqual(["/subjectAltName"]);
    }
    const same = issued({ extensions: named("a@sample.example") });
    await verify({ previous: before, issued: { certificate: same } });
  });

  it("is refused where the subject is spelt in another string type: it is not the same octets", async () => {
    const printable = encode(0x13, Buffer.from("Sample Applicant"));
    const name = encodeSequence(encode(TAG.set, encodeSequence(encodeOid("2.5.4.3"), printable)));
    const error = await refusalOf({ issued: { certificate: issued({ subject: name }) } });
    expect(error.problems.map(({ pointer }) => pointer)).toEqual(["/subject"]);
  });

  it("is refused with everything that is wrong, at once", async () => {
    const certificate = issued({
      subject: "Another Applicant",
      serialNumber: Uint8Array.of(0x11),
      notAfter: new Date("2030-01-01T00:00:00Z"),
      extensions: [keyUsage(0)],
    });
    const { problems } = await refusalOf({ issued: { certificate } });
    expect(problems.map(({ pointer }) => pointer)).toEqual([
      "/subject",
      "/serialNumber",
      "/notAfter",
      "/keyUsage",
    ]);
    expect(problems[0]?.message).toBe("is CN=Another Applicant, was CN=Sample Applicant");
  });
});
