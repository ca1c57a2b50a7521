import { sameToken } from "../../../src/core/domain/token-identity.js";
import { RenewalError } from "../../../src/core/errors.js";
import { createRuntime, type RenewalClientOptions } from "../../../src/core/options.js";
import type {
  Driver,
  Session,
  Token,
  TokenIdentity,
  UnlockOptions,
} from "../../../src/core/ports/driver.js";
import type { Transport } from "../../../src/core/ports/transport.js";
import type { ProcessIdentity } from "../../../src/core/process-identity.js";
import type { Runtime } from "../../../src/core/runtime.js";
import { memoryStore } from "../../../src/store/memory.js";
import { testClock } from "../../support/clock.js";
import { NOW, root, sampleToken } from "./samples.js";

export const HOST: ProcessIdentity = { pid: 4_000_000, startedAt: "never", machine: "nowhere" };

/** What a driver was asked for. */
export interface FakeDriver extends Driver {
  readonly ended: ProcessIdentity[];
  /** The PINs that reached the token, in order. */
  readonly presented: (string | undefined)[];
  readonly closedSessions: { count: number };
}

export interface FakeDriverOptions {
  readonly tokens?: readonly Token[];
  /** What the token does with a PIN. Default: takes it. */
  readonly login?: (pin: string | undefined, attempt: number) => Promise<void> | void;
  /** Instead of finding the token and presenting the PIN. */
  readonly unlock?: (token: TokenIdentity, options: UnlockOptions) => Promise<Session>;
  readonly session?: Partial<Session>;
}

export function fakeDriver(options: FakeDriverOptions = {}): FakeDriver {
  const tokens = options.tokens ?? [sampleToken()];
  const ended: ProcessIdentity[] = [];
  const presented: (string | undefined)[] = [];
  const closedSessions = { count: 0 };
  return {
    name: "fake",
    ended,
    presented,
    closedSessions,
    tokens: async () => tokens,
    certificates: notHere,
    watch: () => () => undefined,
    async unlock(identity, given = {}) {
      if (options.unlock) return options.unlock(identity, given);
      const token = tokens.find((candidate) => sameToken(candidate, identity));
      if (!token) throw new RenewalError("ERR_TOKEN_NOT_PRESENT");
      await given.onHost?.(HOST);
      presented.push(given.pin);
      await options.login?.(given.pin, presented.length);
      return fakeSession(token, closedSessions, options.session);
    },
    async endHost(host) {
      ended.push(host);
    },
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function fakeSession(
  token: Token,
  closed: { count: number },
  over: Partial<Session> = {},
): Session {
  const close = async () => {
    closed.count += 1;
  };
  return {
    token,
    generateKeyPair: notHere,
    findKeyPair: notHere,
    sign: notHere,
    importCertificate: notHere,
    certificates: notHere,
    destroy: notHere,
    ...over,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A transport that nobody may use, but for what is given. */
export function fakeTransport(over: Partial<Transport> = {}): Transport {
  return {
    name: "fake",
    traits: { polling: "free", collectStartsClock: false, duplicateSafety: "exact" },
    prepare: notHere,
    send: notHere,
    recover: notHere,
    progress: notHere,
    collect: notHere,
    prepareConfirmation: notHere,
    ...over,
  };
}

export function testRuntime(over: Partial<RenewalClientOptions> = {}): Runtime {
  return createRuntime({
    driver: fakeDriver(),
    transport: fakeTransport(),
    store: memoryStore(),
    trustAnchors: root.certificate,
    clock: testClock(NOW),
    ...over,
  });
}

async function notHere(): Promise<never> {
  throw new Error("this is not part of the test");
}
