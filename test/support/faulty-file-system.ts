import * as node from "node:fs/promises";
import type { FileSystem, OpenFile } from "certrenew/store/file";

export type FileOperation = Exclude<keyof FileSystem, "readFile"> | "readFile" | keyof OpenFile;

/** Called before each operation, with its path; what it throws, or when it resolves, decides. */
export type Interference = (operation: FileOperation, path: string) => void | Promise<void>;

/** A file system with somebody in between. Default: the real one. */
export function interferedFileSystem(interfere: Interference, fs: FileSystem = node): FileSystem {
  const before = async <T>(operation: FileOperation, path: string, run: () => Promise<T>) => {
    await interfere(operation, path);
    return run();
  };
  return {
    mkdir: (path, options) => before("mkdir", path, () => fs.mkdir(path, options)),
    readdir: (path) => before("readdir", path, () => fs.readdir(path)),
    readFile: (path) => before("readFile", path, () => fs.readFile(path)),
    link: (from, to) => before("link", to, () => fs.link(from, to)),
    unlink: (path) => before("unlink", path, () => fs.unlink(path)),
    rmdir: (path) => before("rmdir", path, () => fs.rmdir(path)),
    truncate: (path, length) => before("truncate", path, () => fs.truncate(path, length)),
    stat: (path) => before("stat", path, () => fs.stat(path)),
    open: (path, flags, mode) =>
      before("open", path, async () => {
        const file = await fs.open(path, flags, mode);
        return {
          writeFile: (data) => before("writeFile", path, () => file.writeFile(data)),
          sync: () => before("sync", path, () => file.sync()),
          async close() {
            try {
              await interfere("close", path);
            } finally {
              // The system closes the files of a process that ends, too.
              await file.close();
            }
          },
        };
      }),
  };
}

/** An error as the system throws it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up for a test`), { code });
}

/** Fails at the n-th operation (from 0) and at every one after it, as if the process had ended there. */
export function dyingAt(n: number) {
  let operations = 0;
  return {
    interfere() {
      operations += 1;
      if (operations > n) throw new Error("the process has ended");
    },
    /** Whether it came to that. */
    get happened() {
      return operations > n;
    },
  };
}

/** Holds the first operation of a kind back until it is let go. */
export function pausingAt(operation: FileOperation, suffix: RegExp) {
  let reached = () => {};
  let letGo = () => {};
  const isReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let armed = true;
  const interfere: Interference = async (each, path) => {
    if (!armed || each !== operation || !suffix.test(path)) return;
    armed = false;
    reached();
    await gate;
  };
  return { interfere, isReached, letGo: () => letGo() };
}
