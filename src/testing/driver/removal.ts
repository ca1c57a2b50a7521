import assert from "node:assert/strict";
import type { Driver, TokenEvent } from "../../core/ports/driver.js";
import type { DriverCase, DriverSetting } from "../driver-contract.js";
import { hostLog, identityOf, rejectsWith, unlock } from "./support.js";

/** The token is pulled out, put back, or exchanged. */
export const removalCases: readonly DriverCase[] = [
  {
    name: "tells of a removal and of the insertion after it",
    needs: "removal",
    async run(setting) {
      const { driver, token } = setting;
      const reader = readerOf(setting);
      await driver.tokens();
      const { next, stop } = watching(driver);
      await reader.remove();
      assertEvent(await next(), "removed", token);
      assert.deepEqual(await driver.tokens(), []);
      await reader.insert();
      assertEvent(await next(), "inserted", token);
      stop();
      stop();
    },
  },
  {
    name: "tells of another token by that token's identity",
    needs: "removal",
    async run(setting) {
      const { driver, token } = setting;
      await driver.tokens();
      const { next, stop } = watching(driver);
      const other = await readerOf(setting).insertOther();
      let event = await next();
      // A reader for one token gives the first one back.
      if (event.type === "removed") event = await next();
      assert.equal(event.type, "inserted");
      assert.equal(event.token.serialNumber, other.serialNumber);
      assert.notEqual(event.token.serialNumber, token.serialNumber);
      stop();
    },
  },
  {
    name: "says that no token is there",
    needs: "removal",
    async run(setting) {
      await readerOf(setting).remove();
      const { onHost, hosts } = hostLog();
      await rejectsWith("ERR_TOKEN_NOT_PRESENT", unlock(setting, { onHost }));
      assert.deepEqual(hosts, [], "no PIN is under way to a token that is not there");
      assert.deepEqual(await setting.driver.certificates(), []);
    },
  },
  {
    name: "says that the token was removed in the middle of a session",
    needs: "removal",
    async run(setting) {
      const session = await unlock(setting);
      const reader = readerOf(setting);
      await reader.remove();
      await rejectsWith("ERR_TOKEN_REMOVED", session.certificates());
      await session.close();
      await reader.insert();
      await using again = await unlock(setting);
      assert.equal((await again.certificates()).certificates.length, 1);
    },
  },
  {
    name: "says that another token took its place in the middle of a session",
    needs: "removal",
    async run(setting) {
      const session = await unlock(setting);
      const reader = readerOf(setting);
      await reader.remove();
      const other = await reader.insertOther();
      const error = await rejectsWith("ERR_TOKEN_WRONG", session.certificates());
      assert.ok(String(error.details["found"]).includes(other.label));
      await session.close();
    },
  },
];

function readerOf({ reader }: DriverSetting): NonNullable<DriverSetting["reader"]> {
  return reader ?? assert.fail("the fixture arranges removal, and its setting has no reader");
}

/** The events of a driver, to be awaited one by one. */
function watching(driver: Driver): { next(): Promise<TokenEvent>; stop(): void } {
  const events: TokenEvent[] = [];
  const waiting: ((event: TokenEvent) => void)[] = [];
  const stop = driver.watch((event) => {
    const waiter = waiting.shift();
    if (waiter) waiter(event);
    else events.push(event);
  });
  const next = async () => {
    const event = events.shift();
    if (event) return event;
    // A driver's watch keeps no process alive, and some test runners neither.
    const alive = setInterval(() => {}, 1_000);
    try {
      return await new Promise<TokenEvent>((done) => waiting.push(done));
    } finally {
      clearInterval(alive);
    }
  };
  return { next, stop };
}

function assertEvent(
  event: TokenEvent,
  type: TokenEvent["type"],
  token: TokenEvent["token"],
): void {
  assert.deepEqual(
    { ...event, token: identityOf(event.token) },
    { type, token: identityOf(token) },
  );
}
