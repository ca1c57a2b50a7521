import type { Token } from "certrenew";
import { type DriverParts, defineDriver, type SessionParts } from "certrenew/drivers/define";
import { describe, expect, test } from "vitest";
import { deferred } from "../support/deferred.js";

/** What a caller sees of an author's work that goes on after nobody waits for it any more. */

const token: Token = {
  serialNumber: "0001",
  label: "Sample key",
  model: "Own",
  manufacturer: "Example",
  slot: "memory",
  loginRequired: true,
  protectedAuthenticationPath: false,
  keyAlgorithms: ["ec-p256"],
  signatureAlgorithms: ["ecdsa-with-SHA256"],
  pinState: "ok",
};

const session: SessionParts = {
  keyPairs: async () => [],
  generateKeyPair: async () => new Uint8Array(),
  sign: async () => new Uint8Array(),
  importCertificate: async () => {},
  destroyCertificate: async () => {},
  destroyKeyPair: async () => {},
};

const driverOf = (parts: Partial<DriverParts>) =>
  defineDriver({
    name: "sample",
    tokens: async () => [token],
    certificates: async () => [],
    login: async () => session,
    ...parts,
  });

describe("a call that was aborted", () => {
  test("ends at once, and the next one waits for the work itself", async () => {
    const begun = deferred<void>();
    const work = deferred<void>();
    const log: string[] = [];
    let calls = 0;
    const driver = driverOf({
      async tokens() {
        calls += 1;
        const call = calls;
        log.push(`begins ${call}`);
        begun.resolve();
        if (call === 1) await work.promise;
        log.push(`ends ${call}`);
        return [token];
      },
    });
    const stop = new AbortController();
    const first = driver.tokens({ signal: stop.signal });
    await begun.promise;
    stop.abort();
    await expect(first).rejects.toMatchObject({ code: "ERR_ABORTED" });

    const second = driver.tokens();
    // One that does not want to wait for it does not have to, and takes nobody's turn.
    const hurried = driver.tokens({ signal: AbortSignal.timeout(20) });
    await expect(hurried).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(log).toEqual(["begins 1"]);
    work.resolve();

    expect(await second).toHaveLength(1);
    expect(log).toEqual(["begins 1", "ends 1", "begins 2", "ends 2"]);
  });

  test("was a login: who is logged in once it ends is logged out", async () => {
    const begun = deferred<void>();
    const login = deferred<SessionParts>();
    const loggedOut = deferred<void>();
    const driver = driverOf({
      login() {
        begun.resolve();
        return login.promise;
      },
    });
    const stop = new AbortController();
    const unlocked = driver.unlock(token, { pin: "123456", signal: stop.signal });
    await begun.promise;
    stop.abort();
    await expect(unlocked).rejects.toMatchObject({ code: "ERR_ABORTED" });

    login.resolve({ ...session, logout: async () => loggedOut.resolve() });

    await loggedOut.promise;
    expect(await driver.tokens()).toHaveLength(1);
  });
});
