import { MockToken, mockDriver } from "certrenew/drivers/mock";
import { type DriverFixture, driverContract, sampleCertificate } from "certrenew/testing";
import { describe, test } from "vitest";

const fixture: DriverFixture = {
  arranges: ["removal", "pin-lock", "decryption"],
  async create() {
    const token = new MockToken({ label: "Sample", pin: "648219" });
    const keyId = Uint8Array.of(1, 2, 3);
    const { spki } = await token.generateKeyPair({ algorithm: "ec-p256", keyId, label: "key" });
    const credential = { certificate: sampleCertificate(spki), keyId, label: "certificate" };
    token.importCertificate({ der: credential.certificate, keyId, label: credential.label });
    const driver = mockDriver({ tokens: [token] });
    return {
      driver,
      token: token.identity,
      pin: "648219",
      wrongPin: "999999",
      credential,
      reader: {
        remove: async () => driver.remove(token),
        insert: async () => driver.insert(token),
        async insertOther() {
          const other = new MockToken({ serialNumber: "0002", label: "Another" });
          driver.insert(other);
          return other.identity;
        },
      },
      lockPin: async () => token.setWrongTries(3),
      [Symbol.asyncDispose]: () => driver.close(),
    };
  },
};

describe("mockDriver", () => {
  for (const { name, run } of driverContract(fixture)) test(name, run);
});
