import type { RsaPadding } from "../../core/domain/key-algorithm.js";
import { sameToken } from "../../core/domain/token-identity.js";
import { RenewalError } from "../../core/errors.js";
import { inOrderOf } from "../../core/pki/algorithms.js";
import type { Token, TokenEvent, TokenIdentity } from "../../core/ports/driver.js";
import type { MockToken } from "./token.js";

/** A token in a slot. Plugged in again, the same token is another insertion. */
export interface Insertion {
  readonly token: MockToken;
  /** Counts upward: what is plugged in later has a higher one. */
  readonly slot: number;
}

/** The ports of a machine, and what is plugged into them. */
export interface Reader {
  readonly insertions: readonly Insertion[];
  insert(token: MockToken): void;
  /** Absent: every token. */
  remove(token?: MockToken): void;
  watch(listener: (event: TokenEvent) => void): () => void;
  /** @throws ERR_TOKEN_NOT_PRESENT, ERR_TOKEN_WRONG */
  find(identity: TokenIdentity): Insertion;
  /** @throws ERR_TOKEN_REMOVED, ERR_TOKEN_WRONG when another one took its place */
  assertPresent(insertion: Insertion): void;
  /** What is told of the token there. */
  tokenInfo(insertion: Insertion): Token;
}

/** @param rsaPadding whose signatures its tokens list first */
export function reader(rsaPadding: RsaPadding): Reader {
  let insertions: readonly Insertion[] = [];
  let slots = 0;
  const listeners = new Set<(event: TokenEvent) => void>();

  function emit(type: TokenEvent["type"], token: MockToken): void {
    for (const listener of [...listeners]) {
      try {
        listener({ type, token: token.identity });
      } catch {
        // A listener observes: what it throws changes nothing.
      }
    }
  }

  return {
    get insertions() {
      return insertions;
    },
    insert(token) {
      if (insertions.some((each) => each.token === token)) return;
      insertions = [...insertions, { token, slot: slots++ }];
      emit("inserted", token);
    },
    remove(token) {
      const gone = insertions.filter((each) => token === undefined || each.token === token);
      insertions = insertions.filter((each) => !gone.includes(each));
      for (const each of gone) emit("removed", each.token);
    },
    watch(listener) {
      const own = (event: TokenEvent) => listener(event);
      listeners.add(own);
      return () => listeners.delete(own);
    },
    find(identity) {
      const found = insertions.find(({ token }) => sameToken(token.identity, identity));
      if (found) return found;
      if (insertions.length === 0) {
        throw new RenewalError("ERR_TOKEN_NOT_PRESENT", { details: { token: identity.label } });
      }
      throw wrongToken(identity, insertions);
    },
    assertPresent(insertion) {
      if (insertions.includes(insertion)) return;
      const { identity } = insertion.token;
      const later = insertions.filter(
        ({ slot, token }) => slot > insertion.slot && token !== insertion.token,
      );
      if (later.length > 0) throw wrongToken(identity, later);
      throw new RenewalError("ERR_TOKEN_REMOVED", { details: { token: identity.label } });
    },
    tokenInfo: (insertion) => tokenInfo(insertion, rsaPadding),
  };
}

function tokenInfo({ token, slot }: Insertion, rsaPadding: RsaPadding): Token {
  const { settings, freeMemory } = token;
  return {
    ...token.identity,
    slot: `Mock slot ${slot}`,
    pinState: token.pinState,
    loginRequired: settings.loginRequired,
    protectedAuthenticationPath: settings.protectedAuthenticationPath,
    ...(freeMemory !== undefined && { freeMemory: { public: freeMemory, private: freeMemory } }),
    keyAlgorithms: settings.keyAlgorithms,
    signatureAlgorithms: inOrderOf(rsaPadding, settings.signatureAlgorithms),
  };
}

function wrongToken(expected: TokenIdentity, found: readonly Insertion[]): RenewalError {
  const labels = found.map(({ token }) => token.identity.label).join(", ");
  return new RenewalError("ERR_TOKEN_WRONG", {
    details: { token: expected.label, found: labels },
  });
}
