import assert from "node:assert/strict";
import { type ProcessIdentity, processState } from "../../core/process-identity.js";
import type { DriverCase } from "../driver-contract.js";
import { hostLog, identityOf, rejectsWith, unlock } from "./support.js";

/** The PIN, the host, and how a session begins and ends. */
export const unlockingCases: readonly DriverCase[] = [
  {
    name: "unlocks with the right PIN",
    async run(setting) {
      await using session = await unlock(setting);
      assert.deepEqual(identityOf(session.token), identityOf(setting.token));
      const { certificates } = await session.certificates();
      assert.deepEqual(
        certificates.map(({ privateKey }) => privateKey),
        ["present"],
      );
    },
  },
  {
    name: "says that a PIN is wrong, and takes the right one after it",
    async run(setting) {
      const error = await rejectsWith(
        "ERR_PIN_INCORRECT",
        unlock(setting, { pin: setting.wrongPin }),
      );
      assert.ok(!JSON.stringify(error).includes(setting.wrongPin), "no PIN in an error");
      const [token] = await setting.driver.tokens();
      assert.notEqual(token?.pinState, "locked", "one wrong PIN was presented once");
      await using session = await unlock(setting);
      assert.equal(session.token.serialNumber, setting.token.serialNumber);
    },
  },
  {
    name: "does not present a PIN to a locked token",
    needs: "pin-lock",
    async run(setting) {
      await setting.lockPin?.();
      const [token] = await setting.driver.tokens();
      assert.equal(token?.pinState, "locked");
      await rejectsWith("ERR_PIN_LOCKED", unlock(setting));
    },
  },
  {
    name: "names the token that is there instead of the one asked for",
    async run(setting) {
      const absent = { ...identityOf(setting.token), serialNumber: "0000absent" };
      const { onHost, hosts } = hostLog();
      const error = await rejectsWith(
        "ERR_TOKEN_WRONG",
        setting.driver.unlock(absent, { pin: setting.pin, onHost }),
      );
      assert.deepEqual(hosts, [], "no PIN is under way to a token that is not there");
      assert.ok(String(error.details["found"]).includes(setting.token.label));
    },
  },
  {
    name: "tells its host before the PIN crosses, and waits for the answer",
    async run(setting) {
      let host: ProcessIdentity | undefined;
      let answered = false;
      const session = await unlock(setting, {
        onHost: async (identity) => {
          host = identity;
          assert.equal(await processState(identity), "alive");
          await new Promise((resolve) => setImmediate(resolve));
          answered = true;
        },
      });
      await session.close();
      assert.ok(host !== undefined && host.pid > 0);
      assert.ok(answered);
    },
  },
  {
    name: "ends the host and presents no PIN where onHost rejects",
    async run(setting) {
      const refusal = new Error("the claim could not be saved");
      await assert.rejects(
        unlock(setting, { pin: setting.wrongPin, onHost: () => Promise.reject(refusal) }),
        refusal,
      );
      const [token] = await setting.driver.tokens();
      assert.equal(token?.pinState, "ok", "a wrong PIN would have shown");
    },
  },
  {
    name: "runs each session in a process of its own, which ends with it",
    needs: "host-processes",
    async run(setting) {
      const { onHost, hosts } = hostLog();
      const first = await unlock(setting, { onHost });
      const second = await unlock(setting, { onHost });
      assert.equal(new Set([process.pid, ...hosts.map(({ pid }) => pid)]).size, 3);
      await first.close();
      await second.certificates();
      await second.close();
      assert.deepEqual(await Promise.all(hosts.map(processState)), ["dead", "dead"]);
    },
  },
  {
    name: "ends the host of a dead owner, whoever asks, and may be asked twice",
    needs: "host-processes",
    async run(setting) {
      const { onHost, hosts } = hostLog();
      const session = await unlock(setting, { onHost });
      const [host] = hosts;
      assert.ok(host !== undefined);
      await setting.driver.endHost({ ...host, startedAt: "another process with this pid" });
      assert.equal(await processState(host), "alive");
      await setting.driver.endHost(host);
      assert.equal(await processState(host), "dead");
      await setting.driver.endHost(host);
      await rejectsWith("ERR_MODULE_CRASHED", session.certificates());
      await session.close();
    },
  },
  {
    name: "refuses to unlock when the signal was aborted",
    async run(setting) {
      await rejectsWith("ERR_ABORTED", unlock(setting, { signal: AbortSignal.abort() }));
      await using session = await unlock(setting);
      assert.equal(session.token.label, setting.token.label);
    },
  },
  {
    name: "may close a session twice, and refuses calls after it",
    async run(setting) {
      const session = await unlock(setting);
      await session.close();
      await session.close();
      await assert.rejects(session.certificates());
    },
  },
  {
    name: "ends open sessions when the driver is closed",
    async run(setting) {
      const session = await unlock(setting);
      await setting.driver.close();
      await assert.rejects(session.certificates());
      await session.close();
    },
  },
];
