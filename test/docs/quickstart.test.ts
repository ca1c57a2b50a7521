import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openssl } from "../support/openssl.js";
import { mustRun, type RunOptions, root, run } from "../support/run.js";
import { idsOnToken } from "./token.js";

/** `npm start --silent -- --json`, without the bootstrap, in a working directory of its own. */

const TIMEOUT_MS = 180_000;
const quickstart = join(root, "build", "examples", "quickstart", "index.js");

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "certrenew-quickstart-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Certificate {
  readonly serialNumber: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly keyId: string;
  readonly file: string;
}

/** The document that is promised to whoever reads standard output. */
interface Result {
  readonly state: string;
  readonly driver: string;
  readonly reason?: string;
  readonly orderNumber: string;
  readonly module?: string;
  readonly tokenLabel: string;
  readonly pin: string;
  readonly softhsmConf?: string;
  readonly previous: Certificate;
  readonly renewed: Certificate;
  readonly chain: string;
  readonly request: string;
  readonly application: string;
}

const FIELDS = [
  "state",
  "driver",
  "orderNumber",
  "module",
  "tokenLabel",
  "pin",
  "softhsmConf",
  "previous",
  "renewed",
  "chain",
  "request",
  "application",
];
const CERTIFICATE_FIELDS = ["serialNumber", "notBefore", "notAfter", "keyId", "file"];

async function runQuickstart(options: RunOptions = {}) {
  const { stdout, stderr } = await mustRun(process.execPath, [quickstart, "--json"], {
    cwd: folder,
    ...options,
    env: { LC_ALL: "C.UTF-8", ...options.env },
  });
  return { result: JSON.parse(stdout) as Result, progress: stderr };
}

describe("the quickstart on SoftHSM", () => {
  let first: Result;

  test(
    "prints one JSON document, and nothing else, on standard output",
    async () => {
      const { result } = await runQuickstart();
      first = result;
      expect(Object.keys(result)).toEqual(FIELDS);
      for (const certificate of [result.previous, result.renewed]) {
        expect(Object.keys(certificate)).toEqual(CERTIFICATE_FIELDS);
      }
      expect(result).toMatchObject({ state: "completed", driver: "softhsm" });
      expect(result.orderNumber).toMatch(/\d/);
      expect(result.softhsmConf).toMatch(folder);
    },
    TIMEOUT_MS,
  );

  test("openssl verifies the chain, the PKCS#10 and the CMS", () => {
    expectVerifiable(first);
  });

  test("the files are those of the certificates that it tells of", () => {
    for (const { serialNumber, notBefore, notAfter, file } of [first.previous, first.renewed]) {
      const certificate = new X509Certificate(readFileSync(file));
      expect(certificate.serialNumber).toBe(serialNumber);
      expect(new Date(certificate.validFrom)).toEqual(new Date(notBefore));
      expect(new Date(certificate.validTo)).toEqual(new Date(notAfter));
    }
    expect(first.renewed.serialNumber).not.toBe(first.previous.serialNumber);
  });

  test("the new certificate is valid for longer", () => {
    const days = (Date.parse(first.renewed.notAfter) - Date.parse(first.previous.notAfter)) / 864e5;
    expect(days).toBeGreaterThan(365);
  });

  test("pkcs11-tool lists the old and the new certificate, and both private keys", async () => {
    expect(await idsOnToken(first)).toEqual(idsOfBoth(first));
  });

  test(
    "another run begins anew",
    async () => {
      const { result, progress } = await runQuickstart();
      expect(progress).not.toContain("Going on with the renewal");
      expect(result.state).toBe("completed");
      expect(result.renewed.serialNumber).not.toBe(first.renewed.serialNumber);
      expectVerifiable(result);
      expect(await idsOnToken(result)).toEqual(idsOfBoth(result));
    },
    TIMEOUT_MS,
  );

  test.each(["making a key pair on the token", "writing it beside the old one"])(
    "a run killed while it is %s is gone on with",
    async (moment) => {
      const killed = await run(process.execPath, [quickstart, "--json"], {
        cwd: folder,
        env: { LC_ALL: "C.UTF-8" },
        killAt: moment,
      });
      expect(killed.status).toBeNull();
      expect(killed.stdout).toBe("");
      const { result, progress } = await runQuickstart();
      expect(progress).toContain("Going on with the renewal");
      expect(result.state).toBe("completed");
      expectVerifiable(result);
      expect(await idsOnToken(result)).toEqual(idsOfBoth(result));
    },
    TIMEOUT_MS,
  );
});

test(
  "without a token to work with a mock takes its place, and says why",
  async () => {
    const reason = "pkcs11js does not load: no compiler";
    const { result } = await runQuickstart({ env: { CERTRENEW_NATIVE_REASON: reason } });
    expect(result).toMatchObject({ state: "completed", driver: "mock", reason });
    expect(result.module).toBeUndefined();
    expect(result.softhsmConf).toBeUndefined();
    expectVerifiable(result);
  },
  TIMEOUT_MS,
);

/** What somebody sees who has the files, and openssl. */
function expectVerifiable({ chain, renewed, previous, request, application }: Result): void {
  expect(openssl(["verify", "-CAfile", chain, renewed.file]).toString()).toContain("OK");

  openssl(["req", "-in", request, "-verify", "-noout"]);
  const publicKey = (...args: string[]) => openssl([...args, "-noout", "-pubkey"]).toString();
  expect(publicKey("req", "-in", request)).toBe(publicKey("x509", "-in", renewed.file));

  const signer = join(folder, "signer.pem");
  const cms = ["-inform", "DER", "-in", application, "-CAfile", chain, "-purpose", "any"];
  const content = openssl(["cms", "-verify", ...cms, "-signer", signer]).toString();
  expect(content).toContain("urn:certrenew:statement:application:1");
  const fingerprint = (file: string) => new X509Certificate(readFileSync(file)).fingerprint256;
  expect(fingerprint(signer)).toBe(fingerprint(previous.file));
}

function idsOfBoth({ previous, renewed }: Result) {
  const ids = [previous.keyId, renewed.keyId].sort();
  return { certificates: ids, privateKeys: ids };
}
