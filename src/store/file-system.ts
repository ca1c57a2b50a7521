import * as node from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { RenewalError } from "../core/errors.js";

/** What a file store needs of a file system; `node:fs/promises` is one. */
export interface FileSystem {
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<string | undefined>;
  readdir(path: string): Promise<string[]>;
  readFile(path: string): Promise<Uint8Array>;
  open(path: string, flags: string, mode?: number): Promise<OpenFile>;
  /** Must fail with EEXIST when the new path is there: the compare-and-set rests on it. */
  link(existingPath: string, newPath: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Must fail when something is in the folder. */
  rmdir(path: string): Promise<void>;
  truncate(path: string, length: number): Promise<void>;
  stat(path: string): Promise<{ readonly size: number; readonly mtimeMs: number }>;
}

/** A file or folder that {@link FileSystem} opened. */
export interface OpenFile {
  writeFile(data: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const nodeFileSystem: FileSystem = node;

/** Makes the folder for its owner alone, and every missing one above it, so that a power loss does not undo it. */
export async function makeDirectory(fs: FileSystem, directory: string): Promise<void> {
  const first = await fs.mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const top = dirname(resolve(first));
  for (let path = dirname(resolve(directory)); ; path = dirname(path)) {
    await syncDirectory(fs, path);
    if (path === top || path === dirname(path)) return;
  }
}

/** Writes a file that must not be there yet; when it resolves, the content survives a power loss (its name may not). */
export async function writeDurably(fs: FileSystem, path: string, data: Uint8Array): Promise<void> {
  const file = await fs.open(path, "wx", 0o600);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the names in a folder survive a power loss. */
export async function syncDirectory(fs: FileSystem, directory: string): Promise<void> {
  // Windows opens no folder for this; NTFS journals names by itself.
  if (process.platform === "win32") return;
  const folder = await fs.open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export async function ifThere<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    // ENOTDIR: somebody's file where a document's folder would be.
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** For what comes after an outcome stands: it is tried again by whoever comes next. */
export async function quietly(work: Promise<unknown>): Promise<void> {
  await work.catch(() => undefined);
}

/** The code of a system error, such as `ENOSPC`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** Runs an operation; what the file system throws becomes ERR_STORE_FAILURE, our own errors pass. */
export async function storeFailures<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof RenewalError) throw error;
    throw storeFailure(systemCode(error) ?? "unexpected failure", error);
  }
}

export function storeFailure(reason: string, cause?: unknown): RenewalError {
  return new RenewalError("ERR_STORE_FAILURE", { cause, details: { reason } });
}
