import { softHsmDriver } from "certrenew/drivers/softhsm";
import { type DriverFixture, driverContract } from "certrenew/testing";
import { describe, test } from "vitest";
import { PIN, provisionedStore, WRONG_PIN } from "../support/softhsm.js";

const fixture: DriverFixture = {
  arranges: ["removal", "host-processes", "decryption"],
  async create() {
    const store = provisionedStore("rsa:2048");
    const driver = softHsmDriver({ conf: store.conf });
    return {
      driver,
      token: store.token,
      pin: PIN,
      wrongPin: WRONG_PIN,
      credential: store.credential,
      reader: {
        remove: async () => store.removeTokens(),
        insert: async () => store.insertTokens(),
        insertOther: async () => store.initialise("Another Token"),
      },
      async [Symbol.asyncDispose]() {
        await driver.close();
        store.erase();
      },
    };
  },
};

describe("softHsmDriver", () => {
  for (const { name, run } of driverContract(fixture)) test(name, run);
});
