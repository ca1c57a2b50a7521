import { type Clock, systemClock } from "../../core/clock.js";
import type { RsaPadding } from "../../core/domain/key-algorithm.js";
import { RenewalError } from "../../core/errors.js";
import type { CallOptions, Driver } from "../../core/ports/driver.js";
import { identifyThisProcess } from "../../core/process-identity.js";
import { faultPlan } from "../../testing/fault-plan.js";
import { callsIn, type MockCall } from "./calls.js";
import type { Fault, MockMethod } from "./faults.js";
import { type Insertion, reader } from "./reader.js";
import { type MockSession, mockSession } from "./session.js";
import type { MockToken } from "./token.js";

/** What {@link mockDriver} takes: all of it optional. */
export interface MockDriverOptions {
  /** Plugged in from the start. */
  readonly tokens?: readonly MockToken[] | undefined;
  /** Which RSA signatures are made: RSASSA-PKCS1-v1_5 (`pkcs1`, the default) or RSASSA-PSS. */
  readonly rsaPadding?: RsaPadding | undefined;
  readonly faults?: readonly Fault[] | undefined;
  /** Counts the time of slow and hanging calls. */
  readonly clock?: Clock | undefined;
  /** After this a call that hangs is ERR_MODULE_HUNG. Default 30,000. */
  readonly deadlineMs?: number | undefined;
}

/** A driver that shows what it was asked, and fails on demand. */
export interface MockDriver extends Driver {
  /** Every call so far, sessions' included, in the order in which they began. */
  readonly calls: readonly MockCall[];
  /** Plugs a token in, each time into another slot; one that is in stays where it is. */
  insert(token: MockToken): void;
  /** Pulls a token out, or every one. What is under way on it fails. */
  remove(token?: MockToken): void;
  /** Arms a fault; it counts calls from now on. */
  fault(fault: Fault): void;
}

/**
 * A driver for tokens in memory, with faults on demand: for tests, and for a first look without hardware. Its sessions
 * have this process as their host. A {@link MockToken} may be plugged into one driver after another, as a token is
 * used by one process after another.
 */
export function mockDriver(options: MockDriverOptions = {}): MockDriver {
  const { clock = systemClock, deadlineMs = 30_000, rsaPadding = "pkcs1" } = options;
  const ports = reader(rsaPadding);
  const plan = faultPlan<Fault, MockMethod>(
    options.faults ?? [],
    (fault, method) => (fault.method ?? method) === method,
  );
  const log: MockCall[] = [];
  const calls = callsIn({ log, plan, reader: ports, clock, deadlineMs });
  const own = new Set<MockSession>();
  for (const token of options.tokens ?? []) ports.insert(token);

  function openSession(insertion: Insertion): MockSession {
    const onToken = sessionsOn(insertion.token);
    const session = mockSession(insertion, ports, calls, (ended) => {
      own.delete(ended);
      onToken.delete(ended);
    });
    own.add(session);
    onToken.add(session);
    return session;
  }

  const list = <T>(method: MockMethod, { signal }: CallOptions, map: (each: Insertion) => T) =>
    calls({
      method,
      signal,
      assertUsable: () => {},
      prepare: async () => () => ports.insertions.map(map),
    });

  const driver: MockDriver = {
    name: "mock",
    calls: log,
    insert: ports.insert,
    remove: ports.remove,
    fault: plan.arm,

    tokens: (callOptions = {}) => list("tokens", callOptions, ports.tokenInfo),

    certificates: (callOptions = {}) =>
      list("certificates", callOptions, (insertion) => ({
        token: ports.tokenInfo(insertion),
        certificates: insertion.token.list(false),
        unreadableObjects: 0,
      })),

    watch(listener, { signal } = {}) {
      if (signal?.aborted) return () => {};
      const stop = ports.watch(listener);
      signal?.addEventListener("abort", stop, { once: true });
      return stop;
    },

    async unlock(identity, { pin, signal, onHost } = {}) {
      let session: MockSession | undefined;
      try {
        return await calls({
          method: "unlock",
          signal,
          assertUsable: () => session?.assertUsable(),
          prepare: async () => {
            const insertion = ports.find(identity);
            await onHost?.(await identifyThisProcess());
            return () => {
              ports.assertPresent(insertion);
              logIn(insertion.token, pin);
              session = openSession(insertion);
              return session;
            };
          },
        });
      } catch (error) {
        await session?.close();
        throw error;
      }
    },

    async endHost(host) {
      const { pid, startedAt, machine } = await identifyThisProcess();
      if (host.pid !== pid || host.startedAt !== startedAt || host.machine !== machine) return;
      for (const { token } of ports.insertions) {
        for (const session of [...sessionsOn(token)]) {
          session.end("ERR_MODULE_CRASHED", "its host was ended");
        }
      }
    },

    async close() {
      for (const session of [...own]) await session.close();
    },
    [Symbol.asyncDispose]: () => driver.close(),
  };
  return driver;
}

/** By token, since whoever takes a renewal over ends the sessions of another driver. */
const sessionsByToken = new WeakMap<MockToken, Set<MockSession>>();

function sessionsOn(token: MockToken): Set<MockSession> {
  const sessions = sessionsByToken.get(token) ?? new Set<MockSession>();
  sessionsByToken.set(token, sessions);
  return sessions;
}

function logIn(token: MockToken, pin: string | undefined): void {
  const { loginRequired, protectedAuthenticationPath } = token.settings;
  if (token.pinState === "locked") throw new RenewalError("ERR_PIN_LOCKED");
  if (pin === undefined && !protectedAuthenticationPath) {
    if (loginRequired) throw new RenewalError("ERR_PIN_REQUIRED");
    return;
  }
  // What is typed at the reader is not known here, and what was given beside it is not used.
  const presented = protectedAuthenticationPath ? undefined : pin;
  if (token.presentPin(presented) === "wrong") {
    throw new RenewalError("ERR_PIN_INCORRECT", { details: { pinState: token.pinState } });
  }
}
