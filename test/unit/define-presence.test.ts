import type { Token } from "certrenew";
import { defineDriver, type SessionParts } from "certrenew/drivers/define";
import { describe, expect, it } from "vitest";

const token: Token = {
  serialNumber: "1",
  label: "first",
  model: "Own",
  manufacturer: "Example",
  slot: "one",
  pinState: "ok",
  loginRequired: true,
  protectedAuthenticationPath: false,
  keyAlgorithms: [],
  signatureAlgorithms: [],
};

const nothing: SessionParts = {
  keyPairs: async () => [],
  generateKeyPair: async () => new Uint8Array(),
  sign: async () => new Uint8Array(),
  importCertificate: async () => {},
  destroyCertificate: async () => {},
  destroyKeyPair: async () => {},
};

/** A driver whose tokens come and go, and the PINs that its token was given. */
function reader() {
  const place: { tokens: Token[]; readonly pins: (string | undefined)[] } = {
    tokens: [token],
    pins: [],
  };
  const driver = defineDriver({
    name: "reader",
    tokens: async () => place.tokens,
    certificates: async () => [],
    async login(_token, pin) {
      place.pins.push(pin);
      return nothing;
    },
  });
  return { driver, place };
}

describe("defineDriver", () => {
  it.each([
    ["is pulled out", [], "ERR_TOKEN_REMOVED"],
    ["is exchanged", [{ ...token, serialNumber: "2", label: "other" }], "ERR_TOKEN_WRONG"],
  ])("says in a session that the token %s", async (_, tokens, code) => {
    const { driver, place } = reader();
    const session = await driver.unlock(token, { pin: "1234" });
    place.tokens = tokens;
    await expect(session.certificates()).rejects.toMatchObject({ code });
  });

  it("presents no PIN where none was given and the token wants one", async () => {
    const { driver, place } = reader();
    const hosts: unknown[] = [];
    const onHost = async (host: unknown) => void hosts.push(host);
    await expect(driver.unlock(token, { onHost })).rejects.toMatchObject({
      code: "ERR_PIN_REQUIRED",
    });
    expect([place.pins, hosts]).toEqual([[], []]);
  });

  it("logs in without a PIN at a PIN pad", async () => {
    const { driver, place } = reader();
    place.tokens = [{ ...token, protectedAuthenticationPath: true }];
    await driver.unlock(token);
    expect(place.pins).toEqual([undefined]);
  });
});
