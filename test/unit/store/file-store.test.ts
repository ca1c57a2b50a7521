import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RenewalError, Store } from "certrenew";
import { fileStore } from "certrenew/store/file";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type FileOperation,
  interferedFileSystem,
  systemError,
} from "../../support/faulty-file-system.js";
import { DAY_MS, KEY, type StoreFolder, storeFolder } from "../../support/store-folder.js";

/** A pid that no process has: above the highest that Linux gives. */
const GONE = 2 ** 22 + 1;

let folder: StoreFolder;
let directory: string;
let store: Store;

beforeEach(async () => {
  folder = await storeFolder();
  ({ directory, store } = folder);
});

afterEach(() => folder[Symbol.asyncDispose]());

const documentsOf = async () =>
  (
    await Promise.all((await folder.files()).map((file) => readFile(join(directory, file), "utf8")))
  ).filter((text) => text !== "");

describe("what lies in the folder", () => {
  test("is for its owner alone", async () => {
    await store.save(KEY, { n: 1 }, 0);
    for (const each of ["", ...(await folder.folders())]) {
      expect((await stat(join(directory, each))).mode & 0o777).toBe(0o700);
    }
    for (const file of await folder.files()) {
      expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    }
  });

  test("has names that every file system takes and tells apart", async () => {
    for (const key of ["con", "Con", "a:b*c?", "x".repeat(150), "证书"])
      await store.save(key, {}, 0);
    expect(await folder.folders()).toHaveLength(5);
    for (const file of await folder.files()) {
      expect(file).toMatch(/^[a-z0-9_=-]{1,200}\/1\.json$/);
      expect(file).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)\//);
    }
  });

  test.each(["", "x".repeat(300), "\ud800"])("refuses the key %j", async (key) => {
    await expect(store.save(key, {}, 0)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
  });

  test("is one document, and a bounded number of empty files below it", async () => {
    await folder.saveTimes(60);
    expect(await documentsOf()).toHaveLength(1);
    expect((await folder.files()).length).toBeLessThanOrEqual(17);
  });

  test("holds nothing any more of what was removed", async () => {
    const first = await store.save(KEY, { secret: "follow-me" }, 0);
    const second = await store.save(KEY, { secret: "follow-me too" }, first);
    await store.remove(KEY, second);
    for (const text of await documentsOf()) expect(text).not.toContain("follow-me");
    expect(await store.list("")).toEqual([]);
  });

  test("goes away altogether a day after the removal", async () => {
    await store.remove(KEY, await folder.saveTimes(3));
    const [tombstone = ""] = (await folder.files()).slice(-1);
    await folder.age(tombstone, DAY_MS + 1000);
    expect(await store.list("")).toEqual([]);
    expect(await folder.entries()).toEqual([]);
    expect(await store.load(KEY)).toBeUndefined();
    await store.save(KEY, { again: true }, 0);
    expect((await store.load(KEY))?.document).toEqual({ again: true });
  });

  test("may hold files and folders of others", async () => {
    await store.save(KEY, { n: 1 }, 0);
    const files = [".DS_Store", "notes.txt", "x.json", "renewal=2f2", "renewal=2f1.2.json"];
    const inFolders = ["renewal=2f1/notes.txt", "renewal=2f1/0.json", "renewal=2F1/9.json"];
    const folders = ["renewal=2f3", "renewal=2f4/1.json.d", "=72enewal=2f1", "old stuff"];
    for (const each of [...folders, "renewal=2F1"])
      await mkdir(join(directory, each), { recursive: true });
    for (const each of [...files, ...inFolders, "=72enewal=2f1/9.json"]) {
      await writeFile(join(directory, each), "not a record");
    }
    const before = await folder.entries();
    expect(await store.list("")).toEqual([KEY]);
    for (const reader of [store, fileStore({ directory })]) {
      expect((await reader.load(KEY))?.document).toEqual({ n: 1 });
      expect(await reader.load("renewal/2")).toBeUndefined();
    }
    expect(await folder.entries()).toEqual(before);
    expect(await store.save(KEY, { n: 2 }, 1)).toBe(2);
  });

  test("may be in the way of a document, which cannot be saved then", async () => {
    await mkdir(directory);
    await writeFile(join(directory, "renewal=2f1"), "not a folder");
    await expect(store.save(KEY, {}, 0)).rejects.toMatchObject({ code: "ERR_STORE_FAILURE" });
    expect(await readFile(join(directory, "renewal=2f1"), "utf8")).toBe("not a folder");
  });
});

describe("temporaries that a killed writer left", () => {
  const left = (pid: number) => `renewal=2f1/${pid}-00ff.tmp`;

  test.each([
    ["a process that is gone", GONE, 120_000, false],
    ["a process that is gone, but young: it may be another machine's", GONE, 0, true],
    ["a process that lives", process.pid, 3_600_000, true],
    ["a process of another day whose pid is given again", process.pid, 2 * DAY_MS, false],
  ])("%s", async (_, pid, ageMs, stays) => {
    await store.save(KEY, { n: 1 }, 0);
    await writeFile(join(directory, left(pid)), "half a doc");
    await folder.age(left(pid), ageMs);
    await store.save(KEY, { n: 2 }, 1);
    expect((await folder.files()).includes(left(pid))).toBe(stays);
    await store.list("");
    expect((await folder.files()).includes(left(pid))).toBe(stays);
  });

  test("go with a list, and with the last of them the folder of a document that never was", async () => {
    await mkdir(join(directory, "renewal=2f1"), { recursive: true });
    await writeFile(join(directory, left(GONE)), "half a doc");
    expect(await store.list("")).toEqual([]);
    expect(await folder.files()).toEqual([left(GONE)]);
    await folder.age(left(GONE), 120_000);
    expect(await store.list("")).toEqual([]);
    expect(await folder.entries()).toEqual([]);
  });

  test("go with the document when it is removed", async () => {
    await store.save(KEY, { n: 1 }, 0);
    await writeFile(join(directory, left(GONE)), "half a doc");
    await store.remove(KEY, 1);
    expect(await folder.files()).not.toContain(left(GONE));
  });
});

describe("a file that is not a document", () => {
  test.each([
    ["cut off", (text: string) => text.slice(0, -20)],
    ["empty", () => ""],
    ["not UTF-8", () => Buffer.from([0x7b, 0xff, 0x7d])],
    ["other JSON", () => "[1]"],
    ["another key's", (text: string) => text.replace(KEY, "renewal/2")],
    ["another revision's", (text: string) => text.replace('"revision":2', '"revision":9')],
  ])("%s: says which, still lists it, and lets only its revision replace it", async (_, garble) => {
    await folder.saveTimes(2);
    const file = "renewal=2f1/2.json";
    const path = join(directory, file);
    await writeFile(path, garble(await readFile(path, "utf8")));
    const fresh = fileStore({ directory });
    await expect(fresh.load(KEY)).rejects.toMatchObject({
      code: "ERR_RECORD_CORRUPT",
      details: { file, revision: 2 },
    });
    expect(await fresh.list("renewal/")).toEqual([KEY]);
    for (const other of [0, 1, 3]) {
      await expect(fresh.save(KEY, {}, other)).rejects.toMatchObject({
        code: "ERR_STORE_CONFLICT",
      });
    }
    expect(await fresh.save(KEY, { n: 3 }, 2)).toBe(3);
    expect(await fresh.load(KEY)).toEqual({ revision: 3, document: { n: 3 } });
  });
});

describe("a file system that fails", () => {
  test.each<[FileOperation, string]>([
    ["open", "EACCES"],
    ["writeFile", "ENOSPC"],
    ["sync", "EIO"],
    ["link", "EDQUOT"],
    ["readdir", "EACCES"],
  ])("%s with %s: keeps the old document and leaves nothing behind", async (failing, code) => {
    await store.save(KEY, { n: 1 }, 0);
    const fs = interferedFileSystem((operation) => {
      if (operation === failing) throw systemError(code);
    });
    const failure = await fileStore({ directory, fs })
      .save(KEY, { n: 2 }, 1)
      .catch((error: RenewalError) => error);
    expect(failure).toMatchObject({
      code: "ERR_STORE_FAILURE",
      details: { reason: code },
      cause: { code },
    });
    expect(await store.load(KEY)).toEqual({ revision: 1, document: { n: 1 } });
    expect(await folder.files()).toEqual(["renewal=2f1/1.json"]);
    expect(await store.save(KEY, { n: 2 }, 1)).toBe(2);
  });

  test.each<[FileOperation, string]>([
    ["mkdir", "EROFS"],
    ["open", "EACCES"],
    ["writeFile", "ENOSPC"],
    ["sync", "EIO"],
    ["link", "EDQUOT"],
    ["readdir", "EACCES"],
  ])("%s with %s at a first save: leaves nothing behind", async (failing, code) => {
    await mkdir(directory);
    const fs = interferedFileSystem((operation) => {
      if (operation === failing) throw systemError(code);
    });
    await expect(fileStore({ directory, fs }).save(KEY, { n: 1 }, 0)).rejects.toMatchObject({
      code: "ERR_STORE_FAILURE",
      details: { reason: code },
      cause: { code },
    });
    expect(await folder.entries()).toEqual([]);
    expect(await store.load(KEY)).toBeUndefined();
    expect(await store.save(KEY, { n: 1 }, 0)).toBe(1);
  });

  test.each(["EPERM", "ENOTSUP", "ENOSYS"])("has no hard links (%s): says so", async (code) => {
    const fs = interferedFileSystem((operation) => {
      if (operation === "link") throw systemError(code);
    });
    const failure: RenewalError = await fileStore({ directory, fs })
      .save(KEY, {}, 0)
      .catch((error) => error);
    expect(failure.code).toBe("ERR_STORE_FAILURE");
    expect(failure.details["reason"]).toMatch(/hard links/);
  });

  test("at cleaning up, once the document is saved, changes nothing", async () => {
    await store.save(KEY, { n: 1 }, 0);
    const fs = interferedFileSystem((operation) => {
      if (operation === "truncate" || operation === "unlink") throw systemError("EBUSY");
    });
    expect(await fileStore({ directory, fs }).save(KEY, { n: 2 }, 1)).toBe(2);
    expect(await store.save(KEY, { n: 3 }, 2)).toBe(3);
    // The temporary that stayed is the second revision under another name, and was emptied with it.
    expect(await documentsOf()).toHaveLength(1);
  });
});
