import type { RenewalError, Store } from "certrenew";
import { fileStore } from "certrenew/store/file";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  dyingAt,
  interferedFileSystem,
  pausingAt,
  systemError,
} from "../../support/faulty-file-system.js";
import { DAY_MS, KEY, type StoreFolder, storeFolder } from "../../support/store-folder.js";

let folder: StoreFolder;
let directory: string;
let store: Store;

beforeEach(async () => {
  folder = await storeFolder();
  ({ directory, store } = folder);
});

afterEach(() => folder[Symbol.asyncDispose]());

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
    await folder.saveTimes(seen);
    const late = fileStore({ directory, fs: interferedFileSystem(pause.interfere) });
    const saving = late.save(KEY, { late: true }, seen).catch((error: RenewalError) => error);
    await pause.isReached;
    return { saving, letGo: pause.letGo };
  }

  test.each([1, 2, 15, 16, 17, 18, 40])("by %i saves of others conflicts", async (saves) => {
    const { saving, letGo } = await lateWriter();
    const revision = await folder.saveTimes(saves, 1);
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
      await folder.age("renewal=2f1/2.json", DAY_MS + 1000);
      await store.list("");
      letGo();
      expect(await saving).toMatchObject({ code: "ERR_STORE_CONFLICT" });
      expect(await fileStore({ directory }).load(KEY)).toBeUndefined();
      expect(await folder.entries()).toEqual([]);
    },
  );

  test("by a removal that was forgotten itself is seen by no reader, if it had no temporary", async () => {
    await folder.saveTimes(1);
    const pause = pausingAt("open", /\.tmp$/);
    const seen: unknown[] = [];
    const fs = interferedFileSystem(async (operation, path) => {
      await pause.interfere(operation, path);
      seen.push(await fileStore({ directory }).load(KEY));
    });
    const saving = fileStore({ directory, fs })
      .save(KEY, { late: true }, 1)
      .catch((error: RenewalError) => error);
    await pause.isReached;
    await store.remove(KEY, 1);
    await folder.age("renewal=2f1/2.json", DAY_MS + 1000);
    await store.list("");
    seen.length = 0;
    pause.letGo();
    expect(await saving).toMatchObject({ code: "ERR_STORE_CONFLICT" });
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((found) => found !== undefined)).toEqual([]);
  });

  test("by so much that its temporary was swept away conflicts", async () => {
    const { saving, letGo } = await lateWriter();
    const [temporary = ""] = (await folder.files()).filter((file) => file.endsWith(".tmp"));
    await folder.age(temporary, DAY_MS + 1000);
    await store.list("");
    letGo();
    expect(await saving).toMatchObject({ code: "ERR_STORE_CONFLICT" });
    expect(await store.load(KEY)).toEqual({ revision: 1, document: { n: 1 } });
  });

  test("by a removal that was forgotten itself, with another document in its place, conflicts", async () => {
    const { saving, letGo } = await lateWriter(pausingAt("open", /\.tmp$/), 2);
    await store.remove(KEY, 2);
    await folder.age("renewal=2f1/3.json", DAY_MS + 1000);
    await store.list("");
    await store.save(KEY, { another: true }, 0);
    letGo();
    expect(await saving).toMatchObject({ code: "ERR_STORE_CONFLICT" });
    const found = await fileStore({ directory }).load(KEY);
    expect(found).toEqual({ revision: 1, document: { another: true } });
  });

  test("after its link has saved, whoever builds on it meanwhile", async () => {
    await folder.saveTimes(1);
    const pause = pausingAt("readdir", /records\/renewal=2f1$/);
    let linked = false;
    const fs = interferedFileSystem(async (operation, path) => {
      if (linked) await pause.interfere(operation, path);
      if (operation === "link") linked = true;
    });
    const saving = fileStore({ directory, fs }).save(KEY, { n: 2 }, 1);
    await pause.isReached;
    await folder.saveTimes(3, 2);
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
  expect(await folder.entries()).toEqual([]);
  pause.letGo();
  expect(await saving).toBe(1);
  expect(await fileStore({ directory }).load(KEY)).toEqual({ revision: 1, document: { n: 1 } });
});

test("a reader whose revision is emptied while it reads goes on to the newer one", async () => {
  await folder.saveTimes(1);
  const pause = pausingAt("readFile", /\/1\.json$/);
  const reader = fileStore({ directory, fs: interferedFileSystem(pause.interfere) });
  const loading = reader.load(KEY);
  await pause.isReached;
  await folder.saveTimes(30, 1);
  pause.letGo();
  expect((await loading)?.document).toEqual({ n: 31 });
});
