import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RenewalError, Store } from "certrenew";
import { fileStore } from "certrenew/store/file";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  dyingAt,
  type FileOperation,
  interferedFileSystem,
  pausingAt,
  systemError,
} from "../../support/faulty-file-system.js";

const KEY = "renewal/1";
const DAY_MS = 86_400_000;
/** A pid that no process has: above the highest that Linux gives. */
const GONE = 2 ** 22 + 1;

let folder: string;
let directory: string;
let store: Store;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "certrenew-store-"));
  directory = join(folder, "records");
  store = fileStore({ directory });
});

afterEach(() => rm(folder, { recursive: true }));

/** As paths from the store's folder. */
const entriesOf = async () => (await readdir(directory, { recursive: true })).sort();
const foldersOf = async () => (await entriesOf()).filter((entry) => !/\.(json|tmp)$/.test(entry));
const filesOf = async () => (await entriesOf()).filter((entry) => /\.(json|tmp)$/.test(entry));
const documentsOf = async () =>
  (
    await Promise.all((await filesOf()).map((file) => readFile(join(directory, file), "utf8")))
  ).filter((text) => text !== "");

async function saveTimes(times: number, from = 0): Promise<number> {
  let revision = from;
  for (let n = 0; n < times; n++) revision = await store.save(KEY, { n: revision + 1 }, revision);
  return revision;
}

async function age(file: string, ms: number): Promise<void> {
  const then = new Date(Date.now() - ms);
  await utimes(join(directory, file), then, then);
}

describe("what lies in the folder", () => {
  test("is for its owner alone", async () => {
    await store.save(KEY, { n: 1 }, 0);
    for (const each of ["", ...(await foldersOf())]) {
      expect((await stat(join(directory, each))).mode & 0o777).toBe(0o700);
    }
    for (const file of await filesOf()) {
      expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    }
  });

  test("has names that every file system takes and tells apart", async () => {
    for (const key of ["con", "Con", "a:b*c?", "x".repeat(150), "证书"])
      await store.save(key, {}, 0);
    expect(await foldersOf()).toHaveLength(5);
    for (const file of await filesOf()) {
      expect(file).toMatch(/^[a-z0-9_=-]{1,200}\/1\.json$/);
      expect(file).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)\//);
    }
  });

  test.each(["", "x".repeat(300), "\ud800"])("refuses the key %j", async (key) => {
    await expect(store.save(key, {}, 0)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
  });

  test("is one document, and a bounded number of empty files below it", async () => {
    await saveTimes(60);
    expect(await documentsOf()).toHaveLength(1);
    expect((await filesOf()).length).toBeLessThanOrEqual(17);
  });

  test("holds nothing any more of what was removed", async () => {
    const first = await store.save(KEY, { secret: "follow-me" }, 0);
    const second = await store.save(KEY, { secret: "follow-me too" }, first);
    await store.remove(KEY, second);
    for (const text of await documentsOf()) expect(text).not.toContain("follow-me");
    expect(await store.list("")).toEqual([]);
  });

  test("goes away altogether a day after the removal", async () => {
    await store.remove(KEY, await saveTimes(3));
    const [tombstone = ""] = (await filesOf()).slice(-1);
    await age(tombstone, DAY_MS + 1000);
    expect(await store.list("")).toEqual([]);
    expect(await entriesOf()).toEqual([]);
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
    const before = await entriesOf();
    expect(await store.list("")).toEqual([KEY]);
    for (const reader of [store, fileStore({ directory })]) {
      expect((await reader.load(KEY))?.document).toEqual({ n: 1 });
      expect(await reader.load("renewal/2")).toBeUndefined();
    }
    expect(await entriesOf()).toEqual(before);
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
    await age(left(pid), ageMs);
    await store.save(KEY, { n: 2 }, 1);
    expect((await filesOf()).includes(left(pid))).toBe(stays);
    await store.list("");
    expect((await filesOf()).includes(left(pid))).toBe(stays);
  });

  test("go with a list, and with the last of them the folder of a document that never was", async () => {
    await mkdir(join(directory, "renewal=2f1"), { recursive: true });
    await writeFile(join(directory, left(GONE)), "half a doc");
    expect(await store.list("")).toEqual([]);
    expect(await filesOf()).toEqual([left(GONE)]);
    await age(left(GONE), 120_000);
    expect(await store.list("")).toEqual([]);
    expect(await entriesOf()).toEqual([]);
  });

  test("go with the document when it is removed", async () => {
    await store.save(KEY, { n: 1 }, 0);
    await writeFile(join(directory, left(GONE)), "half a doc");
    await store.remove(KEY, 1);
    expect(await filesOf()).not.toContain(left(GONE));
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
  ])("%s: says which, still lists it, and does not write over it", async (_, garble) => {
    await saveTimes(2);
    const file = "renewal=2f1/2.json";
    const path = join(directory, file);
    await writeFile(path, garble(await readFile(path, "utf8")));
    const fresh = fileStore({ directory });
    await expect(fresh.load(KEY)).rejects.toMatchObject({
      code: "ERR_RECORD_CORRUPT",
      details: { file },
    });
    expect(await fresh.list("renewal/")).toEqual([KEY]);
    await expect(fresh.save(KEY, {}, 0)).rejects.toMatchObject({ code: "ERR_RECORD_CORRUPT" });
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
    expect(await filesOf()).toEqual(["renewal=2f1/1.json"]);
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
    expect(await entriesOf()).toEqual([]);
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

describe("a process that ends", () => {
  test("at any operation of a save leaves the old document or the new one", async () => {
    let survived = 0;
    for (let n = 0; ; n++) {
      const key = `renewal/${n}`;
      await store.save(key, { n: 1 }, 0);
      await store.save(key, { n: 2 }, 1);
      const dying = dyingAt(n);
      const saved = await fileStore({ directory, fs: interferedFileSystem(dying.interfere) })
        .save(key, { n: 3 }, 2)
        .then(
          () => true,
          () => false,
        );
      const fresh = fileStore({ directory });
      const found = await fresh.load(key);
      if (saved) expect(found).toEqual({ revision: 3, document: { n: 3 } });
      else expect([{ n: 2 }, { n: 3 }]).toContainEqual(found?.document);
      const next = await fresh.save(key, { n: 4 }, found?.revision ?? 0);
      expect(await store.load(key)).toEqual({ revision: next, document: { n: 4 } });
      if (!dying.happened) break;
      if (saved) survived += 1;
    }
    expect(survived).toBeGreaterThan(0);
  });

  test("at any operation of a removal leaves the document or nothing", async () => {
    for (let n = 0; ; n++) {
      const key = `renewal/${n}`;
      await store.save(key, { n: 1 }, 0);
      const dying = dyingAt(n);
      const removed = await fileStore({ directory, fs: interferedFileSystem(dying.interfere) })
        .remove(key, 1)
        .then(
          () => true,
          () => false,
        );
      const fresh = fileStore({ directory });
      const found = await fresh.load(key);
      expect([undefined, { revision: 1, document: { n: 1 } }]).toContainEqual(found);
      if (removed) expect(found).toBeUndefined();
      await fresh.save(key, { n: 2 }, found?.revision ?? 0);
      expect((await store.load(key))?.document).toEqual({ n: 2 });
      if (!dying.happened) break;
    }
  });
});

describe("a writer that is late", () => {
  /** A writer that stops just before its link (or where it is told), having seen revision 1 (or a later one). */
  async function lateWriter(pause = pausingAt("link", /\.json$/), seen = 1) {
    await saveTimes(seen);
    const late = fileStore({ directory, fs: interferedFileSystem(pause.interfere) });
    const saving = late.save(KEY, { late: true }, seen).catch((error: RenewalError) => error);
    await pause.isReached;
    return { saving, letGo: pause.letGo };
  }

  test.each([1, 2, 15, 16, 17, 18, 40])("by %i saves of others conflicts", async (saves) => {
    const { saving, letGo } = await lateWriter();
    const revision = await saveTimes(saves, 1);
    letGo();
    expect(await saving).toMatchObject({ code: "ERR_STORE_CONFLICT" });
    for (const reader of [store, fileStore({ directory })]) {
      expect(await reader.load(KEY)).toEqual({ revision, document: { n: revision } });
    }
  });

  test("by a removal conflicts, and brings nothing back", async () => {
    const { saving, letGo } = await lateWriter();
    await store.remove(KEY, 1);
    letGo();
    expect(await saving).toMatchObject({ code: "ERR_STORE_CONFLICT" });
    expect(await fileStore({ directory }).load(KEY)).toBeUndefined();
  });

  test.each([
    ["linked its temporary", "link", /\.json$/],
    ["wrote its temporary", "open", /\.tmp$/],
  ] as const)(
    "by a removal that was forgotten itself, before it %s, conflicts, and brings nothing back",
    async (_, operation, path) => {
      const { saving, letGo } = await lateWriter(pausingAt(operation, path));
      await store.remove(KEY, 1);
      await age("renewal=2f1/2.json", DAY_MS + 1000);
      await store.list("");
      letGo();
      expect(await saving).toMatchObject({ code: "ERR_STORE_CONFLICT" });
      expect(await fileStore({ directory }).load(KEY)).toBeUndefined();
      expect(await entriesOf()).toEqual([]);
    },
  );

  test("by so much that its temporary was swept away conflicts", async () => {
    const { saving, letGo } = await lateWriter();
    const [temporary = ""] = (await filesOf()).filter((file) => file.endsWith(".tmp"));
    await age(temporary, DAY_MS + 1000);
    await store.list("");
    letGo();
    expect(await saving).toMatchObject({ code: "ERR_STORE_CONFLICT" });
    expect(await store.load(KEY)).toEqual({ revision: 1, document: { n: 1 } });
  });

  test("by a removal that was forgotten itself, with another document in its place, conflicts", async () => {
    const { saving, letGo } = await lateWriter(pausingAt("open", /\.tmp$/), 2);
    await store.remove(KEY, 2);
    await age("renewal=2f1/3.json", DAY_MS + 1000);
    await store.list("");
    await store.save(KEY, { another: true }, 0);
    letGo();
    expect(await saving).toMatchObject({ code: "ERR_STORE_CONFLICT" });
    const found = await fileStore({ directory }).load(KEY);
    expect(found).toEqual({ revision: 1, document: { another: true } });
  });

  test("after its link has saved, whoever builds on it meanwhile", async () => {
    await saveTimes(1);
    const pause = pausingAt("readdir", /records\/renewal=2f1$/);
    let linked = false;
    const fs = interferedFileSystem(async (operation, path) => {
      if (linked) await pause.interfere(operation, path);
      if (operation === "link") linked = true;
    });
    const saving = fileStore({ directory, fs }).save(KEY, { n: 2 }, 1);
    await pause.isReached;
    await saveTimes(3, 2);
    pause.letGo();
    expect(await saving).toBe(2);
    expect((await store.load(KEY))?.revision).toBe(5);
  });
});

test("a first writer whose folder goes before its temporary is in it makes it again", async () => {
  const pause = pausingAt("open", /\.tmp$/);
  const slow = fileStore({ directory, fs: interferedFileSystem(pause.interfere) });
  const saving = slow.save(KEY, { n: 1 }, 0);
  await pause.isReached;
  const failing = interferedFileSystem((operation) => {
    if (operation === "writeFile") throw systemError("ENOSPC");
  });
  await expect(fileStore({ directory, fs: failing }).save(KEY, {}, 0)).rejects.toThrow();
  expect(await entriesOf()).toEqual([]);
  pause.letGo();
  expect(await saving).toBe(1);
  expect(await fileStore({ directory }).load(KEY)).toEqual({ revision: 1, document: { n: 1 } });
});

test("a reader whose revision is emptied while it reads goes on to the newer one", async () => {
  await saveTimes(1);
  const pause = pausingAt("readFile", /\/1\.json$/);
  const reader = fileStore({ directory, fs: interferedFileSystem(pause.interfere) });
  const loading = reader.load(KEY);
  await pause.isReached;
  await saveTimes(30, 1);
  pause.letGo();
  expect((await loading)?.document).toEqual({ n: 31 });
});
