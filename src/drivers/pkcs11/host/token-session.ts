import * as graphene from "graphene-pk11";
import { identityOf, sameToken } from "../../../core/domain/token-identity.js";
import { RenewalError } from "../../../core/errors.js";
import type { Token, TokenIdentity } from "../../../core/ports/driver.js";
import { ckrOf } from "../errors.js";
import { nameOf } from "../identity.js";
import type { Mechanisms } from "./mechanisms.js";
import type { TokenModule } from "./module.js";
import type { ObjectAccess } from "./objects.js";
import {
  identityIn,
  type PresentToken,
  pinStateOf,
  presentToken,
  presentTokens,
} from "./tokens.js";

/** An open session on one token. It holds the PIN for as long as it lives, and gives it to the token only. */
export interface TokenSession extends ObjectAccess {
  readonly mechanisms: Mechanisms;
  /** Tokens that were present when the session was opened, this one included. */
  readonly present: readonly TokenIdentity[];
  /** The PIN is typed at the reader, so that each login is a task for the holder. */
  readonly holderTypesPin: boolean;
  /** What the token says of itself now. */
  token(): Token;
  /** @throws ERR_TOKEN_REMOVED when the slot is empty or holds another token */
  assertPresent(): void;
  /**
   * Presents the PIN, once. When it returns, the token has looked at it.
   * @throws ERR_PIN_LOCKED without presenting it, ERR_PIN_REQUIRED when there is none to present
   */
  login(pin: string | undefined): void;
  /**
   * The login that a key with CKA_ALWAYS_AUTHENTICATE wants for each use (PKCS#11 v2.40 §4.9), between C_SignInit and C_Sign,
   * or C_DecryptInit and C_Decrypt.
   */
  loginForUse(): void;
  close(): void;
}

/** @throws ERR_TOKEN_NOT_PRESENT, ERR_TOKEN_WRONG with `details.found` */
export function openSession(module: TokenModule, wanted: TokenIdentity): TokenSession {
  const present = presentTokens(module);
  const { slot, mechanisms, token } = findToken(present, wanted);
  const { SERIAL_SESSION, RW_SESSION } = graphene.SessionFlag;
  const session = slot.open(SERIAL_SESSION | RW_SESSION);
  const { UserType } = graphene;
  let presented: string | undefined;

  const assertPresent = () => {
    const now = isOccupied(module, slot) ? identityIn(slot) : undefined;
    if (now === undefined || !sameToken(now, wanted)) throw new RenewalError("ERR_TOKEN_REMOVED");
  };
  return {
    lib: module.lib,
    session: session.handle,
    mechanisms,
    present: present.map((each) => identityOf(each.token)),
    holderTypesPin: token.protectedAuthenticationPath,
    token: () => presentToken(slot, module.rsaPadding)?.token ?? token,
    assertPresent,
    login(pin) {
      const info = slot.getToken();
      if (pinStateOf(info) === "locked") throw new RenewalError("ERR_PIN_LOCKED");
      if (!pin && !token.loginRequired) return;
      if (!pin && !token.protectedAuthenticationPath) throw new RenewalError("ERR_PIN_REQUIRED");
      // The binding takes a string only; of no length, it means the reader's own PIN pad (PKCS#11 v2.40 §5.6, C_Login).
      const value = token.protectedAuthenticationPath ? "" : (pin ?? "");
      presented = undefined;
      loginAlone(session, value);
      presented = value;
    },
    loginForUse() {
      const value = presented;
      if (value === undefined) throw new RenewalError("ERR_PIN_REQUIRED");
      // Gone unless it is accepted: a PIN that failed is never presented again.
      presented = undefined;
      session.login(value, UserType.CONTEXT_SPECIFIC);
      presented = value;
    },
    close() {
      presented = undefined;
      if (token.loginRequired) session.logout();
      session.close();
    },
  };
}

/**
 * Some middleware shares one login between the programs of a user. It then looks at no PIN, so that login is ended first: a
 * PIN that nobody looked at is not a right one.
 */
function loginAlone(session: graphene.Session, pin: string): void {
  try {
    session.login(pin);
  } catch (error) {
    if (ckrOf(error) !== "CKR_USER_ALREADY_LOGGED_IN") throw error;
    session.logout();
    session.login(pin);
  }
}

function findToken(present: readonly PresentToken[], wanted: TokenIdentity): PresentToken {
  const found = present.find(({ token }) => sameToken(token, wanted));
  if (found !== undefined) return found;
  const [other] = present;
  if (other === undefined) throw new RenewalError("ERR_TOKEN_NOT_PRESENT");
  throw new RenewalError("ERR_TOKEN_WRONG", { details: { found: nameOf(other.token) } });
}

function isOccupied(module: TokenModule, slot: graphene.Slot): boolean {
  return (module.lib.C_GetSlotInfo(slot.handle).flags & graphene.SlotFlag.TOKEN_PRESENT) !== 0;
}
