import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "certrenew";
import { fileStore } from "certrenew/store/file";

export const KEY = "renewal/1";
export const DAY_MS = 86_400_000;

/** A file store, and a look at what lies in its folder. Entries are paths from there. */
export interface StoreFolder extends AsyncDisposable {
  readonly directory: string;
  readonly store: Store;
  /** Files and folders. */
  entries(): Promise<string[]>;
  files(): Promise<string[]>;
  folders(): Promise<string[]>;
  /** Saves KEY this often. @returns its revision */
  saveTimes(times: number, from?: number): Promise<number>;
  /** Makes a file older than it is. */
  age(file: string, ms: number): Promise<void>;
}

export async function storeFolder(): Promise<StoreFolder> {
  const above = await mkdtemp(join(tmpdir(), "certrenew-store-"));
  const directory = join(above, "records");
  const store = fileStore({ directory });
  const found = async () =>
    (await readdir(directory, { recursive: true, withFileTypes: true })).map((entry) => ({
      isFolder: entry.isDirectory(),
      path: join(entry.parentPath, entry.name).slice(directory.length + 1),
    }));
  const paths = (entries: { readonly path: string }[]) => entries.map(({ path }) => path).sort();
  return {
    directory,
    store,
    entries: async () => paths(await found()),
    files: async () => paths((await found()).filter(({ isFolder }) => !isFolder)),
    folders: async () => paths((await found()).filter(({ isFolder }) => isFolder)),
    async saveTimes(times, from = 0) {
      let revision = from;
      for (let n = 0; n < times; n++) {
        revision = await store.save(KEY, { n: revision + 1 }, revision);
      }
      return revision;
    },
    async age(file, ms) {
      const then = new Date(Date.now() - ms);
      await utimes(join(directory, file), then, then);
    },
    [Symbol.asyncDispose]: () => rm(above, { recursive: true }),
  };
}
