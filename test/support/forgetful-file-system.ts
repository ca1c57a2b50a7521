import { dirname } from "node:path";
import type { FileSystem } from "certrenew/store/file";
import { systemError } from "./faulty-file-system.js";

interface Inode {
  content: Uint8Array;
  /** What is on the disk for sure. */
  synced: Uint8Array;
}

export interface ForgetfulFileSystem extends FileSystem {
  /**
   * Takes the power away: of what was not synced, each name and each content survives or not, as `survives` says. What was
   * synced stays.
   */
  losePower(survives: () => boolean): void;
  /** Contents by path, as a program sees them. */
  files(): ReadonlyMap<string, Uint8Array>;
}

/** A file system in memory that keeps for sure only what was synced: contents by file, names by folder. */
export function forgetfulFileSystem(): ForgetfulFileSystem {
  let names = new Map<string, Inode>();
  let syncedNames = new Map<string, Inode>();
  const folders = new Set<string>();

  const find = (path: string): Inode => {
    const inode = names.get(path);
    if (!inode) throw systemError("ENOENT");
    return inode;
  };

  return {
    async mkdir(path) {
      const isNew = !folders.has(path);
      folders.add(path);
      return isNew ? path : undefined;
    },
    async readdir(path) {
      if (!folders.has(path)) throw systemError("ENOENT");
      return [...names.keys()]
        .filter((name) => dirname(name) === path)
        .map((name) => name.slice(path.length + 1));
    },
    readFile: async (path) => Uint8Array.from(find(path).content),
    async link(from, to) {
      if (names.has(to)) throw systemError("EEXIST");
      names.set(to, find(from));
    },
    async unlink(path) {
      find(path);
      names.delete(path);
    },
    async truncate(path, length) {
      const inode = find(path);
      inode.content = inode.content.slice(0, length);
    },
    stat: async (path) => ({ size: find(path).content.length, mtimeMs: Date.now() }),
    async open(path, flags) {
      if (flags === "r") {
        const sync = async () => {
          for (const name of new Set([...names.keys(), ...syncedNames.keys()])) {
            if (dirname(name) !== path) continue;
            const inode = names.get(name);
            if (inode) syncedNames.set(name, inode);
            else syncedNames.delete(name);
          }
        };
        return { sync, writeFile: async () => {}, close: async () => {} };
      }
      if (names.has(path)) throw systemError("EEXIST");
      const inode: Inode = { content: new Uint8Array(), synced: new Uint8Array() };
      names.set(path, inode);
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
    losePower(survives) {
      const survivors = new Map<string, Inode>();
      for (const name of new Set([...names.keys(), ...syncedNames.keys()])) {
        const [now, synced] = [names.get(name), syncedNames.get(name)];
        const inode = now === synced || survives() ? now : synced;
        if (inode) survivors.set(name, inode);
      }
      for (const inode of new Set(survivors.values())) {
        if (inode.content !== inode.synced && !survives()) inode.content = inode.synced;
        inode.synced = inode.content;
      }
      names = survivors;
      syncedNames = new Map(survivors);
    },
    files: () => new Map([...names].map(([name, { content }]) => [name, content])),
  };
}
