import { describe, expect, it } from "vitest";
import {
  type Credential,
  type KnownRenewal,
  toCredentials,
} from "../../../src/core/credentials.js";
import type { EligibilityWarning, IneligibilityReason } from "../../../src/core/eligibility.js";
import type { Token, TokenCertificate, TokenContents } from "../../../src/core/ports/driver.js";
import {
  authority,
  type IssueOptions,
  issue,
  keyUsage,
  softwareKey,
} from "../../support/certificates.js";
import { NOW, root, sampleToken } from "./samples.js";

const SIGNING = keyUsage(0, 1);
const ENCRYPTION = keyUsage(2, 3);
const day = (days: number) => new Date(NOW.getTime() + days * 86_400_000);

let serial = 0;

/** A certificate of the sample root, as an object on a token. */
function object(
  options: IssueOptions = {},
  over: Partial<TokenCertificate> = {},
): TokenCertificate & { readonly der: Uint8Array } {
  serial += 1;
  const { certificate } = issue({
    issuer: root,
    serialNumber: Uint8Array.of(serial),
    notBefore: day(-300),
    notAfter: day(60),
    extensions: [SIGNING],
    ...options,
  });
  return {
    der: certificate,
    keyId: Uint8Array.of(serial),
    label: `object ${serial}`,
    privateKey: "unknown",
    ...over,
  };
}

function contents(
  certificates: readonly TokenCertificate[],
  token: Partial<Token> = {},
): TokenContents {
  return { token: sampleToken(token), certificates, unreadableObjects: 0 };
}

function list(
  certificates: readonly TokenCertificate[],
  token: Partial<Token> = {},
  renewals: Readonly<Record<string, KnownRenewal>> = {},
): Credential[] {
  return toCredentials([contents(certificates, token)], (sha256) => renewals[sha256], NOW);
}

describe("whether a certificate can be renewed", () => {
  const alone = (certificate: TokenCertificate, token: Partial<Token> = {}) =>
    list([certificate], token)[0]?.eligibility;

  it("is yes for one that is valid, with or without a private key that can be seen", () => {
    for (const privateKey of ["unknown", "present"] as const) {
      expect(alone(object({}, { privateKey }))).toEqual({
        renewable: true,
        reasons: [],
        warnings: [],
      });
    }
  });

  const rsaOnly = { signatureAlgorithms: ["sha256WithRSAEncryption"] } as const;
  const reasons: readonly (readonly [IneligibilityReason, TokenCertificate, Partial<Token>])[] = [
    ["expired", object({ notAfter: day(-1) }), {}],
    ["expired", object({ notAfter: NOW }), {}],
    ["not-yet-valid", object({ notBefore: day(1) }), {}],
    ["no-private-key", object({}, { privateKey: "absent" }), {}],
    ["unsupported-algorithm", object(), rsaOnly],
    ["pin-locked", object(), { pinState: "locked" }],
  ];

  it.each(reasons)("is no: %s", (reason, certificate, token) => {
    expect(alone(certificate, token)).toMatchObject({ renewable: false, reasons: [reason] });
  });

  it("is no for a key of a kind that is in no table", () => {
    const spki = Buffer.from(`302a300506032b6570032100${"11".repeat(32)}`, "hex");
    const key = { ...softwareKey(), spki: new Uint8Array(spki) };
    expect(alone(object({ key }))).toMatchObject({ reasons: ["unsupported-algorithm"] });
  });

  it.each<[KnownRenewal, IneligibilityReason]>([
    [{ id: "renewal-1", progress: "in-progress" }, "renewal-in-progress"],
    [{ id: undefined, progress: "in-progress" }, "renewal-in-progress"],
    [{ id: "renewal-1", progress: "completed" }, "already-renewed"],
  ])("is no where it has the renewal %j, which is named: %s", (renewal, reason) => {
    const certificate = object();
    const [found] = list([certificate]);
    const sha256 = found?.signing.sha256 ?? "";
    const [credential] = list([certificate], {}, { [sha256]: renewal });
    expect(credential?.renewalId).toBe(renewal.id);
    expect(credential?.eligibility).toMatchObject({ renewable: false, reasons: [reason] });
    expect(found?.renewalId).toBeUndefined();
  });

  it("has every reason at once", () => {
    const certificate = object({ notAfter: day(-1) }, { privateKey: "absent" });
    const token = { ...rsaOnly, pinState: "locked" } as const;
    expect(alone(certificate, token)?.reasons).toEqual([
      "expired",
      "no-private-key",
      "unsupported-algorithm",
      "pin-locked",
    ]);
  });

  describe("with a warning", () => {
    const warned = (credential: Credential | undefined): readonly EligibilityWarning[] => {
      expect(credential?.eligibility.renewable).toBe(true);
      return credential?.eligibility.warnings ?? [];
    };

    it("where several tokens are plugged in", () => {
      const two = [contents([object()]), contents([], { serialNumber: "0002" })];
      expect(warned(toCredentials(two, () => undefined, NOW)[0])).toEqual(["several-tokens"]);
    });

    it("where a review may end after it", () => {
      // Three working days from this Monday.
      const short = object({ notAfter: new Date(day(3).getTime() - 1000) });
      expect(warned(list([short])[0])).toEqual(["review-may-outlast-validity"]);
      expect(warned(list([object({ notAfter: day(3) })])[0])).toEqual([]);
    });

    it("where a newer one of the same holder stands beside it", () => {
      const [newer, older] = list([object({ notAfter: day(30) }), object({ notAfter: day(400) })]);
      expect(warned(older)).toEqual(["superseded"]);
      expect(warned(newer)).toEqual([]);
    });

    it("but not for a newer one of somebody else, of another CA, or for encryption", () => {
      const other = authority({ subject: "Another CA", notBefore: day(-900), notAfter: day(900) });
      const all = list([
        object({ notAfter: day(30) }),
        object({ notAfter: day(400), subject: "Another Applicant" }),
        object({ notAfter: day(400), issuer: other }),
        object({ notAfter: day(400), extensions: [ENCRYPTION] }),
      ]);
      for (const credential of all) expect(warned(credential)).toEqual([]);
    });
  });
});

describe("the credentials on a token", () => {
  const labels = (credentials: readonly Credential[]) =>
    credentials.map(({ signing }) => signing.label);

  it("come soonest to end first, over all tokens", () => {
    const first = contents([
      object({ notAfter: day(90) }, { label: "c" }),
      object({ notAfter: day(-9), subject: "Another Applicant" }, { label: "a" }),
    ]);
    const second = contents([object({ notAfter: day(30) }, { label: "b" })], { label: "Two" });
    const found = toCredentials([first, second], () => undefined, NOW);
    expect(labels(found)).toEqual(["a", "b", "c"]);
    expect(found.map(({ token }) => token.label)).toEqual(["Sample", "Two", "Sample"]);
  });

  it("come after all others where a newer one of the same holder stands beside them", () => {
    const other = (label: string, days: number) =>
      object({ notAfter: day(days), subject: "Another Applicant" }, { label });
    const found = list([
      object({ notAfter: day(10) }, { label: "oldest" }),
      object({ notAfter: day(30) }, { label: "older" }),
      object({ notAfter: day(400) }, { label: "newest" }),
      other("other", 60),
    ]);
    expect(labels(found)).toEqual(["other", "newest", "oldest", "older"]);
  });

  it("are without the CA certificates that stand there too", () => {
    const ca = { ...object(), der: root.certificate };
    expect(labels(list([ca, object({}, { label: "mine" })]))).toEqual(["mine"]);
  });

  it("are not hidden by an object that is broken", () => {
    const broken = [new Uint8Array(), Uint8Array.of(0x30, 0x80), new Uint8Array(100_000)].map(
      (der) => ({ ...object(), der }),
    );
    expect(labels(list([...broken, object({}, { label: "mine" })]))).toEqual(["mine"]);
    expect(list(broken)).toEqual([]);
  });

  it("are summed up as people and programs speak of them", () => {
    const certificate = object(
      { serialNumber: Uint8Array.of(0xab, 0xcd) },
      { keyId: Uint8Array.of(0x0a, 0xff), label: "mine" },
    );
    const [credential] = list([certificate]);
    expect(credential?.signing).toEqual({
      subject: "CN=Sample Applicant",
      issuer: "CN=Sample Root CA",
      serialNumber: "ABCD",
      notBefore: day(-300),
      notAfter: day(60),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      keyId: "0aff",
      label: "mine",
      der: certificate.der,
    });
  });
});

describe("dual certificates", () => {
  it("are one credential: the encryption certificate stands with the signing one", () => {
    const [credential, ...others] = list([
      object({ extensions: [ENCRYPTION] }, { label: "encryption" }),
      object({}, { label: "signing" }),
    ]);
    expect(others).toEqual([]);
    expect(credential?.signing.label).toBe("signing");
    expect(credential?.encryption?.label).toBe("encryption");
  });

  it("are paired with the newest where there are several", () => {
    const [credential] = list([
      object({ extensions: [ENCRYPTION], notAfter: day(10) }, { label: "old" }),
      object({ extensions: [ENCRYPTION], notAfter: day(60) }, { label: "new" }),
      object(),
    ]);
    expect(credential?.encryption?.label).toBe("new");
  });

  it("are not paired with another holder's", () => {
    const [credential] = list([
      object({ extensions: [ENCRYPTION], subject: "Another Applicant" }),
      object(),
    ]);
    expect(credential?.encryption).toBeUndefined();
  });

  it.each([
    ["for both", [keyUsage(0, 2)]],
    ["without a key usage", []],
  ])("one that is %s is a credential of its own", (_, extensions) => {
    const [credential] = list([object({ extensions })]);
    expect(credential?.encryption).toBeUndefined();
    expect(credential?.eligibility.renewable).toBe(true);
  });
});
