import { createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromPem, parseCertificate, toPem } from "../../src/core/pki/certificate.js";
import { createRequest, parseRequest } from "../../src/core/pki/request.js";
import { signData, verifySignedData } from "../../src/core/pki/signed-data.js";
import { verifyChain } from "../../src/core/pki/verify.js";
import { signerOf } from "../support/certificates.js";
import { openssl, tryOpenssl } from "../support/openssl.js";

const directory = mkdtempSync(join(tmpdir(), "certrenew-openssl-"));
afterAll(() => rmSync(directory, { recursive: true }));

const file = (name: string) => join(directory, name);
const pem = (name: string) => {
  const [der] = fromPem(readFileSync(file(name), "utf8"));
  if (der === undefined) throw new Error(`${name} is empty`);
  return der;
};
const identity = (name: string) => ({
  ...signerOf(createPrivateKey(readFileSync(file(`${name}.key`)))),
  certificate: pem(`${name}.pem`),
});

const KEYS = {
  "rsa-2048": ["-newkey", "rsa:2048"],
  "rsa-pss": ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
  "ec-p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  "ec-p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
} as const;

interface CertificateOptions {
  readonly key?: keyof typeof KEYS;
  readonly subject?: string;
  /** Self-signed without. */
  readonly issuer?: string;
  readonly extensions?: readonly string[];
  readonly days?: number;
  readonly digest?: string;
  /** How the issuer signs, `-sigopt`. */
  readonly signing?: readonly string[];
}

/** `<name>.pem` and `<name>.key`, as openssl makes them. */
function certificate(name: string, options: CertificateOptions = {}): void {
  const { key = "ec-p256", subject = `/CN=${name}`, issuer, extensions = [], days = 30 } = options;
  openssl([
    ...[
      "req",
      "-x509",
      ...KEYS[key],
      "-nodes",
      "-utf8",
      "-subj",
      subject,
      "-config",
      file("empty.cnf"),
    ],
    ...["-keyout", file(`${name}.key`), "-out", file(`${name}.pem`), "-days", String(days)],
    ...[`-${options.digest ?? "sha256"}`],
    ...(options.signing ?? []).flatMap((option) => ["-sigopt", option]),
    ...(issuer === undefined
      ? []
      : ["-CA", file(`${issuer}.pem`), "-CAkey", file(`${issuer}.key`)]),
    ...extensions.flatMap((extension) => ["-addext", extension]),
  ]);
}

const CA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];

beforeAll(() => {
  writeFileSync(file("empty.cnf"), "[req]\ndistinguished_name=dn\n[dn]\n");
  certificate("root", { extensions: CA });
});

describe.each(["rsa-2048", "ec-p256", "ec-p384"] as const)("with %s", (key) => {
  const name = `applicant-${key}`;
  const content = new TextEncoder().encode('{"purpose":"application","名称":"示例公司"}\n');
  const signingTime = new Date();

  beforeAll(() => {
    certificate(name, {
      key,
      subject:
        "/C=CN/O=示例公司/OU=a, b+c/serialNumber=91350100M000100Y43/CN=张三 <1>/emailAddress=a@example.com",
      issuer: "root",
      extensions: ["keyUsage=critical,digitalSignature,nonRepudiation"],
    });
  });

  it("openssl prints the subject, issuer, serial number and dates that we read", () => {
    const ours = parseCertificate(pem(`${name}.pem`));
    const printed = openssl([
      ...["x509", "-in", file(`${name}.pem`), "-noout", "-subject", "-issuer", "-serial", "-dates"],
      ...["-nameopt", "RFC2253,utf8,-esc_msb"],
    ]).toString();
    const field = (label: string) => new RegExp(`^${label}=(.*)$`, "m").exec(printed)?.[1];
    expect(ours.subject).toBe(field("subject"));
    expect(ours.issuer).toBe(field("issuer"));
    expect(ours.serialNumber).toBe(field("serial"));
    expect(ours.notBefore).toEqual(new Date(field("notBefore") ?? ""));
    expect(ours.notAfter).toEqual(new Date(field("notAfter") ?? ""));
    expect(ours.keyAlgorithm).toBe(key);
    expect(ours.keyUsage).toEqual(["digitalSignature", "nonRepudiation"]);
    expect(ours.sha256).toBe(
      openssl(["x509", "-in", file(`${name}.pem`), "-noout", "-fingerprint", "-sha256"])
        .toString()
        .replace(/^.*=|:|\n/g, "")
        .toLowerCase(),
    );
  });

  it("openssl verifies our certification request, and we verify its", async () => {
    const signer = identity(name);
    const { subjectDer, subject } = parseCertificate(signer.certificate);
    for (const algorithm of signer.algorithms) {
      const value = Uint8Array.of(0x03, 0x02, 0x06, 0xc0);
      const extensions = [{ oid: "2.5.29.15", critical: true, value }];
      const der = await createRequest({ subjectDer, signer, algorithm, extensions });
      const { ok, stdout, stderr } = tryOpenssl(
        [
          "req",
          "-inform",
          "DER",
          "-noout",
          "-verify",
          "-subject",
          "-text",
          "-nameopt",
          "RFC2253,utf8,-esc_msb",
        ],
        der,
      );
      expect(stderr).toContain("verify OK");
      expect(ok).toBe(true);
      expect(stdout.toString()).toContain(`subject=${subject}`);
      expect(stdout.toString()).toContain(`Signature Algorithm: ${opensslName(algorithm)}`);
      expect(stdout.toString()).toContain(
        "X509v3 Key Usage: critical\n                    Digital Signature, Non Repudiation",
      );
      expect(
        tryOpenssl(["req", "-inform", "DER", "-noout", "-verify"], breakLast(der)).stderr,
      ).not.toContain("OK");
    }
    const theirs = openssl([
      ...[
        "req",
        "-new",
        "-key",
        file(`${name}.key`),
        "-subj",
        "/CN=a",
        "-config",
        file("empty.cnf"),
      ],
      ...["-outform", "DER", "-addext", "keyUsage=critical,digitalSignature"],
    ]);
    expect(parseRequest(theirs)).toMatchObject({
      subject: "CN=a",
      keyAlgorithm: key,
      signatureValid: true,
    });
    expect(parseRequest(theirs).extensions.get("2.5.29.15")?.critical).toBe(true);
    expect(parseRequest(breakLast(theirs)).signatureValid).toBe(false);
  });

  const verifyCms = (der: Uint8Array, ...more: string[]) =>
    tryOpenssl(
      [
        ...["cms", "-verify", "-inform", "DER", "-purpose", "any", "-binary"],
        ...["-CAfile", file("root.pem"), "-cades", ...more],
      ],
      der,
    );

  it("openssl accepts our SignedData, its signing certificate included", async () => {
    const signer = identity(name);
    for (const algorithm of signer.algorithms) {
      const der = await signData({
        content,
        signer,
        signingTime,
        algorithm,
        certificates: [pem("root.pem")],
      });
      const { ok, stdout, stderr } = verifyCms(der);
      expect(stderr).toMatch(/success/i);
      expect(ok).toBe(true);
      expect(new Uint8Array(stdout)).toEqual(content);
      expect(verifyCms(breakLast(der)).ok).toBe(false);
    }
  });

  it("openssl finds in it the attributes in the order of DER", async () => {
    const der = await signData({ content, signer: identity(name), signingTime });
    const printed = openssl(["cms", "-cmsout", "-print", "-inform", "DER"], der).toString();
    const attributes = printed.slice(printed.indexOf("signedAttrs"));
    const names = [...attributes.matchAll(/object: (\S+)/g)].map(([, found]) => found);
    expect(names).toEqual([
      "contentType",
      "signingTime",
      "messageDigest",
      "id-smime-aa-signingCertificateV2",
    ]);
  });

  it("we accept its SignedData, and not when it was changed", () => {
    writeFileSync(file("content"), content);
    const sign = [
      ...["cms", "-sign", "-in", file("content"), "-binary", "-nodetach", "-outform", "DER"],
      ...["-signer", file(`${name}.pem`), "-inkey", file(`${name}.key`), "-md", "sha384"],
    ];
    const md = key === "ec-p256" ? ["-md", "sha256"] : [];
    const pss = ["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:digest"];
    const ways = [[], ["-cades"], ["-keyid"], ...(key === "rsa-2048" ? [pss] : [])];
    for (const more of ways) {
      if (more[0] === "-keyid" && !parseCertificate(pem(`${name}.pem`)).subjectKeyId) continue;
      const der = openssl([...sign, ...md, ...more]);
      const verified = verifySignedData(der, { requireSigningCertificate: more[0] === "-cades" });
      expect(verified.content).toEqual(content);
      if (more === pss) expect(verified.signatureAlgorithm).toBe("RSASSA-PSS-SHA384");
      expect(verified.signerCertificate.der).toEqual(pem(`${name}.pem`));
      expect(Math.abs(Number(verified.signingTime) - Date.now())).toBeLessThan(60_000);
      expect(() => verifySignedData(breakLast(der))).toThrow("the signature is not valid");
    }
    expect(() => verifySignedData(openssl([...sign, "-noattr"]))).toThrow(
      "signed attributes are missing",
    );
    expect(() =>
      verifySignedData(openssl([...sign, ...md]), { requireSigningCertificate: true }),
    ).toThrow("signing-certificate-v2 is missing");
  });
});

describe("chains", () => {
  /** What we say; openssl has to agree. */
  const verify = (
    leaf: string,
    intermediates: readonly string[],
    anchor = "root",
    at = new Date(),
  ) => {
    const result = verifyChain({
      certificate: pem(`${leaf}.pem`),
      intermediates: intermediates.map((name) => pem(`${name}.pem`)),
      trustAnchors: [pem(`${anchor}.pem`)],
      at,
    });
    writeFileSync(
      file("untrusted.pem"),
      intermediates.map((name) => toPem(pem(`${name}.pem`), "CERTIFICATE")).join(""),
    );
    const { ok } = tryOpenssl([
      ...[
        "verify",
        "-CAfile",
        file(`${anchor}.pem`),
        "-attime",
        String(Math.floor(at.getTime() / 1000)),
      ],
      ...(intermediates.length === 0 ? [] : ["-untrusted", file("untrusted.pem")]),
      ...["-x509_strict", "-auth_level", "2", file(`${leaf}.pem`)],
    ]);
    expect(result.chain !== undefined, result.problem).toBe(ok);
    return result.chain?.length ?? result.problem;
  };
  const below = (issuer: string) => {
    const name = `below-${issuer}`;
    certificate(name, { issuer, extensions: ["keyUsage=critical,digitalSignature"] });
    return name;
  };

  it("that openssl made are verified", () => {
    certificate("rsa-ca", { key: "rsa-2048", issuer: "root", extensions: CA });
    certificate("p384-ca", { key: "ec-p384", issuer: "rsa-ca", extensions: CA, digest: "sha512" });
    expect(verify(below("rsa-ca"), ["rsa-ca"])).toBe(3);
    expect(verify(below("p384-ca"), ["rsa-ca", "p384-ca"])).toBe(4);
    expect(verify(below("root"), [])).toBe(2);
    expect(verify("root", [])).toBe(1);
  });

  const PSS = ["rsa_padding_mode:pss", "rsa_pss_saltlen:digest"];

  it("signed with RSA-PSS are verified, from the root down", () => {
    certificate("pss-root", { key: "rsa-2048", extensions: CA, signing: PSS });
    certificate("pss-ca", {
      ...{ key: "rsa-2048", issuer: "pss-root", extensions: CA },
      ...{ digest: "sha384", signing: PSS },
    });
    const extensions = ["keyUsage=critical,digitalSignature"];
    certificate("pss-leaf", { issuer: "pss-ca", extensions, digest: "sha512", signing: PSS });
    expect(verify("pss-leaf", ["pss-ca"], "pss-root")).toBe(3);
  });

  it("by a CA whose key is for RSA-PSS alone are verified", () => {
    certificate("pss-only", { key: "rsa-pss", extensions: CA, signing: PSS.slice(1) });
    const extensions = ["keyUsage=critical,digitalSignature"];
    certificate("pss-only-leaf", { issuer: "pss-only", extensions, signing: PSS.slice(1) });
    expect(verify("pss-only-leaf", [], "pss-only")).toBe(2);
  });

  it("by a CA of another name, or of the same name with another key, are not", () => {
    certificate("other", { extensions: CA });
    certificate("namesake", { subject: "/CN=root", extensions: CA });
    expect(verify(below("other"), ["other"])).toBe("there is no trusted issuer of CN=below-other");
    expect(verify(below("namesake"), [])).toMatch(/no trusted issuer|not signed by the key of/);
  });

  it("through a CA that has expired are not", () => {
    certificate("short-ca", { issuer: "root", extensions: CA, days: 1 });
    const leaf = below("short-ca");
    expect(verify(leaf, ["short-ca"])).toBe(3);
    const later = new Date(Date.now() + 2 * 86_400_000);
    expect(verify(leaf, ["short-ca"], "root", later)).toMatch("CN=short-ca expired at");
  });

  it("through an issuer that is no CA are not", () => {
    certificate("no-ca", { issuer: "root", extensions: ["basicConstraints=critical,CA:FALSE"] });
    expect(verify(below("no-ca"), ["no-ca"])).toBe("CN=no-ca is not a CA");
    certificate("no-signer", {
      issuer: "root",
      extensions: [CA[0] ?? "", "keyUsage=critical,cRLSign"],
    });
    expect(verify(below("no-signer"), ["no-signer"])).toBe(
      "CN=no-signer may not sign certificates",
    );
  });

  it("longer than a CA permits are not", () => {
    const limited = ["basicConstraints=critical,CA:TRUE,pathlen:0", CA[1] ?? ""];
    certificate("limited", { issuer: "root", extensions: limited });
    certificate("deeper", { issuer: "limited", extensions: CA });
    expect(verify(below("limited"), ["limited"])).toBe(3);
    expect(verify(below("deeper"), ["deeper", "limited"])).toMatch("is longer than it permits");
  });

  it("with an unknown critical extension are not", () => {
    certificate("unknown", { issuer: "root", extensions: [...CA, "1.2.3.4=critical,DER:0500"] });
    expect(verify(below("unknown"), ["unknown"])).toMatch("the critical extension 1.2.3.4");
  });

  it("signed with SHA-1 or MD5 are not", () => {
    for (const digest of ["sha1", "md5"]) {
      certificate(`${digest}-leaf`, {
        issuer: "root-rsa",
        digest,
        extensions: ["keyUsage=digitalSignature"],
      });
      expect(verify(`${digest}-leaf`, [], "root-rsa")).toMatch("which is not accepted");
    }
  });

  beforeAll(() => certificate("root-rsa", { key: "rsa-2048", extensions: CA }));
});

/** openssl has one name for RSASSA-PSS with every hash. */
function opensslName(algorithm: string): string {
  return algorithm.startsWith("RSASSA-PSS") ? "rsassaPss" : algorithm;
}

/** The last octets belong to the signature. */
function breakLast(der: Uint8Array): Uint8Array {
  const changed = new Uint8Array(der);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return changed;
}
