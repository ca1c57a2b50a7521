import * as graphene from "graphene-pk11";
import pkcs11 from "pkcs11js";
import { RenewalError } from "../../../core/errors.js";
import { ckrOf } from "../errors.js";
import type { LibraryInfo, ObjectSurvey, SlotSurvey, TokenSurvey } from "../survey.js";
import { readCertificates, withPrivateKeys } from "./certificates.js";
import type { TokenModule } from "./module.js";
import { findObjects, type ObjectAccess, tryReadAttributes } from "./objects.js";
import { presentToken, trim } from "./tokens.js";

export function surveyLibrary({ lib }: TokenModule): LibraryInfo {
  const info = lib.C_GetInfo();
  return {
    manufacturer: trim(info.manufacturerID),
    description: trim(info.libraryDescription),
    version: versionOf(info.libraryVersion),
    cryptokiVersion: versionOf(info.cryptokiVersion),
  };
}

/** Every slot, those without a token too. A token that cannot be read hides no other. */
export function surveySlots(module: TokenModule): SlotSurvey[] {
  return module.allSlots().map((slot) => ({
    id: slot.handle.toString("hex"),
    description: trim(slot.slotDescription),
    manufacturer: trim(slot.manufacturerID),
    removable: (slot.flags & graphene.SlotFlag.REMOVABLE_DEVICE) !== 0,
    hardware: (slot.flags & graphene.SlotFlag.HW_SLOT) !== 0,
    token: surveyToken(slot),
  }));
}

/** What shows on the token without a login. Each object is read on its own. */
export function surveyObjects(module: TokenModule, slotId: string): ObjectSurvey {
  const slot = module.allSlots().find(({ handle }) => handle.toString("hex") === slotId);
  if (slot === undefined) throw new RenewalError("ERR_TOKEN_REMOVED");
  const loginRequired = presentToken(slot)?.token.loginRequired ?? true;
  const session = slot.open(graphene.SessionFlag.SERIAL_SESSION);
  try {
    return readObjects({ lib: module.lib, session: session.handle }, loginRequired);
  } finally {
    session.close();
  }
}

function surveyToken(slot: graphene.Slot): TokenSurvey {
  if ((slot.flags & graphene.SlotFlag.TOKEN_PRESENT) === 0) return { state: "absent" };
  try {
    const present = presentToken(slot);
    if (present === undefined) return { state: "uninitialised" };
    const { flags } = slot.getToken();
    return {
      state: "ready",
      info: present.token,
      pinSet: (flags & graphene.TokenFlag.USER_PIN_INITIALIZED) !== 0,
      writeProtected: (flags & graphene.TokenFlag.WRITE_PROTECTED) !== 0,
    };
  } catch (error) {
    return { state: "unreadable", ckr: ckrOf(error) };
  }
}

function readObjects(access: ObjectAccess, loginRequired: boolean): ObjectSurvey {
  const { certificates, unreadable } = readCertificates(access);
  const publicKeys = keyIds(access, pkcs11.CKO_PUBLIC_KEY);
  const privateKeys = keyIds(access, pkcs11.CKO_PRIVATE_KEY);
  const isAmong = (ids: readonly Uint8Array[], keyId: Uint8Array) =>
    keyId.length > 0 && ids.some((id) => Buffer.compare(id, keyId) === 0);
  const listed = withPrivateKeys(
    certificates,
    ({ keyId }) => isAmong(privateKeys.ids, keyId),
    !loginRequired,
  );
  return {
    certificates: listed.map((each) => ({
      ...each,
      publicKey: isAmong(publicKeys.ids, each.keyId) ? "present" : "absent",
    })),
    publicKeys: publicKeys.ids,
    privateKeys: privateKeys.ids,
    unreadable: unreadable + publicKeys.unreadable + privateKeys.unreadable + classless(access),
  };
}

/** A key whose type cannot be read is a broken one. */
function keyIds(access: ObjectAccess, kind: number): { ids: Uint8Array[]; unreadable: number } {
  const objects = findObjects(access, new Map([[pkcs11.CKA_CLASS, kind]]));
  const ids = objects.flatMap((object) => {
    const [type, id] = tryReadAttributes(access, object, [pkcs11.CKA_KEY_TYPE, pkcs11.CKA_ID]);
    return type === undefined ? [] : [new Uint8Array(id ?? [])];
  });
  return { ids, unreadable: objects.length - ids.length };
}

/** Objects so broken that they do not even tell their class. */
function classless(access: ObjectAccess): number {
  const objects = findObjects(access, new Map());
  return objects.filter(
    (object) => tryReadAttributes(access, object, [pkcs11.CKA_CLASS])[0] === undefined,
  ).length;
}

function versionOf({ major, minor }: pkcs11.Version): string {
  return `${major}.${minor}`;
}
