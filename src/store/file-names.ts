import { RenewalError } from "../core/errors.js";

/**
 * What a file in a store's folder is: a revision, `<name>.<revision>.json`, or a temporary of a writer,
 * `<name>.<pid>-<random>.tmp`. A name never holds a dot.
 */
export type StoreFile =
  | { readonly kind: "revision"; readonly name: string; readonly revision: number }
  | { readonly kind: "temporary"; readonly name: string; readonly pid: number };

/**
 * A key as a name that every file system takes, and that tells the key again: bytes other than `a-z 0-9 _ -` become
 * `=` and two hexadecimal digits. Upper case too, since some file systems do not tell it from lower case.
 * @throws ERR_ARGUMENT when the key is empty, too long for a file name, or not well-formed Unicode
 */
export function nameOf(key: string): string {
  const name = escapeDeviceName(
    key.replace(/[^a-z0-9_-]+/gu, (text) => [...Buffer.from(text)].map(escapeByte).join("")),
  );
  if (name === "" || name.length > MAX_NAME_LENGTH || keyOf(name) !== key) {
    throw new RenewalError("ERR_ARGUMENT", {
      problems: [{ pointer: "/key", message: "is not usable as a name in the store" }],
    });
  }
  return name;
}

export function keyOf(name: string): string {
  const octets = name.replace(/=([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(octets, "latin1").toString("utf8");
}

export const revisionFile = (name: string, revision: number): string => `${name}.${revision}.json`;

export const temporaryFile = (name: string, pid: number, random: string): string =>
  `${name}.${pid}-${random}.tmp`;

/** `undefined` for a file that is not the store's. */
export function parseStoreFile(file: string): StoreFile | undefined {
  const [, name = "", revision, pid] = STORE_FILE.exec(file) ?? [];
  if (revision !== undefined) return { kind: "revision", name, revision: Number(revision) };
  if (pid !== undefined) return { kind: "temporary", name, pid: Number(pid) };
  return undefined;
}

const STORE_FILE = /^([a-z0-9_=-]+)\.(?:([1-9]\d{0,14})\.json|([1-9]\d{0,9})-[0-9a-f]+\.tmp)$/;

/** 255 bytes, the common limit, less the longest suffix. */
const MAX_NAME_LENGTH = 200;

const escapeByte = (byte: number): string => `=${byte.toString(16).padStart(2, "0")}`;

/** Windows gives these names to devices, whatever follows the first dot. */
function escapeDeviceName(name: string): string {
  return /^(con|prn|aux|nul|com\d|lpt\d)$/.test(name)
    ? escapeByte(name.charCodeAt(0)) + name.slice(1)
    : name;
}
