import { pkcs11Driver } from "certrenew/drivers/pkcs11";
import { type DriverFixture, driverContract } from "certrenew/testing";
import { describe, expect, test } from "vitest";
import { PIN, provisionedStore, WRONG_PIN } from "../support/softhsm.js";
import { vendorModule } from "../support/vendor-module.js";

const CKF_USER_PIN_LOCKED = 0x40000;
const CKR_GENERAL_ERROR = 5;
const CKM = { SHA256_RSA_PKCS: 0x40, SHA384_RSA_PKCS: 0x41, SHA512_RSA_PKCS: 0x42 };

/** A reader with removable tokens, and a module that cannot hash: all that SoftHSM alone does not show. */
const lacking = Object.values(CKM).map((mechanism) => `hide ${mechanism}`);

function create() {
  const store = provisionedStore("rsa:2048");
  const vendor = vendorModule(store);
  vendor.order(...lacking);
  const driver = pkcs11Driver({ module: vendor.module, env: vendor.env });
  return {
    vendor,
    driver,
    token: store.token,
    pin: PIN,
    wrongPin: WRONG_PIN,
    credential: store.credential,
    reader: {
      remove: async () => vendor.order(`removed ${CKR_GENERAL_ERROR}`),
      insert: async () => vendor.order(...lacking),
      async insertOther() {
        vendor.order("serial 0002");
        return { ...store.token, serialNumber: "0002" };
      },
    },
    lockPin: async () => vendor.order(`flags ${CKF_USER_PIN_LOCKED}`),
    async [Symbol.asyncDispose]() {
      await driver.close();
      store.erase();
    },
  };
}

const fixture: DriverFixture = {
  arranges: ["removal", "pin-lock", "host-processes", "decryption"],
  create: async () => create(),
};

describe("pkcs11Driver", () => {
  for (const { name, run } of driverContract(fixture)) test(name, run);

  test("gives a module that cannot hash a DigestInfo to sign", async () => {
    await using setting = create();
    await using session = await setting.driver.unlock(setting.token, { pin: PIN });
    const { keyId } = setting.credential;
    const algorithm = "sha384WithRSAEncryption";
    await session.sign({ key: { keyId }, algorithm, message: Buffer.from("message") });
    expect(setting.vendor.calls()).toContain("C_SignInit:1");
  });
});
