import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Completed,
  createRenewalClient,
  type KeyAlgorithm,
  type KeyMode,
  type KeyPairUsage,
  type RenewalClientOptions,
} from "certrenew";
import { softHsmDriver } from "certrenew/drivers/softhsm";
import { createSandbox, type Sandbox } from "certrenew/sandbox";
import { memoryStore } from "certrenew/store/memory";
import { httpTransport } from "certrenew/transport/http";
import { mockTransport } from "certrenew/transport/mock";
import { afterEach, describe, expect, test } from "vitest";
import { acceptOffer, DAY_MS, inState, theCredential, transferOf } from "../lifecycle/world.js";
import { openssl } from "../support/openssl.js";
import { PIN, type SoftHsmStore, softHsmStore } from "../support/softhsm.js";

/** What pkcs11-tool and openssl see of a token whose signing and encryption certificates were renewed. */
const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const task of cleanup.splice(0).reverse()) await task();
});

interface Pair {
  readonly algorithm: KeyAlgorithm;
  readonly usage: KeyPairUsage;
  readonly issue: (spki: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

/** A token with these pairs, each under a CKA_ID of its own. */
async function tokenWith(...pairs: readonly Pair[]): Promise<SoftHsmStore> {
  const hsm = softHsmStore();
  cleanup.push(() => hsm.erase());
  const identity = hsm.initialise("Pair Token");
  const driver = softHsmDriver({ conf: hsm.conf });
  const session = await driver.unlock(identity, { pin: PIN });
  for (const [index, { algorithm, usage, issue }] of pairs.entries()) {
    const [keyId, label] = [Uint8Array.of(index + 1), usage];
    const { spki } = await session.generateKeyPair({ algorithm, keyId, label, usage });
    await session.importCertificate({ der: await issue(spki), keyId, label });
  }
  await session.close();
  await driver.close();
  return hsm;
}

async function renew(
  hsm: SoftHsmStore,
  options: Pick<RenewalClientOptions, "transport" | "trustAnchors">,
  keyMode: KeyMode,
): Promise<Completed> {
  const client = createRenewalClient({
    driver: softHsmDriver({ conf: hsm.conf }),
    store: memoryStore(),
    pin: () => PIN,
    wait: { minimumMs: 20 },
    ...options,
  });
  cleanup.push(() => client.close());
  const done = await client.renew(await theCredential(client), {
    choose: (draft) => ({ ...acceptOffer(draft), keyMode }),
    pay: ({ payment }) => transferOf(payment?.uncovered.amount ?? 0),
    acknowledge: ({ guards }) => guards.map(({ id }) => id),
  });
  return inState(done, "completed");
}

async function openSandbox(): Promise<Sandbox> {
  const sandbox = await createSandbox({ policy: { bookingDelayMs: 0, reviewDelayMs: 0 } });
  cleanup.push(() => sandbox.close());
  return sandbox;
}

const issuedBy =
  (sandbox: Sandbox, use: "signing" | "encryption") =>
  (spki: Uint8Array): Promise<Uint8Array> =>
    sandbox.issue({
      spki,
      use,
      subject: { country: "CN", organisation: "示例科技有限公司", commonName: "张三" },
      notBefore: new Date(Date.now() - 335 * DAY_MS),
      notAfter: new Date(Date.now() + 30 * DAY_MS),
    });

describe("a pair on SoftHSM, renewed at the sandbox", () => {
  test.each<[signing: KeyAlgorithm, encryption: KeyAlgorithm, KeyMode]>([
    ["ec-p256", "rsa-2048", "re-key"],
    ["rsa-2048", "ec-p256", "re-key"],
    ["rsa-2048", "rsa-2048", "renew"],
  ])(
    "%s and %s, %s: the encryption key opens what is encrypted to its new certificate",
    async (algorithm, beside, keyMode) => {
      const sandbox = await openSandbox();
      const hsm = await tokenWith(
        { algorithm, usage: "signing", issue: issuedBy(sandbox, "signing") },
        { algorithm: beside, usage: "encryption", issue: issuedBy(sandbox, "encryption") },
      );
      const { baseUrl, trustAnchors } = sandbox;

      const done = await renew(
        hsm,
        { transport: httpTransport({ baseUrl }), trustAnchors },
        keyMode,
      );

      const { encryption, renewed } = done.report;
      if (encryption?.outcome !== "renewed") throw new Error("it was to be renewed");
      expect(objects(hsm)).toEqual({
        Certificate: 4,
        "Private Key": keyMode === "renew" ? 2 : 4,
        "Public Key": keyMode === "renew" ? 2 : 4,
      });
      expectOpens(hsm, encryption.renewed, beside);
      expectOpens(hsm, encryption.previous, beside);
      expectSigns(hsm, renewed, algorithm);
      const [application] = await sandbox.admin.applications();
      expect(application?.progress.issuance.status).toBe("confirmed");
      if (keyMode === "renew") return;

      await done.retirePrevious({ remove: ["encryption-certificate", "decryption-key-pair"] });
      expect(objects(hsm)).toEqual({ Certificate: 3, "Private Key": 3, "Public Key": 3 });
      expectOpens(hsm, encryption.renewed, beside);
    },
    60_000,
  );
});

describe("a single certificate on SoftHSM that signs and decrypts", () => {
  test.each<[usage: KeyPairUsage, KeyMode]>([
    ["encryption", "re-key"],
    ["signing", "renew"],
  ])(
    "its key made for %s, %s",
    async (usage, keyMode) => {
      const ra = mockTransport();
      const keyUsage = ["digitalSignature", "keyEncipherment"] as const;
      const issue = (spki: Uint8Array) => ra.issue({ spki, keyUsage });
      const hsm = await tokenWith({ algorithm: "rsa-2048", usage, issue });

      const { report } = await renew(
        hsm,
        { transport: ra, trustAnchors: ra.trustAnchors },
        keyMode,
      );

      expect(objects(hsm)["Certificate"]).toBe(2);
      expectSigns(hsm, report.renewed, "rsa-2048");
      if (keyMode === "re-key") expectOpens(hsm, report.renewed, "rsa-2048");
    },
    60_000,
  );
});

interface OnToken {
  readonly keyId: string;
  readonly der: Uint8Array;
}

function objects(hsm: SoftHsmStore): Record<string, number> {
  const listing = hsm.pkcs11Tool("--list-objects");
  const kinds = ["Certificate", "Private Key", "Public Key"];
  return Object.fromEntries(
    kinds.map((kind) => [kind, listing.split(`${kind} Object`).length - 1]),
  );
}

/** RSA: openssl encrypts, pkcs11-tool decrypts. EC: both come to the same secret (ECDH). */
function expectOpens(hsm: SoftHsmStore, { keyId, der }: OnToken, algorithm: KeyAlgorithm): void {
  const file = (name: string) => join(hsm.folder, name);
  const publicKey = new X509Certificate(der).publicKey.export({ format: "pem", type: "spki" });
  writeFileSync(file("public.pem"), publicKey);
  if (algorithm.startsWith("rsa")) {
    const encrypt = ["pkeyutl", "-encrypt", "-pubin", "-inkey", file("public.pem")];
    writeFileSync(file("ciphertext"), openssl(encrypt, "a bid"));
    const files = ["--input-file", file("ciphertext"), "--output-file", file("plain")];
    hsm.pkcs11Tool("--decrypt", "-m", "RSA-PKCS", "--id", keyId, ...files);
    expect(readFileSync(file("plain"), "utf8")).toBe("a bid");
    return;
  }
  const generate = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
  writeFileSync(file("peer.pem"), openssl(generate));
  const peer = openssl(["pkey", "-in", file("peer.pem"), "-pubout", "-outform", "DER"]);
  writeFileSync(file("peer.der"), peer);
  const files = ["--input-file", file("peer.der"), "--output-file", file("secret")];
  hsm.pkcs11Tool("--derive", "-m", "ECDH1-DERIVE", "--id", keyId, ...files);
  const keys = ["-inkey", file("peer.pem"), "-peerkey", file("public.pem")];
  expect(readFileSync(file("secret"))).toEqual(openssl(["pkeyutl", "-derive", ...keys]));
}

/** pkcs11-tool signs with the key, openssl verifies with the certificate. */
function expectSigns(hsm: SoftHsmStore, { keyId, der }: OnToken, algorithm: KeyAlgorithm): void {
  const file = (name: string) => join(hsm.folder, name);
  writeFileSync(file("message"), "a message");
  const isRsa = algorithm.startsWith("rsa");
  const how = isRsa ? ["-m", "SHA256-RSA-PKCS"] : ["-m", "ECDSA", "--signature-format", "openssl"];
  const hashed = execFileSync("openssl", ["dgst", "-sha256", "-binary", file("message")]);
  writeFileSync(file("hash"), hashed);
  const input = file(isRsa ? "message" : "hash");
  const files = ["--input-file", input, "--output-file", file("signature")];
  hsm.pkcs11Tool("--sign", ...how, "--id", keyId, ...files);
  const publicKey = new X509Certificate(der).publicKey.export({ format: "pem", type: "spki" });
  writeFileSync(file("signer.pem"), publicKey);
  const verify = ["dgst", "-sha256", "-verify", file("signer.pem")];
  const told = openssl([...verify, "-signature", file("signature"), file("message")]);
  expect(told.toString()).toContain("Verified OK");
}
