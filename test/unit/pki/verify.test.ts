import { describe, expect, it } from "vitest";
import { encodeNull, encodeOid, encodeSequence } from "../../../src/core/pki/der.js";
import { type VerifyChainOptions, verifyChain } from "../../../src/core/pki/verify.js";
import {
  authority,
  extendedKeyUsage,
  type Identity,
  issue,
  keyUsage,
  softwareKey,
} from "../../support/certificates.js";

const at = new Date("2026-06-01T00:00:00Z");
const past = new Date("2026-02-01T00:00:00Z");
const future = new Date("2026-12-01T00:00:00Z");
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4";
const ANY = "2.5.29.37.0";

const root = authority({ subject: "Root CA" });
const issuing = authority({ subject: "Issuing CA", issuer: root, pathLength: 0 });
const leaf = issue({ issuer: issuing });

function verify(
  certificate: Identity,
  intermediates: readonly Identity[],
  options: Partial<VerifyChainOptions> & { anchors?: readonly Identity[] } = {},
) {
  const { anchors = [root], ...rest } = options;
  const result = verifyChain({
    certificate: certificate.certificate,
    intermediates: intermediates.map((ca) => ca.certificate),
    trustAnchors: anchors.map((ca) => ca.certificate),
    at,
    ...rest,
  });
  return result.chain?.map(({ subject }) => subject) ?? result.problem;
}

describe("a chain", () => {
  const whole = ["CN=Sample Applicant", "CN=Issuing CA", "CN=Root CA"];

  it("goes from the certificate to the anchor, in whatever order the intermediates come", () => {
    const stranger = authority({ subject: "Stranger" });
    expect(verify(leaf, [issuing])).toEqual(whole);
    expect(verify(leaf, [stranger, root, leaf, issuing])).toEqual(whole);
  });

  it("may end at an anchor that is not self-signed, or be the anchor alone", () => {
    expect(verify(leaf, [], { anchors: [issuing] })).toEqual(whole.slice(0, 2));
    expect(verify(leaf, [], { anchors: [leaf] })).toEqual(whole.slice(0, 1));
  });

  it("finds the way round a CA that does not help", () => {
    const expired = authority({
      subject: "Issuing CA",
      key: issuing,
      issuer: root,
      notAfter: past,
    });
    expect(verify(leaf, [expired, issuing])).toEqual(whole);
  });

  it("tells CAs of one name by their key identifiers", () => {
    const id = (octet: number) => ({ oid: "2.5.29.14", value: Uint8Array.of(4, 1, octet) });
    const of = (octet: number) => ({
      oid: "2.5.29.35",
      value: Uint8Array.of(0x30, 3, 0x80, 1, octet),
    });
    const [one, two] = [1, 2].map((n) =>
      authority({ subject: "Twin", issuer: root, extensions: [id(n)] }),
    );
    if (one === undefined || two === undefined) throw new Error("two were made");
    const below = issue({ issuer: two, extensions: [of(2)] });
    expect(verify(below, [one, two])).toEqual(["CN=Sample Applicant", "CN=Twin", "CN=Root CA"]);
    expect(verify(below, [one])).toBe("there is no trusted issuer of CN=Sample Applicant");
  });

  it("is verified with RSA and with P-384", () => {
    const rsa = authority({ subject: "RSA CA", key: softwareKey("rsa-2048") });
    const p384 = authority({ subject: "P-384 CA", key: softwareKey("ec-p384"), issuer: rsa });
    expect(verify(issue({ issuer: p384 }), [p384], { anchors: [rsa] })).toHaveLength(3);
  });
});

describe("there is no chain", () => {
  it("from a certificate of another CA, or none", () => {
    const namesake = authority({ subject: "Issuing CA", issuer: root });
    expect(verify(leaf, [namesake])).toBe(
      "CN=Sample Applicant is not signed by the key of CN=Issuing CA",
    );
    expect(verify(leaf, [])).toBe("there is no trusted issuer of CN=Sample Applicant");
    expect(verify(leaf, [issuing], { anchors: [] })).toBe(
      "there is no trusted issuer of CN=Sample Applicant",
    );
    expect(verify(issue(), [])).toBe("there is no trusted issuer of CN=Sample Applicant");
  });

  it("to an anchor that came along as an intermediate", () => {
    const own = authority({ subject: "Own Root" });
    expect(verify(issue({ issuer: own }), [own])).toBe(
      "there is no trusted issuer of CN=Sample Applicant",
    );
  });

  it.each([
    ["expired", { notAfter: past }, "CN=Broken CA expired at 2026-02-01T00:00:00.000Z"],
    [
      "not yet valid",
      { notBefore: future },
      "CN=Broken CA is not valid before 2026-12-01T00:00:00.000Z",
    ],
  ])("through a CA that is %s", (_, validity, problem) => {
    const broken = authority({ subject: "Broken CA", issuer: root, ...validity });
    expect(verify(issue({ issuer: broken }), [broken])).toBe(problem);
    const brokenRoot = authority({ subject: "Broken CA", ...validity });
    expect(verify(issue({ issuer: brokenRoot }), [], { anchors: [brokenRoot] })).toBe(problem);
  });

  it.each([
    ["says nothing of being a CA", [], "CN=Broken CA is not a CA"],
    [
      "says that it is none",
      [{ oid: "2.5.29.19", critical: true, value: encodeSequence() }, keyUsage(5)],
      "CN=Broken CA is not a CA",
    ],
    [
      "may not sign certificates",
      [
        { oid: "2.5.29.19", critical: true, value: Uint8Array.of(0x30, 3, 1, 1, 0xff) },
        keyUsage(0, 6),
      ],
      "CN=Broken CA may not sign certificates",
    ],
  ])("through an issuer that %s", (_, extensions, problem) => {
    const broken = issue({ subject: "Broken CA", issuer: root, extensions });
    expect(verify(issue({ issuer: broken }), [broken])).toBe(problem);
  });

  it("that is longer than a CA permits; self-issued certificates do not count", () => {
    const below = authority({ subject: "CA below", issuer: issuing });
    expect(verify(issue({ issuer: below }), [below, issuing])).toBe(
      "the path below CN=Issuing CA is longer than it permits",
    );
    const rollover = authority({ subject: "Issuing CA", issuer: issuing });
    expect(verify(issue({ issuer: rollover }), [rollover, issuing])).toHaveLength(4);
  });

  it("with a critical extension that is not understood, name constraints among them", () => {
    for (const oid of ["1.2.3.4", "2.5.29.30"]) {
      const extensions = [{ oid, critical: true, value: encodeNull() }];
      const broken = authority({ subject: "Broken CA", issuer: root, extensions });
      const problem = `has the critical extension ${oid}, which is not understood`;
      expect(verify(issue({ issuer: broken }), [broken])).toBe(`CN=Broken CA ${problem}`);
      expect(verify(issue({ issuer: issuing, extensions }), [issuing])).toBe(
        `CN=Sample Applicant ${problem}`,
      );
      const harmless = issue({ issuer: issuing, extensions: [{ oid, value: encodeNull() }] });
      expect(verify(harmless, [issuing])).toHaveLength(3);
    }
  });

  it.each([
    ["MD5", "1.2.840.113549.1.1.4", "MD5"],
    ["SHA-1", "1.2.840.113549.1.1.5", "SHA-1"],
    ["ECDSA with SHA-1", "1.2.840.10045.4.1", "SHA-1"],
    ["Ed25519", "1.3.101.112", "1.3.101.112"],
  ])("signed with %s", (_, oid, named) => {
    const weak = issue({ issuer: issuing, claimedAlgorithm: encodeSequence(encodeOid(oid)) });
    expect(verify(weak, [issuing])).toBe(
      `CN=Sample Applicant is signed with ${named}, which is not accepted`,
    );
  });

  it("of certificates that cannot be read; as intermediates they are passed over", () => {
    const broken = { ...leaf, certificate: encodeNull() };
    expect(verify(broken, [issuing])).toMatch(/expected an element/);
    expect(verify(leaf, [issuing], { anchors: [broken] })).toMatch(/expected an element/);
    expect(verify(leaf, [broken, issuing])).toHaveLength(3);
  });

  it("at a time that is none", () => {
    expect(verify(leaf, [issuing], { at: new Date(Number.NaN) })).toBe(
      "the time of verification is not a time",
    );
  });
});

describe("the certificate's own validity", () => {
  const expired = issue({ issuer: issuing, notAfter: past });

  it("counts, unless it is said that it may be over", () => {
    expect(verify(expired, [issuing])).toBe(
      "CN=Sample Applicant expired at 2026-02-01T00:00:00.000Z",
    );
    expect(verify(expired, [issuing], { allowExpired: true })).toHaveLength(3);
    const early = issue({ issuer: issuing, notBefore: future });
    expect(verify(early, [issuing], { allowExpired: true })).toMatch("is not valid before");
  });

  it("may not be over for a CA", () => {
    const ca = authority({ subject: "Old CA", issuer: root, notAfter: past });
    expect(verify(issue({ issuer: ca }), [ca], { allowExpired: true })).toMatch(
      "CN=Old CA expired",
    );
  });

  it("includes its first and its last second", () => {
    const { notBefore, notAfter } = { notBefore: past, notAfter: future };
    const bounded = issue({ issuer: issuing, notBefore, notAfter });
    expect(verify(bounded, [issuing], { at: notBefore })).toHaveLength(3);
    expect(verify(bounded, [issuing], { at: notAfter })).toHaveLength(3);
    expect(verify(bounded, [issuing], { at: new Date(notAfter.getTime() + 1000) })).toMatch(
      "expired",
    );
  });
});

describe("the purpose", () => {
  const purposes = (...oids: string[]) => ({ extensions: [extendedKeyUsage(...oids)] });

  it("has to be named by the certificate", () => {
    const wanted = { extendedKeyUsage: CLIENT_AUTH };
    const problem = `CN=Sample Applicant is not for the purpose ${CLIENT_AUTH}`;
    expect(
      verify(issue({ issuer: issuing, ...purposes(CLIENT_AUTH) }), [issuing], wanted),
    ).toHaveLength(3);
    expect(
      verify(issue({ issuer: issuing, ...purposes(EMAIL_PROTECTION) }), [issuing], wanted),
    ).toBe(problem);
    expect(verify(leaf, [issuing], wanted)).toBe(problem);
  });

  it("may not be excluded by a CA", () => {
    const wanted = { extendedKeyUsage: CLIENT_AUTH };
    for (const [oids, allowed] of [
      [[CLIENT_AUTH], true],
      [[ANY], true],
      [[EMAIL_PROTECTION], false],
    ] as const) {
      const ca = authority({ subject: "Limited CA", issuer: root, ...purposes(...oids) });
      const result = verify(issue({ issuer: ca, ...purposes(CLIENT_AUTH) }), [ca], wanted);
      if (allowed) expect(result).toHaveLength(3);
      else expect(result).toBe(`CN=Limited CA is not for the purpose ${CLIENT_AUTH}`);
    }
  });
});

describe("a hostile set of intermediates", () => {
  it("that all issue each other ends after a bounded number of signature checks", () => {
    const key = softwareKey();
    const twin = authority({ subject: "Maze", key });
    const maze = Array.from({ length: 60 }, (_, serial) =>
      authority({ subject: "Maze", key, issuer: twin, serialNumber: Uint8Array.of(serial + 1) }),
    );
    const started = performance.now();
    expect(verify(issue({ issuer: twin }), maze)).toMatch(
      /too many certificates to try|is longer than/,
    );
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it("that is a path too long ends there", () => {
    let ca = root;
    const path: Identity[] = [];
    for (let depth = 0; depth < 9; depth += 1) {
      ca = authority({ subject: `CA ${depth}`, issuer: ca });
      path.push(ca);
    }
    expect(verify(issue({ issuer: ca }), path)).toBe("the path is longer than 8 certificates");
    expect(verify(issue({ issuer: path[5] }), path)).toHaveLength(8);
  });
});
