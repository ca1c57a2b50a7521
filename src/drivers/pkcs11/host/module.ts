import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import * as graphene from "graphene-pk11";
import pkcs11 from "pkcs11js";
import type { RsaPadding } from "../../../core/domain/key-algorithm.js";
import { RenewalError } from "../../../core/errors.js";
import { ckrOf } from "../errors.js";
import type { ModuleSettings } from "../rpc.js";

/** A PKCS#11 module that is loaded and initialised. */
export interface TokenModule {
  readonly lib: pkcs11.PKCS11;
  /** Which RSA signatures its tokens list first. */
  readonly rsaPadding: RsaPadding | undefined;
  /** Slots with a token. One that fails when it is looked at is left out, and hides no other. */
  slots(): readonly graphene.Slot[];
  /** Those without a token too. */
  allSlots(): readonly graphene.Slot[];
  /**
   * Looks at the readers anew: some modules see a token that came after C_Initialize only after the next one, and some
   * answer from stale caches. Ends every session of the process, so it is for a host without any.
   */
  refresh(): void;
  /**
   * Whether tokens can come and go unseen until {@link refresh}: nothing that the module shows is a reader or a device.
   */
  showsNewTokensAfterRefreshOnly(): boolean;
  finalize(): void;
}

/** @throws ERR_MODULE_MISSING with `details.reason` */
export function loadModule(settings: ModuleSettings): TokenModule {
  const module = attempt(settings, () => graphene.Module.load(settings.module));
  const initialize = () => attempt(settings, () => module.initialize(initializeArgs(settings)));
  initialize();
  const { lib } = module;
  return {
    lib,
    rsaPadding: settings.rsaPadding,
    slots: () => readSlots(module, true),
    allSlots: () => readSlots(module, false),
    refresh() {
      try {
        module.finalize();
      } catch (error) {
        if (ckrOf(error) !== "CKR_CRYPTOKI_NOT_INITIALIZED") throw error;
      }
      initialize();
    },
    showsNewTokensAfterRefreshOnly: () =>
      readSlots(module, false).every(
        ({ flags }) =>
          (flags & (graphene.SlotFlag.REMOVABLE_DEVICE | graphene.SlotFlag.HW_SLOT)) === 0,
      ),
    finalize: () => module.finalize(),
  };
}

function initializeArgs({ libraryParameters }: ModuleSettings): pkcs11.InitializationOptions {
  return {
    flags: pkcs11.CKF_OS_LOCKING_OK,
    // The binding cuts off the last character.
    ...(libraryParameters !== undefined && { libraryParameters: `${libraryParameters} ` }),
  };
}

function readSlots(module: graphene.Module, tokenPresent: boolean): graphene.Slot[] {
  const collection = module.getSlots(tokenPresent);
  const slots: graphene.Slot[] = [];
  for (let index = 0; index < collection.length; index += 1) {
    try {
      slots.push(collection.items(index));
    } catch {
      // A reader that was unplugged since the list was made.
    }
  }
  return slots;
}

function attempt<T>({ module }: ModuleSettings, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const ckr = ckrOf(error);
    const reason = ckr === undefined ? reasonOf(module, error) : `C_Initialize: ${ckr}`;
    const details = { module, reason, ...(ckr !== undefined && { ckr }) };
    throw new RenewalError("ERR_MODULE_MISSING", { cause: error, details });
  }
}

/** What the dynamic linkers of Linux, macOS and Windows say, in the order in which it is told apart. */
const LINKER_MESSAGES: readonly (readonly [RegExp, string])[] = [
  [
    /wrong ELF class|incompatible architecture|not a valid Win32|Error 193\b/i,
    `it is built for another architecture than this program (${process.arch})`,
  ],
  [/invalid ELF header|file too short|not a mach-o|slice is not valid/i, "it is no library"],
  [/C_GetFunctionList/, "it is no PKCS#11 module: it has no C_GetFunctionList"],
];

function reasonOf(module: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (isAbsolute(module) && !existsSync(module)) return "there is no such file";
  return LINKER_MESSAGES.find(([pattern]) => pattern.test(message))?.[1] ?? message;
}
