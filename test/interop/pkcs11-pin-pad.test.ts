import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PIN, WRONG_PIN } from "../support/softhsm.js";
import { failureOf, type VendorSetting, vendorSetting } from "../support/vendor-setting.js";

// A reader with a PIN pad: the module takes no PIN but an empty one, and asks the holder, who types what `pad` says.

let setting: VendorSetting;

beforeEach(() => {
  setting = vendorSetting();
  setting.vendor.order(`pad ${PIN}`);
});

afterEach(() => setting.end());

describe("a PIN that is typed at the reader", () => {
  test("is told of in a listing, and no PIN is needed to unlock", async () => {
    const [token] = await setting.driver.tokens();
    expect(token?.protectedAuthenticationPath).toBe(true);
    await using session = await setting.driver.unlock(setting.store.token);
    expect((await setting.sign(session)).length).toBeGreaterThan(60);
    expect(logins("CKU_USER")).toBe(1);
  });

  test("is not replaced by one that the caller gives", async () => {
    await using session = await setting.driver.unlock(setting.store.token, { pin: WRONG_PIN });
    const { certificates } = await session.certificates();
    expect(certificates).toMatchObject([{ privateKey: "present" }]);
  });

  test("that is wrong is told of, and asked for once", async () => {
    setting.vendor.order(`pad ${WRONG_PIN}`);
    const error = await failureOf(setting.driver.unlock(setting.store.token));
    expect(error.code).toBe("ERR_PIN_INCORRECT");
    expect(logins("CKU_USER")).toBe(1);
  });

  test("is typed for each signature of a key that wants it", async () => {
    const key = ["--keypairgen", "--key-type", "EC:prime256v1", "--id", "a11a", "--always-auth"];
    setting.store.pkcs11Tool(...key, "--label", "always");
    await using session = await setting.driver.unlock(setting.store.token);
    const algorithm = "ecdsa-with-SHA256";
    const message = Buffer.from("message");
    for (const expected of [1, 2]) {
      await session.sign({ key: { keyId: Buffer.from("a11a", "hex") }, algorithm, message });
      expect(logins("CKU_CONTEXT_SPECIFIC")).toBe(expected);
    }
  });

  test("may take longer than the module may, and no longer than the holder may", async () => {
    const patient = setting.makeDriver({ deadlines: { login: 1_000, pinPad: 30_000 } });
    setting.vendor.order(`pad ${PIN}`, "slow C_Login 2");
    await using session = await patient.unlock(setting.store.token);
    expect(session.token.protectedAuthenticationPath).toBe(true);

    const hasty = setting.makeDriver({ deadlines: { login: 500, pinPad: 500 } });
    setting.vendor.order(`pad ${PIN}`, "hang C_Login");
    expect(await failureOf(hasty.unlock(setting.store.token))).toMatchObject({
      code: "ERR_MODULE_HUNG",
      details: { request: "login", deadlineMs: 1_000 },
    });
  });
});

function logins(user: "CKU_USER" | "CKU_CONTEXT_SPECIFIC"): number {
  return setting.vendor.calls().filter((call) => call === user).length;
}
