import * as graphene from "graphene-pk11";
import type { RsaPadding } from "../../../core/domain/key-algorithm.js";
import { inOrderOf } from "../../../core/pki/algorithms.js";
import type { PinState, Token, TokenIdentity } from "../../../core/ports/driver.js";
import {
  keyAlgorithmsOf,
  type Mechanisms,
  mechanismsOf,
  signatureAlgorithmsOf,
} from "./mechanisms.js";
import type { TokenModule } from "./module.js";

/** A token in a slot, with what the driver tells of it. */
export interface PresentToken {
  readonly slot: graphene.Slot;
  readonly mechanisms: Mechanisms;
  readonly token: Token;
}

/** Initialised tokens that are present now. One that fails when it is looked at hides no other. */
export function presentTokens(module: TokenModule): PresentToken[] {
  return module.slots().flatMap((slot) => {
    try {
      const present = presentToken(slot, module.rsaPadding);
      return present ? [present] : [];
    } catch {
      // Pulled out since the list was made, or a card that the module does not know.
      return [];
    }
  });
}

/** `undefined` for a token that was never initialised: it has no identity. */
export function presentToken(
  slot: graphene.Slot,
  rsaPadding: RsaPadding = "pkcs1",
): PresentToken | undefined {
  const info = slot.getToken();
  if (!has(info, graphene.TokenFlag.TOKEN_INITIALIZED)) return undefined;
  const mechanisms = mechanismsOf(slot);
  const token: Token = {
    ...identity(info),
    slot: slot.slotDescription.trim(),
    pinState: pinStateOf(info),
    loginRequired: has(info, graphene.TokenFlag.LOGIN_REQUIRED),
    protectedAuthenticationPath: has(info, graphene.TokenFlag.PROTECTED_AUTHENTICATION_PATH),
    freeMemory: freeMemory(info),
    keyAlgorithms: keyAlgorithmsOf(mechanisms),
    signatureAlgorithms: inOrderOf(rsaPadding, signatureAlgorithmsOf(mechanisms)),
  };
  return { slot, mechanisms, token };
}

/** The token's identity as it is in the slot now, `undefined` when there is none. */
export function identityIn(slot: graphene.Slot): TokenIdentity | undefined {
  const info = slot.getToken();
  return has(info, graphene.TokenFlag.TOKEN_INITIALIZED) ? identity(info) : undefined;
}

export function pinStateOf(info: graphene.Token): PinState {
  if (has(info, graphene.TokenFlag.USER_PIN_LOCKED)) return "locked";
  if (has(info, graphene.TokenFlag.USER_PIN_FINAL_TRY)) return "final";
  if (has(info, graphene.TokenFlag.USER_PIN_COUNT_LOW)) return "low";
  return "ok";
}

function identity(info: graphene.Token): TokenIdentity {
  return {
    serialNumber: trim(info.serialNumber),
    label: trim(info.label),
    model: trim(info.model),
    manufacturer: trim(info.manufacturerID),
  };
}

/** Padded with blanks by the standard, and with NUL by some modules. */
export function trim(text: string): string {
  return text.replace(/\0[\s\S]*$/, "").trim();
}

function freeMemory(info: graphene.Token): Token["freeMemory"] {
  const memory = {
    public: known(info.freePublicMemory, info.totalPublicMemory),
    private: known(info.freePrivateMemory, info.totalPrivateMemory),
  };
  if (memory.public === undefined && memory.private === undefined) return undefined;
  return {
    ...(memory.public !== undefined && { public: memory.public }),
    ...(memory.private !== undefined && { private: memory.private }),
  };
}

/** CK_UNAVAILABLE_INFORMATION, all bits set, where CK_ULONG has 32 bits and where it has 64. */
const UNAVAILABLE: readonly bigint[] = [0xffff_ffffn, 0xffff_ffff_ffff_ffffn];

/** No token that holds a certificate has less: a smaller total (NSS tells 1, others 0) says “not known”. */
const SMALLEST_TOTAL = 1024;

/** The binding gives these as bigint, its types say number. */
function known(free: bigint | number, total: bigint | number): number | undefined {
  const isKnown = (value: bigint | number) => !UNAVAILABLE.includes(BigInt(value));
  const isPlausible = total >= SMALLEST_TOTAL && free <= total;
  return isKnown(free) && isKnown(total) && isPlausible ? Number(free) : undefined;
}

function has(info: graphene.Token, flag: graphene.TokenFlag): boolean {
  return (info.flags & flag) !== 0;
}
