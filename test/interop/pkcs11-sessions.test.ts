import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PIN, WRONG_PIN } from "../support/softhsm.js";
import {
  failureOf,
  NEW_KEY,
  type VendorSetting,
  vendorSetting,
} from "../support/vendor-setting.js";

const CKR = {
  GENERAL_ERROR: 0x5,
  DEVICE_ERROR: 0x30,
  DEVICE_MEMORY: 0x31,
  DEVICE_REMOVED: 0x32,
  PIN_LOCKED: 0xa4,
  SESSION_HANDLE_INVALID: 0xb3,
  TOKEN_NOT_PRESENT: 0xe0,
};
const CKF_USER_PIN_FINAL_TRY = 0x20000;
const CKA_LABEL = 3;

let setting: VendorSetting;
let store: VendorSetting["store"];
let vendor: VendorSetting["vendor"];
let driver: VendorSetting["driver"];

beforeEach(() => {
  setting = vendorSetting();
  ({ store, vendor, driver } = setting);
});

afterEach(() => setting.end());

describe("the PIN", () => {
  const logins = () => vendor.calls().filter((call) => call === "CKU_USER").length;

  test("is presented once for each unlock, right or wrong", async () => {
    const { session } = await setting.unlocked();
    await setting.sign(session);
    await session.certificates();
    expect(logins()).toBe(1);
    await failureOf(driver.unlock(store.token, { pin: WRONG_PIN }));
    expect(logins()).toBe(2);
  });

  test("is not presented by listing, to a locked token, after a refusal, or when there is none", async () => {
    await driver.certificates();
    vendor.order("flags 262144");
    expect(await failureOf(driver.unlock(store.token, { pin: PIN }))).toMatchObject({
      code: "ERR_PIN_LOCKED",
      details: { token: expect.stringContaining("Sample Token") },
    });
    vendor.order();
    const onHost = () => Promise.reject(new Error("not saved"));
    await expect(driver.unlock(store.token, { pin: PIN, onHost })).rejects.toThrow("not saved");
    expect(await failureOf(driver.unlock(store.token))).toMatchObject({ code: "ERR_PIN_REQUIRED" });
    expect(logins()).toBe(0);
  });

  test("locked by this very try is told as locked", async () => {
    vendor.order(`fail C_Login ${CKR.PIN_LOCKED}`);
    const error = await failureOf(driver.unlock(store.token, { pin: WRONG_PIN }));
    expect(error).toMatchObject({ code: "ERR_PIN_LOCKED", details: { ckr: "CKR_PIN_LOCKED" } });
  });

  test.each([
    ["is told as removed", "removed 48", "ERR_TOKEN_REMOVED"],
    ["and another one came is told so", "serial 0002", "ERR_TOKEN_WRONG"],
  ])(
    "under way to a token that is pulled out %s: onHost was told before",
    async (_, order, code) => {
      const hosts: unknown[] = [];
      const onHost = async (host: unknown) => {
        hosts.push(host);
        vendor.order("fail C_Login 48", order);
      };
      expect((await failureOf(driver.unlock(store.token, { pin: PIN, onHost }))).code).toBe(code);
      expect(logins()).toBe(1);
      expect(hosts).toHaveLength(1);
    },
  );

  test("on its final try shows in the token's state", async () => {
    vendor.order(`flags ${CKF_USER_PIN_FINAL_TRY}`);
    expect((await driver.tokens())[0]?.pinState).toBe("final");
  });
});

describe("a native failure in a session", () => {
  const { GENERAL_ERROR, DEVICE_ERROR, DEVICE_REMOVED, SESSION_HANDLE_INVALID, TOKEN_NOT_PRESENT } =
    CKR;

  test.each([
    GENERAL_ERROR,
    DEVICE_ERROR,
    DEVICE_REMOVED,
    SESSION_HANDLE_INVALID,
    TOKEN_NOT_PRESENT,
  ])("is a removal when the token is gone: CK_RV %i", async (rv) => {
    const { session } = await setting.unlocked();
    vendor.order(`removed ${rv}`);
    expect(await failureOf(setting.sign(session))).toMatchObject({
      code: "ERR_TOKEN_REMOVED",
      details: { ckr: expect.stringMatching(/^CKR_/), token: expect.stringContaining("Sample") },
    });
  });

  test("is another token when that is in the reader now", async () => {
    const { session } = await setting.unlocked();
    vendor.order("serial 0002", `fail C_Sign ${DEVICE_ERROR}`);
    expect(await failureOf(setting.sign(session))).toMatchObject({
      code: "ERR_TOKEN_WRONG",
      details: { found: "Sample Token (0002)" },
    });
  });

  test("is a failure of the token when it is still there", async () => {
    const { session } = await setting.unlocked();
    vendor.order(`fail C_Sign ${GENERAL_ERROR}`);
    expect(await failureOf(setting.sign(session))).toMatchObject({
      code: "ERR_TOKEN_FAILURE",
      details: { ckr: "CKR_GENERAL_ERROR" },
    });
  });

  test("is a lost session when the token was unplugged and is back", async () => {
    const { session } = await setting.unlocked();
    vendor.order(`fail C_Sign ${SESSION_HANDLE_INVALID}`);
    expect(await failureOf(setting.sign(session))).toMatchObject({ code: "ERR_TOKEN_REMOVED" });
  });

  test("is a full token where there is no room", async () => {
    const { session } = await setting.unlocked();
    vendor.order(
      `fail C_GenerateKeyPair ${CKR.DEVICE_MEMORY}`,
      `fail C_CreateObject ${CKR.DEVICE_MEMORY}`,
    );
    const full = { code: "ERR_TOKEN_FULL", details: { ckr: "CKR_DEVICE_MEMORY" } };
    expect(await failureOf(session.generateKeyPair(NEW_KEY))).toMatchObject(full);
    const { certificate: der } = store.credential;
    const write = { der, keyId: NEW_KEY.keyId, label: "new" };
    expect(await failureOf(session.importCertificate(write))).toMatchObject(full);
  });
});

describe("an object that cannot be read", () => {
  test("is counted, and hides no other", async () => {
    const { certificate } = store.credential;
    const second = join(store.folder, "second.der");
    writeFileSync(second, certificate);
    store.pkcs11Tool("--write-object", second, "--type", "cert", "--id", "bad0", "--label", "bad");
    // Its class can still be read, and nothing after it.
    truncateSync(objectFileWith(Buffer.from("bad0", "hex")), 100);
    const [contents] = await driver.certificates();
    expect(contents?.unreadableObjects).toBe(1);
    expect(contents?.certificates.map(({ label }) => label)).toEqual(["Sample Applicant"]);
  });

  test("in one attribute only is read without it", async () => {
    vendor.order(`refuse ${CKA_LABEL}`);
    const [contents] = await driver.certificates();
    expect(contents?.certificates.map(({ label }) => label)).toEqual([""]);
    expect(contents?.certificates[0]?.der).toEqual(store.credential.certificate);
  });
});

/** The file in which SoftHSM keeps the object with these octets in it. */
function objectFileWith(octets: Buffer): string {
  const tokens = join(store.folder, "tokens");
  const files = readdirSync(tokens, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".object"))
    .map((name) => join(tokens, name));
  const found = files.find((path) => readFileSync(path).includes(octets));
  if (found === undefined) throw new Error("SoftHSM has no such object");
  return found;
}
