import { dirname, sep } from "node:path";
import type { FileSystem } from "certrenew/store/file";
import { systemError } from "./faulty-file-system.js";

interface Inode {
  content: Uint8Array;
  /** What is on the disk for sure. */
  synced: Uint8Array;
}

/** A folder is told from another one that had its name before. */
interface Folder {
  readonly folder: true;
}

type Entry = Inode | Folder;

export interface ForgetfulFileSystem extends FileSystem {
  /**
   * Takes the power away: of what was not synced, each name and each content survives or not, as `survives` says. What was
   * synced stays. A folder whose name is lost takes everything in it along.
   */
  losePower(survives: () => boolean): void;
}

/** A file system in memory that keeps for sure only what was synced: contents by file, names by folder. */
export function forgetfulFileSystem(): ForgetfulFileSystem {
  let names = new Map<string, Entry>();
  /** By folder, not by its path: a new folder of an old name begins with nothing. */
  let synced = new Map<Folder, ReadonlyMap<string, Entry>>();
  const root: Folder = { folder: true };

  const folderAt = (path: string): Folder => {
    const entry = path === sep ? root : names.get(path);
    if (!entry) throw systemError("ENOENT");
    if (!("folder" in entry)) throw systemError("ENOTDIR");
    return entry;
  };
  const fileAt = (path: string): Inode => {
    const entry = names.get(path);
    if (!entry) throw systemError("ENOENT");
    if ("folder" in entry) throw systemError("EISDIR");
    return entry;
  };
  const isIn = (folder: string) => (path: string) => dirname(path) === folder;
  const put = (path: string, entry: Entry) => {
    folderAt(dirname(path));
    if (names.has(path)) throw systemError("EEXIST");
    names.set(path, entry);
  };
  const syncFolder = (path: string) => {
    synced.set(folderAt(path), new Map([...names].filter(([name]) => isIn(path)(name))));
  };

  function mkdir(path: string): string | undefined {
    if (path === sep || names.has(path)) {
      folderAt(path);
      return undefined;
    }
    const above = mkdir(dirname(path));
    put(path, { folder: true });
    return above ?? path;
  }

  function losePower(survives: () => boolean): void {
    const survivors = new Map<string, Entry>();
    const keep = (path: string, folder: Folder) => {
      const before = synced.get(folder) ?? new Map<string, Entry>();
      // One that comes back after its removal, or in the place of the next of its name, was empty.
      const isThere = path === sep || names.get(path) === folder;
      const after = new Map(isThere ? [...names].filter(([name]) => isIn(path)(name)) : []);
      for (const name of new Set([...after.keys(), ...before.keys()])) {
        const now = after.get(name);
        const entry = now === before.get(name) || survives() ? now : before.get(name);
        if (!entry) continue;
        survivors.set(name, entry);
        if ("folder" in entry) keep(name, entry);
      }
    };
    keep(sep, root);
    for (const inode of new Set(survivors.values())) {
      if ("folder" in inode) continue;
      if (inode.content !== inode.synced && !survives()) inode.content = inode.synced;
      inode.synced = inode.content;
    }
    names = survivors;
    synced = new Map();
    syncFolder(sep);
    for (const [path, entry] of names) if ("folder" in entry) syncFolder(path);
  }

  return {
    mkdir: async (path) => mkdir(path),
    async readdir(path) {
      folderAt(path);
      return [...names.keys()].filter(isIn(path)).map((name) => name.slice(path.length + 1));
    },
    readFile: async (path) => Uint8Array.from(fileAt(path).content),
    link: async (from, to) => put(to, fileAt(from)),
    async unlink(path) {
      fileAt(path);
      names.delete(path);
    },
    async rmdir(path) {
      folderAt(path);
      if ([...names.keys()].some(isIn(path))) throw systemError("ENOTEMPTY");
      names.delete(path);
    },
    async truncate(path, length) {
      const inode = fileAt(path);
      inode.content = inode.content.slice(0, length);
    },
    stat: async (path) => ({ size: fileAt(path).content.length, mtimeMs: Date.now() }),
    async open(path, flags) {
      if (flags === "r") {
        folderAt(path);
        return {
          sync: async () => syncFolder(path),
          writeFile: async () => {},
          close: async () => {},
        };
      }
      const inode: Inode = { content: new Uint8Array(), synced: new Uint8Array() };
      put(path, inode);
      return {
        async writeFile(data) {
          inode.content = Uint8Array.from(data);
        },
        async sync() {
          inode.synced = inode.content;
        },
        close: async () => {},
      };
    },
    losePower,
  };
}
