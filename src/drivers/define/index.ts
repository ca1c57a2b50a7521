import { setImmediate as turn } from "node:timers/promises";
import { identityOf, sameToken } from "../../core/domain/token-identity.js";
import { RenewalError } from "../../core/errors.js";
import type {
  Driver,
  Session,
  Token,
  TokenContents,
  TokenIdentity,
} from "../../core/ports/driver.js";
import { identifyThisProcess } from "../../core/process-identity.js";
import { watchTokens } from "../pkcs11/watch.js";
import { inTurn } from "./calls.js";
import type { DriverParts } from "./parts.js";
import { openSession } from "./session.js";

export type { DriverParts, SessionParts, StoredCertificate, WantedKeyPair } from "./parts.js";

/**
 * A driver from the few things that only its author knows: which tokens there are, and what is done on one. Order, aborts,
 * the search for tokens and keys, and what must be safe to repeat are done here as the port wants them.
 *
 * Sessions run in this process and end with it: for a service, a vault or a test bench. Native code belongs into a process
 * of its own, as `pkcs11Driver` does it; who needs that implements {@link Driver} itself.
 *
 * @example
 * const driver = defineDriver({
 *   name: "vault",
 *   tokens: async () => [token],
 *   certificates: async () => vault.certificates,
 *   login: async (_, pin) => vault.login(pin),
 * });
 */
export function defineDriver(parts: DriverParts): Driver {
  const calls = inTurn();
  const sessions = new Set<Session>();
  let known: readonly TokenIdentity[] | undefined;

  async function present(): Promise<readonly Token[]> {
    const tokens = await parts.tokens();
    known = tokens.map(identityOf);
    return tokens;
  }

  async function contents(token: Token): Promise<TokenContents> {
    const certificates = (await parts.certificates(token)).map((each) => ({
      ...each,
      privateKey: "unknown" as const,
    }));
    return { token, certificates, unreadableObjects: 0 };
  }

  return {
    name: parts.name,
    tokens: (options) => calls(options, present),
    certificates: (options) =>
      calls(options, async () => Promise.all((await present()).map(contents))),
    watch(listener, options = {}) {
      const presence = {
        get known() {
          return known;
        },
        look: async () => (await calls({}, present)).map(identityOf),
      };
      return watchTokens(presence, listener, options);
    },
    async unlock(wanted, { pin, signal, onHost } = {}) {
      const token = await calls({ signal }, async () => find(await present(), wanted));
      if (pin === undefined && token.loginRequired && !token.protectedAuthenticationPath) {
        throw new RenewalError("ERR_PIN_REQUIRED", { details: { token: token.label } });
      }
      await onHost?.(await identifyThisProcess());
      // An abort must be seen before the PIN is presented; afterwards it is too late.
      await turn();
      const opened = await calls({ signal }, async () => {
        const parted = await parts.login(token, pin);
        // Nobody waits for it any more.
        if (signal?.aborted) await parted.logout?.();
        return parted;
      });
      const session = openSession(parts, token, opened, () => sessions.delete(session));
      sessions.add(session);
      return session;
    },
    // Its sessions have no other process than the one that they were opened in.
    endHost: async () => {},
    close: async () => void (await Promise.all([...sessions].map((session) => session.close()))),
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}

/** @throws ERR_TOKEN_NOT_PRESENT, ERR_TOKEN_WRONG */
function find(tokens: readonly Token[], wanted: TokenIdentity): Token {
  const found = tokens.find((token) => sameToken(token, wanted));
  if (found) return found;
  const [other] = tokens;
  const details = { token: wanted.label, serialNumber: wanted.serialNumber };
  if (!other) throw new RenewalError("ERR_TOKEN_NOT_PRESENT", { details });
  throw new RenewalError("ERR_TOKEN_WRONG", {
    details: { ...details, found: other.label, foundSerialNumber: other.serialNumber },
  });
}
