import { fileStore } from "certrenew/store/file";
import fc from "fast-check";
import { expect, test } from "vitest";
import { dyingAt, interferedFileSystem, pausingAt } from "../../support/faulty-file-system.js";
import { forgetfulFileSystem } from "../../support/forgetful-file-system.js";

const KEY = "renewal/1";
const directory = "/records";

test("what save has resolved is there after a power loss at any later moment", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 120 }),
      fc.infiniteStream(fc.boolean()),
      async (operations, survives) => {
        const disk = forgetfulFileSystem();
        const fs = interferedFileSystem(dyingAt(operations).interfere, disk);
        const store = fileStore({ directory, fs });
        let acknowledged = 0;
        try {
          for (; acknowledged < 4; acknowledged++) {
            await store.save(KEY, { n: acknowledged + 1 }, acknowledged);
          }
        } catch {
          // The power went away in the middle of a save.
        }
        disk.losePower(() => survives.next().value);
        const after = fileStore({ directory, fs: disk });
        const found = await after.load(KEY);
        expect([acknowledged, acknowledged + 1]).toContain(Number(found?.document["n"] ?? 0));
        const next = await after.save(KEY, { n: "next" }, found?.revision ?? 0);
        expect(await after.load(KEY)).toEqual({ revision: next, document: { n: "next" } });
      },
    ),
    { numRuns: 300 },
  );
});

test.each([
  ["before its temporary", "open", /\.tmp$/],
  ["before it synced the folder's name", "open", /^\/records$/],
] as const)(
  "what save has resolved is there after a power loss, though another made its folder and stopped %s",
  async (_, operation, path) => {
    const disk = forgetfulFileSystem();
    await fileStore({ directory, fs: disk }).save("renewal/2", {}, 0);
    const pause = pausingAt(operation, path);
    const fs = interferedFileSystem(pause.interfere, disk);
    const stopped = fileStore({ directory, fs })
      .save(KEY, { n: 0 }, 0)
      .catch((error: unknown) => error);
    await pause.isReached;
    await fileStore({ directory, fs: disk }).save(KEY, { n: 1 }, 0);
    disk.losePower(() => false);
    const found = await fileStore({ directory, fs: disk }).load(KEY);
    expect(found).toEqual({ revision: 1, document: { n: 1 } });
    pause.letGo();
    expect(await stopped).toMatchObject({ code: "ERR_STORE_CONFLICT" });
  },
);

test("what save has resolved is there after a power loss, though its folder went and came meanwhile", async () => {
  const disk = forgetfulFileSystem();
  await fileStore({ directory, fs: disk }).save("renewal/2", {}, 0);
  const first = (stop: RegExp) => {
    const pause = pausingAt("open", stop);
    const fs = interferedFileSystem(pause.interfere, disk);
    return { ...pause, saving: fileStore({ directory, fs }).save(KEY, { n: 1 }, 0) };
  };
  const one = first(/\.tmp$/);
  await one.isReached;
  await disk.rmdir("/records/renewal=2f1");
  // As soon as it has made the folder, whatever it opens next.
  const other = first(/^\/records/);
  await other.isReached;
  one.letGo();
  expect(await one.saving).toBe(1);
  disk.losePower(() => false);
  const found = await fileStore({ directory, fs: disk }).load(KEY);
  expect(found).toEqual({ revision: 1, document: { n: 1 } });
  other.letGo();
  await expect(other.saving).rejects.toMatchObject({ code: "ERR_STORE_CONFLICT" });
});

test("what remove has resolved does not come back after a power loss", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 60 }),
      fc.infiniteStream(fc.boolean()),
      async (operations, survives) => {
        const disk = forgetfulFileSystem();
        await fileStore({ directory, fs: disk }).save(KEY, { n: 1 }, 0);
        const fs = interferedFileSystem(dyingAt(operations).interfere, disk);
        const removed = await fileStore({ directory, fs })
          .remove(KEY, 1)
          .then(
            () => true,
            () => false,
          );
        disk.losePower(() => survives.next().value);
        const found = await fileStore({ directory, fs: disk }).load(KEY);
        if (removed) expect(found).toBeUndefined();
        else expect([undefined, { n: 1 }]).toContainEqual(found?.document);
      },
    ),
    { numRuns: 200 },
  );
});

test("what was forgotten does not come back after a power loss", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 40 }),
      fc.infiniteStream(fc.boolean()),
      async (operations, survives) => {
        const disk = forgetfulFileSystem();
        const store = fileStore({ directory, fs: disk });
        await store.save(KEY, { n: 1 }, 0);
        await store.save(KEY, { n: 2 }, 1);
        await store.remove(KEY, 2);
        const stat = async (path: string) => ({ ...(await disk.stat(path)), mtimeMs: 0 });
        const aged = { ...disk, stat };
        const fs = interferedFileSystem(dyingAt(operations).interfere, aged);
        await fileStore({ directory, fs })
          .list("")
          .catch(() => undefined);
        disk.losePower(() => survives.next().value);
        expect(await fileStore({ directory, fs: disk }).load(KEY)).toBeUndefined();
        await fileStore({ directory, fs: disk }).save(KEY, { n: "again" }, 0);
      },
    ),
    { numRuns: 300 },
  );
});
