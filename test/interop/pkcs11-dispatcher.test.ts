import {
  createCipheriv,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import { sampleCertificate } from "certrenew/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { verifySignature } from "../../src/core/pki/algorithms.js";
import { createDispatcher } from "../../src/drivers/pkcs11/host/dispatcher.js";
import { template } from "../../src/drivers/pkcs11/host/objects.js";
import type { CallName, Params, Request, Result } from "../../src/drivers/pkcs11/rpc.js";
import { PIN, provisionedStore, WRONG_PIN } from "../support/softhsm.js";
import { type VendorModule, vendorModule } from "../support/vendor-module.js";

// What runs in a host, run here: the same requests, without the process around them.

let store: ReturnType<typeof provisionedStore>;
let call: <K extends CallName>(name: K, params: Params<K>) => Result<K>;

beforeEach(() => {
  store = provisionedStore("rsa:2048");
  vi.stubEnv("SOFTHSM2_CONF", store.conf);
  const dispatch = createDispatcher();
  call = (name, params) => dispatch({ call: name, params } as Request) as Result<typeof name>;
});

/** The same token behind a module with such orders. */
function bad(...orders: readonly string[]): VendorModule {
  const vendor = vendorModule(store);
  for (const [name, value] of Object.entries(vendor.env)) vi.stubEnv(name, value);
  vendor.order(...orders);
  return vendor;
}

const ID = Uint8Array.of(7, 7, 7);

afterEach(() => {
  call("close", undefined);
  vi.unstubAllEnvs();
  store.erase();
});

test("a session from the beginning to the end", () => {
  call("load", { module: store.module });
  expect(call("tokens", undefined).map(({ serialNumber }) => serialNumber)).toEqual([
    store.token.serialNumber,
  ]);
  const [contents] = call("contents", undefined);
  expect(contents?.certificates[0]).toMatchObject({
    der: store.credential.certificate,
    privateKey: "unknown",
  });
  expect(call("poll", undefined)).toEqual([store.token]);

  expect(call("open", store.token).present).toEqual([store.token]);
  call("login", { pin: PIN });
  const keyId = Uint8Array.of(9, 9);
  const message = Buffer.from("message");
  const pair = call("generate", { algorithm: "ec-p384", keyId, label: "new" });
  const signature = call("sign", { key: pair, algorithm: "ecdsa-with-SHA384", message });
  expect(verifySignature(pair.spki, "ecdsa-with-SHA384", message, signature)).toBe(true);

  const der = sampleCertificate(pair.spki);
  call("import", { der, keyId, label: "new" });
  call("import", { der, keyId: new Uint8Array(), label: "without CKA_ID" });
  const read = call("read", undefined);
  expect(read.certificates.map(({ privateKey }) => privateKey)).toEqual([
    "present",
    "present",
    "present",
  ]);
  call("destroy", { kind: "key-pair", keyId });
  call("destroy", { kind: "certificate", keyId });
  expect(call("find", { keyId, spki: pair.spki })).toBeUndefined();
  const left = call("read", undefined).certificates;
  expect(left.map(({ label, privateKey }) => [label, privateKey])).toEqual(
    expect.arrayContaining([["without CKA_ID", "absent"]]),
  );
  expect(left).toHaveLength(2);
});

test("an RSA key is found by its public key alone", () => {
  call("load", { module: store.module });
  call("open", store.token);
  call("login", { pin: PIN });
  const { publicKey } = new X509Certificate(store.credential.certificate);
  const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  const found = call("find", { keyId: new Uint8Array(), spki });
  expect(found).toMatchObject({ algorithm: "rsa-2048", spki });
  expect(Buffer.from(found?.keyId ?? []).equals(store.credential.keyId)).toBe(true);
});

test("an RSA key that does not tell its public key is found by what its signature proves", () => {
  const vendor = bad("refuse 290");
  call("load", { module: vendor.module });
  call("open", store.token);
  call("login", { pin: PIN });
  const { publicKey } = new X509Certificate(store.credential.certificate);
  const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  const { keyId } = store.credential;
  expect(call("find", { keyId })).toMatchObject({ algorithm: "rsa-2048", spki });
  expect(call("find", { keyId, spki })).toMatchObject({ spki });
  const other = { ...call("generate", { algorithm: "ec-p256", keyId: ID, label: "other" }), keyId };
  expect(call("find", other)).toBeUndefined();
});

test("a PIN that a signature's login refuses is not presented again", () => {
  const vendor = bad();
  const key = ["--keypairgen", "--key-type", "EC:prime256v1", "--id", "a11a", "--always-auth"];
  store.pkcs11Tool(...key);
  call("load", { module: vendor.module });
  call("open", store.token);
  call("login", { pin: PIN });
  const reference = { keyId: Buffer.from("a11a", "hex") };
  const message = Buffer.from("message");
  const sign = () => call("sign", { key: reference, algorithm: "ecdsa-with-SHA256", message });
  expect(sign().length).toBeGreaterThan(60);
  vendor.order("fail C_Login 160");
  expect(sign).toThrowError(expect.objectContaining({ code: "ERR_PIN_INCORRECT" }));
  vendor.order();
  const presented = () => vendor.calls().filter((each) => each === "CKU_CONTEXT_SPECIFIC").length;
  expect(presented()).toBe(2);
  expect(sign).toThrowError();
  expect(presented()).toBe(2);
});

test("a login that another program holds is no proof of the PIN: it is ended, and the PIN is looked at", () => {
  const vendor = bad();
  call("load", { module: vendor.module });
  call("open", store.token);
  call("login", { pin: PIN });
  expect(() => call("login", { pin: WRONG_PIN })).toThrowError(
    expect.objectContaining({ code: "ERR_PIN_INCORRECT" }),
  );
  call("login", { pin: PIN });
  call("login", { pin: PIN });
  const { keyId } = store.credential;
  expect(call("find", { keyId })).toBeDefined();
  vendor.order("fail C_Login 256");
  expect(() => call("login", { pin: PIN })).toThrowError(
    expect.objectContaining({
      code: "ERR_TOKEN_FAILURE",
      details: { ckr: "CKR_USER_ALREADY_LOGGED_IN" },
    }),
  );
  vendor.order();
});

describe("the key pair that is removed by its public key", () => {
  const keyId = Buffer.from("c0de", "hex");
  const privateKeys = () =>
    store
      .pkcs11Tool("--list-objects", "--type", "privkey")
      .match(/label: +\S+/g)
      ?.join() ?? "";

  test("is told by its signature, and nothing is removed where a key that cannot sign may be it", () => {
    const make = ["--keypairgen", "--key-type", "EC:prime256v1", "--id", "c0de"];
    store.pkcs11Tool(...make, "--label", "files");
    // CKA_PUBLIC_KEY_INFO: then an EC private key tells nothing of its public half.
    const vendor = bad("refuse 297");
    call("load", { module: vendor.module });
    call("open", store.token);
    call("login", { pin: PIN });
    const { spki } = call("generate", { algorithm: "ec-p256", keyId, label: "signing" });
    expect(privateKeys()).toMatch(/files.*signing|signing.*files/);
    const destroy = () => call("destroy", { kind: "key-pair", keyId, spki });

    // CKR_KEY_FUNCTION_NOT_PERMITTED
    vendor.order("refuse 297", "fail C_SignInit 104");
    expect(destroy).toThrowError(expect.objectContaining({ code: "ERR_TOKEN_FAILURE" }));
    expect(privateKeys()).toMatch(/files.*signing|signing.*files/);

    vendor.order("refuse 297");
    for (const _ of [1, 2]) destroy();
    expect(privateKeys()).toContain("files");
    expect(privateKeys()).not.toContain("signing");
  });

  test("is told by its modulus, where that is all that it tells", () => {
    call("load", { module: bad().module });
    call("open", store.token);
    call("login", { pin: PIN });
    const { spki } = call("generate", { algorithm: "rsa-2048", keyId, label: "signing" });
    const make = ["--keypairgen", "--key-type", "rsa:2048", "--id", "c0de"];
    store.pkcs11Tool(...make, "--label", "files");
    // CKA_PUBLIC_KEY_INFO and CKA_PUBLIC_EXPONENT: not every token tells them of a private key.
    const vendor = bad("refuse 297", "refuse 290");
    const signatures = () => vendor.calls().filter((each) => each.startsWith("C_SignInit")).length;
    for (const _ of [1, 2]) call("destroy", { kind: "key-pair", keyId, spki });
    expect(privateKeys()).toContain("files");
    expect(privateKeys()).not.toContain("signing");
    expect(signatures()).toBe(0);
  });
});

test("a key pair for encryption decrypts, and takes in what was enveloped to it", () => {
  call("load", { module: store.module });
  call("open", store.token);
  call("login", { pin: PIN });
  const usage = "encryption";
  const pair = call("generate", { algorithm: "rsa-2048", keyId: ID, label: "bids", usage });
  const algorithm = "rsaes-oaep-sha1";
  const aesKey = randomBytes(32);
  const recipient = { key: Buffer.from(pair.spki), type: "spki", format: "der" } as const;
  const ciphertext = publicEncrypt(recipient, aesKey);
  expect(call("decrypt", { key: pair, algorithm, ciphertext })).toEqual(new Uint8Array(aesKey));
  const failure = expect.objectContaining({ code: "ERR_DECRYPTION_FAILED", details: {} });
  expect(() => call("decrypt", { key: pair, algorithm, ciphertext: aesKey })).toThrowError(failure);
  expect(() =>
    call("decrypt", { key: pair, algorithm: "rsaes-oaep-sha512", ciphertext }),
  ).toThrowError(expect.objectContaining({ code: "ERR_ALGORITHM_UNSUPPORTED" }));

  const made = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const cipher = createCipheriv("id-aes256-wrap-pad", aesKey, Buffer.from("A65959A6", "hex"));
  const pkcs8 = made.privateKey.export({ type: "pkcs8", format: "der" });
  const wrappedPrivateKey = Buffer.concat([cipher.update(pkcs8), cipher.final()]);
  const spki = new Uint8Array(made.publicKey.export({ type: "spki", format: "der" }));
  const keyId = Uint8Array.of(8);
  const wanted = {
    envelopedKey: { encryptedKey: ciphertext, keyEncryption: algorithm, wrappedPrivateKey },
    ...{ unwrappingKey: pair, keyId, label: "from the CA" },
  } as const;
  expect(() => call("unwrap", { ...wanted, spki: pair.spki })).toThrowError(failure);
  expect(call("find", { keyId })).toBeUndefined();
  expect(call("unwrap", { ...wanted, spki })).toEqual({ keyId, algorithm: "rsa-2048", spki });
  const opened = publicEncrypt(made.publicKey, aesKey);
  expect(call("decrypt", { key: { keyId, spki }, algorithm, ciphertext: opened })).toEqual(
    new Uint8Array(aesKey),
  );
});

test("a module that lists no EC mechanism offers none, and is not asked for one", () => {
  const vendor = bad("hide 4160", "hide 4161");
  call("load", { module: vendor.module });
  const [token] = call("tokens", undefined);
  expect(token?.keyAlgorithms).toEqual(["rsa-2048", "rsa-3072", "rsa-4096"]);
  expect(token?.signatureAlgorithms).toHaveLength(6);
  call("open", store.token);
  call("login", { pin: PIN });
  const generate = () => call("generate", { algorithm: "ec-p256", keyId: ID, label: "none" });
  expect(generate).toThrowError(expect.objectContaining({ code: "ERR_ALGORITHM_UNSUPPORTED" }));
});

test("a token in a reader is read when it appears, and not at every look", () => {
  const vendor = bad();
  call("load", { module: vendor.module });
  const reads = () => vendor.calls().filter((each) => each === "C_GetTokenInfo").length;
  expect(call("poll", undefined)).toEqual([store.token]);
  const afterFirst = reads();
  expect(call("poll", undefined)).toEqual([store.token]);
  expect(reads()).toBe(afterFirst);
  vendor.order("removed 50");
  expect(call("poll", undefined)).toEqual([]);
  vendor.order("serial 0002");
  expect(call("poll", undefined)).toEqual([{ ...store.token, serialNumber: "0002" }]);
});

test("requests out of order, and what is not to be opened, are refused", () => {
  expect(() => call("tokens", undefined)).toThrowError(/no module is loaded/);
  expect(() => call("poll", undefined)).toThrowError(/no module is loaded/);
  call("load", { module: store.module });
  expect(() => call("read", undefined)).toThrowError(/no session is open/);
  const absent = { ...store.token, serialNumber: "0002" };
  expect(() => call("open", absent)).toThrowError(
    expect.objectContaining({ code: "ERR_TOKEN_WRONG" }),
  );
  call("open", store.token);
  expect(() => call("login", { pin: WRONG_PIN })).toThrowError(
    expect.objectContaining({ code: "ERR_PIN_INCORRECT" }),
  );
  expect(() => call("login", {})).toThrowError(
    expect.objectContaining({ code: "ERR_PIN_REQUIRED" }),
  );
});

test.each([
  ["a bigint for a boolean", 1, 1n],
  ["a string for bytes", 0x102, "0a"],
  ["a fraction for a number", 0, 0.5],
  ["an attribute that is in no template of ours", 0x999, true],
])("%s never reaches the binding, which would abort the process", (_, type, value) => {
  expect(() => template(new Map([[type, value as never]]))).toThrowError(
    expect.objectContaining({ code: "ERR_ARGUMENT" }),
  );
});
