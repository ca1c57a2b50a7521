import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, truncate, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type JsonObject, RenewalError, type Store } from "certrenew";

/**
 * An own store: a folder that several processes share. A revision is a file that is linked under its number, which only one
 * of them can do. Older ones are emptied and keep their names, so that no number is ever given twice.
 */
export function folderStore(directory: string): Store {
  const folderOf = (key: string) => join(directory, Buffer.from(key).toString("hex"));

  async function newest(key: string): Promise<Revision> {
    const names = await readdir(folderOf(key)).catch(() => []);
    const revision = Math.max(0, ...names.map(Number));
    if (revision === 0) return { revision, document: null };
    const text = await readFile(join(folderOf(key), `${revision}`), "utf8");
    try {
      return { revision, document: JSON.parse(text) };
    } catch {
      const isEmptied = (await readdir(folderOf(key))).some((name) => Number(name) > revision);
      return isEmptied ? newest(key) : { revision, document: "damaged" };
    }
  }

  async function put(key: string, document: JsonObject | null, expectedRevision: number) {
    const { revision, document: present } = await newest(key);
    if ((present === null ? 0 : revision) !== expectedRevision) {
      throw new RenewalError("ERR_STORE_CONFLICT");
    }
    await mkdir(folderOf(key), { recursive: true, mode: 0o700 });
    const draft = join(directory, randomUUID());
    await withFile(draft, "wx", (file) => file.writeFile(JSON.stringify(document)));
    await link(draft, join(folderOf(key), `${revision + 1}`))
      .catch((cause) => Promise.reject(new RenewalError("ERR_STORE_CONFLICT", { cause })))
      .finally(() => unlink(draft));
    await withFile(folderOf(key), "r"); // the name is on the disk as well
    if (revision > 0) await truncate(join(folderOf(key), `${revision}`));
    return revision + 1;
  }

  return {
    async load(key) {
      const { revision, document } = await newest(key);
      if (document === "damaged") {
        throw new RenewalError("ERR_RECORD_CORRUPT", { details: { revision } });
      }
      return document === null ? undefined : { revision, document };
    },
    save: put,
    async list(prefix) {
      const names = await readdir(directory).catch(() => []);
      const keys = names.map((name) => Buffer.from(name, "hex").toString());
      const held = await Promise.all(keys.map(async (key) => (await newest(key)).document));
      return keys.filter((key, index) => key.startsWith(prefix) && held[index] !== null);
    },
    async remove(key, expectedRevision) {
      if (expectedRevision === 0) throw new RenewalError("ERR_STORE_CONFLICT");
      await put(key, null, expectedRevision);
    },
  };
}

/** `null`: there is none, or it was removed. */
interface Revision {
  readonly revision: number;
  readonly document: JsonObject | null | "damaged";
}

/** Opens, works and leaves with everything on the disk. */
async function withFile(
  path: string,
  flags: string,
  work: (file: Awaited<ReturnType<typeof open>>) => Promise<void> = async () => {},
): Promise<void> {
  const file = await open(path, flags, 0o600);
  await work(file)
    .then(() => file.sync())
    .finally(() => file.close());
}
