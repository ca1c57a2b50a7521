import { RenewalError } from "../core/errors.js";

/*
 * A document is a folder, `<name>`. In it stand its revisions, `<revision>.json`, and temporaries of writers,
 * `<pid>-<random>.tmp`.
 */

/** What a file in a document's folder is. */
export type StoreFile =
  | { readonly kind: "revision"; readonly revision: number }
  | { readonly kind: "temporary"; readonly pid: number };

/**
 * A key as a name that every file system takes, and that tells the key again: bytes other than `a-z 0-9 _ -` become
 * `=` and two hexadecimal digits. Upper case too, since some file systems do not tell it from lower case.
 * @throws ERR_ARGUMENT when the key is empty, too long for a name, or not well-formed Unicode
 */
export function nameOf(key: string): string {
  const name = escapeKey(key);
  if (name === "" || keyOf(name) !== key) {
    throw new RenewalError("ERR_ARGUMENT", {
      problems: [{ pointer: "/key", message: "is not usable as a name in the store" }],
    });
  }
  return name;
}

/** `undefined` for a name that is not the store's. */
export function keyOf(name: string): string | undefined {
  if (name.length > MAX_NAME_LENGTH) return undefined;
  const key = unescapeName(name);
  return escapeKey(key) === name ? key : undefined;
}

/** As a path from the store's folder. */
export const revisionFile = (name: string, revision: number): string => `${name}/${revision}.json`;

export const temporaryFile = (name: string, pid: number, random: string): string =>
  `${name}/${pid}-${random}.tmp`;

/** `undefined` for a file that is not the store's. */
export function parseStoreFile(file: string): StoreFile | undefined {
  const [, revision, pid] = STORE_FILE.exec(file) ?? [];
  if (revision !== undefined) return { kind: "revision", revision: Number(revision) };
  if (pid !== undefined) return { kind: "temporary", pid: Number(pid) };
  return undefined;
}

const STORE_FILE = /^(?:([1-9]\d{0,14})\.json|([1-9]\d{0,9})-[0-9a-f]+\.tmp)$/;

/** Common limits are 255 bytes for a name, and on Windows 260 for a whole path. */
const MAX_NAME_LENGTH = 200;

const escapeKey = (key: string): string =>
  escapeDeviceName(
    key.replace(/[^a-z0-9_-]+/gu, (text) => [...Buffer.from(text)].map(escapeByte).join("")),
  );

function unescapeName(name: string): string {
  const octets = name.replace(/=([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(octets, "latin1").toString("utf8");
}

const escapeByte = (byte: number): string => `=${byte.toString(16).padStart(2, "0")}`;

/** Windows gives these names to devices. */
function escapeDeviceName(name: string): string {
  return /^(con|prn|aux|nul|com\d|lpt\d)$/.test(name)
    ? escapeByte(name.charCodeAt(0)) + name.slice(1)
    : name;
}
