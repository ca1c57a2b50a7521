import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pkcs11Driver } from "certrenew/drivers/pkcs11";
import { sampleCertificate } from "certrenew/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Driver, KeyPair, Session } from "../../src/core/ports/driver.js";
import { PIN, provisionedStore } from "../support/softhsm.js";
import { vendorModule } from "../support/vendor-module.js";

type Store = ReturnType<typeof provisionedStore>;

let store: Store;
let driver: Driver;
let session: Session;

beforeEach(async () => {
  store = provisionedStore("EC:prime256v1");
  driver = pkcs11Driver({ module: store.module, env: store.env });
  session = await driver.unlock(store.token, { pin: PIN });
});

afterEach(async () => {
  await driver.close();
  store.erase();
});

describe("what other tools see of what the driver wrote", () => {
  test.each(["rsa-2048", "ec-p384"] as const)("a key pair: %s", async (algorithm) => {
    const pair = await session.generateKeyPair({ algorithm, keyId: KEY_ID, label: "new key" });
    await session.close();

    const privateKey = objectUnder(store, "privkey", "c0ffee");
    expect(privateKey).toMatch(/label: +new key/);
    expect(privateKey).toMatch(/Access: +sensitive, always sensitive, never extractable, local/);
    expect(privateKey).toMatch(/Usage:.*\bsign\b/);
    if (algorithm === "rsa-2048") expect(privateKey).toMatch(/Usage: +sign$/m);
    const publicKey = objectUnder(store, "pubkey", "c0ffee");
    expect(publicKey).toMatch(/label: +new key/);
    expect(Buffer.from(pair.spki).toString("hex")).toBe(spkiOf(store, algorithm, publicKey));
  });

  test.each(["rsa-2048", "ec-p256"] as const)("a signature: %s", async (algorithm) => {
    const pair = await session.generateKeyPair({ algorithm, keyId: KEY_ID, label: "new key" });
    const message = Buffer.from("what openssl reads");
    const [messageFile, signatureFile, keyFile] = [
      file(store, "message", message),
      file(
        store,
        "signature",
        await session.sign({
          key: pair,
          algorithm: algorithm === "ec-p256" ? "ecdsa-with-SHA256" : "sha256WithRSAEncryption",
          message,
        }),
      ),
      file(store, "key.der", pair.spki),
    ];
    const pem = file(
      store,
      "key.pem",
      Buffer.from(openssl("pkey", "-pubin", "-inform", "DER", "-in", keyFile)),
    );
    const verify = ["-sha256", "-verify", pem, "-signature", signatureFile, messageFile];
    expect(openssl("dgst", ...verify)).toMatch("Verified OK");
  });

  test("a certificate, with its subject and serial number as attributes", async () => {
    const pair = await session.generateKeyPair({
      algorithm: "rsa-2048",
      keyId: KEY_ID,
      label: "new key",
    });
    const der = sampleCertificate(pair.spki);
    await session.importCertificate({ der, keyId: KEY_ID, label: "new certificate" });
    await session.close();

    const listed = objectUnder(store, "cert", "c0ffee");
    expect(listed).toMatch(/label: +new certificate/);
    expect(listed).toMatch(/subject: +DN: CN=Sample Applicant/);
    const path = read(store, "cert", "c0ffee");
    const serial = openssl("x509", "-inform", "DER", "-in", path, "-noout", "-serial");
    expect(listed).toContain(serial.trim().replace("serial=", ""));
    expect(fromPem(openssl("x509", "-inform", "DER", "-in", path))).toEqual(
      Buffer.from(der).toString("base64"),
    );
  });

  test("nothing more of what was removed", async () => {
    await session.generateKeyPair({ algorithm: "rsa-2048", keyId: KEY_ID, label: "new key" });
    await session.destroy({ kind: "key-pair", keyId: KEY_ID });
    await session.close();
    for (const type of ["privkey", "pubkey"]) {
      expect(objectUnder(store, type, "c0ffee")).toBe("");
      expect(objectUnder(store, type, "0a0b0c")).not.toBe("");
    }
  });
});

describe("what the driver makes of what others left", () => {
  test("a public key without its private one is no key pair, and gives way to a new one", async () => {
    writeOrphan();
    expect(await session.findKeyPair({ keyId: KEY_ID })).toBeUndefined();

    const pair = await session.generateKeyPair({
      algorithm: "ec-p256",
      keyId: KEY_ID,
      label: "new key",
    });
    expect(objectUnder(store, "pubkey", "c0ffee").match(/Public Key Object/g)).toHaveLength(1);
    expectPair(await session.findKeyPair({ keyId: KEY_ID }), pair);
  });

  test("an orphan beside a key pair is not taken for its public half", async () => {
    const pair = await session.generateKeyPair({
      algorithm: "ec-p256",
      keyId: KEY_ID,
      label: "new key",
    });
    writeOrphan();
    await session.close();
    await using again = await driver.unlock(store.token, { pin: PIN });
    expectPair(await again.findKeyPair({ keyId: KEY_ID }), pair);
  });

  test("an EC private key without its public one is found through its certificate", async () => {
    const { keyId } = store.credential;
    const before = await session.findKeyPair({ keyId });
    const id = Buffer.from(keyId).toString("hex");
    store.pkcs11Tool("--delete-object", "--type", "pubkey", "--id", id);
    await session.close();
    await using again = await driver.unlock(store.token, { pin: PIN });
    if (before === undefined) throw new Error("the key pair was not found");
    expectPair(await again.findKeyPair({ keyId }), before);
  });

  test("a key that wants a login for each signature gets one for each", async () => {
    const vendor = vendorModule(store);
    const key = ["--keypairgen", "--key-type", "EC:prime256v1", "--id", "a11a", "--always-auth"];
    store.pkcs11Tool(...key, "--label", "always");
    await using watched = pkcs11Driver({ module: vendor.module, env: vendor.env });
    await using unlocked = await watched.unlock(store.token, { pin: PIN });
    const logins = () => vendor.calls().filter((call) => call === "CKU_CONTEXT_SPECIFIC").length;
    for (const expected of [1, 2]) {
      await unlocked.sign({
        key: { keyId: Buffer.from("a11a", "hex") },
        algorithm: "ecdsa-with-SHA256",
        message: Buffer.from("message"),
      });
      expect(logins()).toBe(expected);
    }
    expect(vendor.calls().filter((call) => call === "CKU_USER")).toHaveLength(1);
  });
});

/** The public half that an interrupted generation leaves. */
function writeOrphan(): void {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const path = file(store, "orphan.der", publicKey.export({ type: "spki", format: "der" }));
  store.pkcs11Tool("--write-object", path, "--type", "pubkey", "--id", "c0ffee");
}

const KEY_ID = Buffer.from("c0ffee", "hex");

function openssl(...args: readonly string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function file(at: Store, name: string, contents: Uint8Array): string {
  const path = join(at.folder, name);
  writeFileSync(path, contents);
  return path;
}

/** What pkcs11-tool lists of one object, `""` when it is not there. */
function objectUnder(at: Store, type: string, id: string): string {
  // It lists all of a kind, whatever --id says; each begins at the margin.
  const objects = at.pkcs11Tool("--list-objects", "--type", type).split(/\n(?=\S)/);
  return objects.filter((each) => new RegExp(`ID: +${id}$`, "m").test(each)).join("\n");
}

/** Reads an object out with pkcs11-tool, into a file. */
function read(at: Store, type: string, id: string): string {
  const path = join(at.folder, `${type}.der`);
  at.pkcs11Tool("--read-object", "--type", type, "--id", id, "-o", path);
  return path;
}

/** SubjectPublicKeyInfo in hexadecimal, as openssl makes it of what pkcs11-tool reads. */
function spkiOf(at: Store, algorithm: "rsa-2048" | "ec-p384", listed: string): string {
  if (algorithm === "rsa-2048") {
    const path = read(at, "pubkey", "c0ffee");
    const pem = openssl("pkey", "-pubin", "-inform", "DER", "-in", path, "-pubout");
    return Buffer.from(fromPem(pem), "base64").toString("hex");
  }
  // pkcs11-tool of OpenSC 0.23 cannot write out a P-384 key. Its point is listed in an OCTET STRING (04 61).
  const point = /EC_POINT: +0461(\w+)/.exec(listed)?.[1] ?? "";
  const parameters = /EC_PARAMS: +(\w+)/.exec(listed)?.[1] ?? "";
  expect(point).toHaveLength(2 * 97);
  return `3076301006072a8648ce3d0201${parameters}036200${point}`;
}

function fromPem(pem: string): string {
  return pem.replace(/-----.*-----|\s/g, "");
}

function expectPair(found: KeyPair | undefined, expected: KeyPair): void {
  expect(found && Buffer.from(found.spki).toString("hex")).toBe(
    Buffer.from(expected.spki).toString("hex"),
  );
}
