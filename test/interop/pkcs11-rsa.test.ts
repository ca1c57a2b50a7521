import { createCipheriv, generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { softHsmDriver } from "certrenew/drivers/softhsm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KeyPairUsage } from "../../src/core/domain/key-algorithm.js";
import { parseCertificate, toPem } from "../../src/core/pki/certificate.js";
import { createRequest } from "../../src/core/pki/request.js";
import { signData } from "../../src/core/pki/signed-data.js";
import type { Driver, KeyPair, Session } from "../../src/core/ports/driver.js";
import type { Signer } from "../../src/core/ports/transport.js";
import { tokenSigner } from "../../src/core/signers.js";
import { pkcs11Driver } from "../../src/drivers/pkcs11/index.js";
import { openssl, tryOpenssl } from "../support/openssl.js";
import { PIN, provisionedStore } from "../support/softhsm.js";
import { vendorModule } from "../support/vendor-module.js";
import { failureOf } from "../support/vendor-setting.js";

const KEY_ID = Buffer.from("c0ffee", "hex");
const CKM = {
  RSA_PKCS: 1,
  RSA_PKCS_PSS: 0xd,
  SHA_RSA_PKCS: [0x40, 0x41, 0x42],
  SHA_RSA_PKCS_PSS: [0x43, 0x44, 0x45],
};

let store: ReturnType<typeof provisionedStore>;
let driver: Driver;
let session: Session;

beforeEach(async () => {
  store = provisionedStore("rsa:2048");
  driver = softHsmDriver({ conf: store.conf, rsaPadding: "pss" });
  session = await driver.unlock(store.token, { pin: PIN });
});

afterEach(async () => {
  await driver.close();
  store.erase();
});

describe("RSA-PSS of a token that is asked for it", () => {
  test("comes first, in a session as in a listing", async () => {
    const [listed] = await driver.tokens();
    for (const token of [listed, session.token, (await session.certificates()).token]) {
      expect(token?.signatureAlgorithms[0]).toBe("RSASSA-PSS-SHA256");
      expect(token?.signatureAlgorithms).toContain("sha256WithRSAEncryption");
    }
  });

  test("openssl verifies the request and the CMS that are signed with it", async () => {
    const signer = credentialSigner();
    const { subjectDer } = parseCertificate(signer.certificate);
    const request = await createRequest({ subjectDer, signer });
    const { stdout, stderr } = tryOpenssl(
      ["req", "-inform", "DER", "-noout", "-verify", "-text"],
      request,
    );
    expect(stderr).toContain("verify OK");
    expect(stdout.toString()).toMatch(
      /Signature Algorithm: rsassaPss[\s\S]+Hash Algorithm: sha256/,
    );

    const content = Buffer.from("what is signed");
    const cms = await signData({ content, signer, signingTime: new Date() });
    const verify = ["cms", "-verify", "-inform", "DER", "-binary", "-noverify"];
    expect(openssl(verify, cms)).toEqual(content);
  });

  test.each(["256", "384", "512"] as const)(
    "openssl verifies a signature: SHA-%s",
    async (bits) => {
      const { spki, sign } = credentialSigner();
      const message = Buffer.from("message");
      const signature = await sign(message, `RSASSA-PSS-SHA${bits}`);
      const options = ["rsa_padding_mode:pss", "rsa_pss_saltlen:digest", `rsa_mgf1_md:sha${bits}`];
      const verified = openssl([
        ...["dgst", `-sha${bits}`, ...options.flatMap((option) => ["-sigopt", option])],
        ...["-verify", file("key.pem", toPem(spki, "PUBLIC KEY"))],
        ...["-signature", file("signature", signature), file("message", message)],
      ]);
      expect(verified.toString()).toMatch("Verified OK");
    },
  );

  test("is made of a hash computed beside it where the token cannot hash", async () => {
    const vendor = vendorModule(store);
    vendor.order(...CKM.SHA_RSA_PKCS_PSS.map((mechanism) => `hide ${mechanism}`));
    await using unhashing = pkcs11Driver({ module: vendor.module, env: vendor.env });
    await using unlocked = await unhashing.unlock(store.token, { pin: PIN });
    // The signer verifies what it signs.
    await credentialSigner(unlocked).sign(Buffer.from("message"), "RSASSA-PSS-SHA384");
    expect(vendor.calls()).toContain(`C_SignInit:${CKM.RSA_PKCS_PSS}`);
  });

  test("is what a token signs with that has nothing else, asked for or not", async () => {
    const vendor = vendorModule(store);
    vendor.order(...[CKM.RSA_PKCS, ...CKM.SHA_RSA_PKCS].map((mechanism) => `hide ${mechanism}`));
    await using modern = pkcs11Driver({ module: vendor.module, env: vendor.env });
    await using unlocked = await modern.unlock(store.token, { pin: PIN });
    const { algorithms } = credentialSigner(unlocked);
    expect(algorithms).toEqual(["RSASSA-PSS-SHA256", "RSASSA-PSS-SHA384", "RSASSA-PSS-SHA512"]);
  });

  test("is not what is taken when nobody asks", async () => {
    await using plain = softHsmDriver({ conf: store.conf });
    const [token] = await plain.tokens();
    expect(token?.signatureAlgorithms[0]).toBe("sha256WithRSAEncryption");
    const wrong = { conf: store.conf, rsaPadding: "PSS" as "pss" };
    expect(() => softHsmDriver(wrong)).toThrowError(
      expect.objectContaining({ code: "ERR_ARGUMENT" }),
    );
  });
});

describe("a key pair for encryption", () => {
  test("decrypts what openssl encrypted, and another tool sees what it is for", async () => {
    const pair = await encryptionKey();
    for (const [algorithm, options] of [
      ["rsaes-pkcs1-v1_5", ["rsa_padding_mode:pkcs1"]],
      ["rsaes-oaep-sha1", ["rsa_padding_mode:oaep"]],
    ] as const) {
      const plaintext = randomBytes(32);
      const ciphertext = encrypted(pair, plaintext, options);
      expect(await session.decrypt?.({ key: pair, algorithm, ciphertext })).toEqual(
        new Uint8Array(plaintext),
      );
    }
    const objects = store.pkcs11Tool("--list-objects").split(/\n(?=\S)/);
    const usages = objects
      .filter((each) => /ID: +c0ffee$/m.test(each))
      .map((each) => /Usage: +(.*)/.exec(each)?.[1]);
    expect(usages.sort()).toEqual(["decrypt, sign, unwrap", "encrypt, verify, wrap"]);
  });

  test("with CKA_ALWAYS_AUTHENTICATE gets a login for each decryption", async () => {
    const vendor = vendorModule(store);
    const key = ["--keypairgen", "--key-type", "rsa:2048", "--id", "a11a", "--always-auth"];
    store.pkcs11Tool(...key, "--usage-decrypt", "--label", "always");
    await using watched = pkcs11Driver({ module: vendor.module, env: vendor.env });
    await using unlocked = await watched.unlock(store.token, { pin: PIN });
    const pair = await unlocked.findKeyPair({ keyId: Buffer.from("a11a", "hex") });
    if (pair === undefined) throw new Error("the key pair was not found");
    const before = contextLogins(vendor);
    const ciphertext = encrypted(pair, Buffer.from("secret"), ["rsa_padding_mode:pkcs1"]);
    for (const _ of [1, 2]) {
      const decrypted = await unlocked.decrypt?.({
        key: { keyId: pair.keyId },
        algorithm: "rsaes-pkcs1-v1_5",
        ciphertext,
      });
      expect(Buffer.from(decrypted ?? []).toString()).toBe("secret");
    }
    expect(contextLogins(vendor) - before).toBe(2);
  });

  test("tells of a token that was pulled out while it decrypts, and not of a wrong ciphertext", async () => {
    const pair = await encryptionKey();
    const vendor = vendorModule(store);
    await using watched = pkcs11Driver({ module: vendor.module, env: vendor.env });
    const ciphertext = encrypted(pair, Buffer.from("secret"), ["rsa_padding_mode:pkcs1"]);
    const failure = async (order: string) => {
      vendor.order();
      await using unlocked = await watched.unlock(store.token, { pin: PIN });
      vendor.order(order);
      const key = { keyId: pair.keyId };
      return failureOf(
        unlocked.decrypt?.({ key, algorithm: "rsaes-pkcs1-v1_5", ciphertext }) ?? Promise.resolve(),
      );
    };
    // CKR_ENCRYPTED_DATA_INVALID, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR: modules differ in what they say.
    for (const result of [0x40, 0x06, 0x05]) {
      const { code, details } = await failure(`fail C_Decrypt ${result}`);
      expect(code).toBe("ERR_DECRYPTION_FAILED");
      expect(Object.keys(details)).toEqual(["token"]);
    }
    expect(await failure("removed 5")).toMatchObject({ code: "ERR_TOKEN_REMOVED" });
  });
});

describe("a key pair in an envelope", () => {
  const made = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const spki = new Uint8Array(made.publicKey.export({ type: "spki", format: "der" }));
  const pkcs8 = made.privateKey.export({ type: "pkcs8", format: "der" });
  const importedId = Buffer.from("e2c0", "hex");

  const envelope = (opening: KeyPair, privateKey = pkcs8) => {
    const aesKey = randomBytes(32);
    const cipher = createCipheriv("id-aes256-wrap-pad", aesKey, Buffer.from("A65959A6", "hex"));
    return {
      encryptedKey: encrypted(opening, aesKey, ["rsa_padding_mode:oaep"]),
      keyEncryption: "rsaes-oaep-sha1",
      wrappedPrivateKey: Buffer.concat([cipher.update(privateKey), cipher.final()]),
    } as const;
  };

  test("is written where it can be used and not be read, and written once", async () => {
    const opening = await encryptionKey();
    const wanted = {
      envelopedKey: envelope(opening),
      unwrappingKey: opening,
      spki,
      keyId: importedId,
      label: "from the CA",
    };
    for (const _ of [1, 2]) {
      expect(await session.importKeyPair?.(wanted)).toMatchObject({ algorithm: "rsa-2048", spki });
    }
    const ciphertext = encrypted({ spki }, Buffer.from("a bid"), ["rsa_padding_mode:pkcs1"]);
    const algorithm = "rsaes-pkcs1-v1_5";
    const decrypted = await session.decrypt?.({
      key: { keyId: importedId },
      algorithm,
      ciphertext,
    });
    expect(Buffer.from(decrypted ?? []).toString()).toBe("a bid");

    const objects = store.pkcs11Tool("--list-objects").split(/\n(?=\S)/);
    const imported = objects.filter((each) => /ID: +e2c0$/m.test(each));
    expect(imported.map((each) => each.split(";")[0]).sort()).toEqual([
      "Private Key Object",
      "Public Key Object",
    ]);
    expect(imported.join("\n")).toMatch(
      /Private Key[\s\S]+Usage: +decrypt, unwrap\n +Access: +sensitive$/m,
    );
    expect(objects.some((each) => each.startsWith("Secret Key Object"))).toBe(false);
  });

  test("that holds another key, or is not for this token, leaves nothing", async () => {
    const opening = await encryptionKey();
    const other = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const wrong = [
      envelope(opening, other.export({ type: "pkcs8", format: "der" })),
      { ...envelope(opening), encryptedKey: envelope(opening).encryptedKey },
      { ...envelope(opening), wrappedPrivateKey: randomBytes(1232) },
    ];
    for (const envelopedKey of wrong) {
      await expect(
        session.importKeyPair?.({
          envelopedKey,
          unwrappingKey: opening,
          spki,
          keyId: importedId,
          label: "wrong",
        }),
      ).rejects.toMatchObject({ code: "ERR_DECRYPTION_FAILED" });
      expect(await session.findKeyPair({ keyId: importedId })).toBeUndefined();
    }
  });
});

function credentialSigner(within = session): Signer & { readonly certificate: Uint8Array } {
  const { keyId, certificate } = store.credential;
  const { spki } = parseCertificate(certificate);
  const context = { signal: new AbortController().signal, activity: () => {} };
  return { ...tokenSigner(context, within, { keyId, spki }), certificate };
}

function encryptionKey(usage: KeyPairUsage = "encryption"): Promise<KeyPair> {
  const label = "for bids";
  return session.generateKeyPair({ algorithm: "rsa-2048", keyId: KEY_ID, label, usage });
}

function encrypted(
  { spki }: Pick<KeyPair, "spki">,
  plaintext: Uint8Array,
  options: readonly string[],
): Uint8Array {
  const key = file("recipient.pem", toPem(spki, "PUBLIC KEY"));
  return new Uint8Array(
    openssl(
      ["pkeyutl", "-encrypt", "-pubin", "-inkey", key, ...options.flatMap((o) => ["-pkeyopt", o])],
      plaintext,
    ),
  );
}

function contextLogins(vendor: ReturnType<typeof vendorModule>): number {
  return vendor.calls().filter((call) => call === "CKU_CONTEXT_SPECIFIC").length;
}

function file(name: string, contents: Uint8Array | string): string {
  const path = join(store.folder, name);
  writeFileSync(path, contents);
  return path;
}
