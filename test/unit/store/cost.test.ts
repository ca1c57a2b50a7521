import { dirname } from "node:path";
import { type FileSystem, fileStore } from "certrenew/store/file";
import { beforeEach, expect, test } from "vitest";
import { interferedFileSystem } from "../../support/faulty-file-system.js";
import {
  type ForgetfulFileSystem,
  forgetfulFileSystem,
} from "../../support/forgetful-file-system.js";

const directory = "/records";
const OTHERS = 20;
/** What lies in the folder of a document that was saved this often: itself, and the names that are kept below it. */
const SAVES = 20;
const FILES = 17;

let disk: ForgetfulFileSystem;

beforeEach(async () => {
  disk = forgetfulFileSystem();
  const store = fileStore({ directory, fs: disk });
  for (let n = 1; n <= OTHERS; n++) {
    for (let revision = 0; revision < SAVES; revision++) {
      await store.save(`renewal-${n}`, { n }, revision);
    }
    await store.save(`token-${n}`, { n }, 0);
  }
});

/** What a store does on the disk: folders listed, with how many entries each had, and every path touched. */
function watched() {
  const listings: { readonly path: string; readonly entries: number }[] = [];
  const read: string[] = [];
  const touched = new Set<string>();
  const inner = interferedFileSystem((operation, path) => {
    touched.add(path);
    if (operation === "readFile") read.push(path);
  }, disk);
  const fs: FileSystem = {
    ...inner,
    async readdir(path) {
      const entries = await inner.readdir(path);
      listings.push({ path, entries: entries.length });
      return entries;
    },
  };
  const folders = () =>
    new Set([...touched].map((path) => (hasSuffix(path) ? dirname(path) : path)));
  return { store: fileStore({ directory, fs }), listings, read, folders };
}

const hasSuffix = (path: string) => /\.(json|tmp)$/.test(path);

test("loading one of many lists its own folder once, and touches no other", async () => {
  const { store, listings, folders } = watched();
  await store.load("renewal-7");
  expect(listings).toEqual([{ path: "/records/renewal-7", entries: FILES }]);
  expect(folders()).toEqual(new Set(["/records/renewal-7"]));
});

test("saving one of many, once it is loaded, lists its own folder once, and touches no other", async () => {
  const { store, listings, folders } = watched();
  await store.load("renewal-7");
  listings.length = 0;
  await store.save("renewal-7", { n: 0 }, SAVES);
  expect(listings).toEqual([{ path: "/records/renewal-7", entries: FILES + 1 }]);
  expect(folders()).toEqual(new Set(["/records/renewal-7"]));
});

test("saving a new one among many lists its own folder alone", async () => {
  const { store, listings, folders } = watched();
  await store.save("renewal-new", { n: 0 }, 0);
  expect(listings).toEqual([{ path: "/records/renewal-new", entries: 1 }]);
  // The folder above is made where it is missing, and keeps the new name.
  expect(folders()).toEqual(new Set([directory, "/records/renewal-new"]));
});

test("removing one of many lists its own folder, and touches no other", async () => {
  const { store, listings, folders } = watched();
  await store.remove("renewal-7", SAVES);
  for (const { entries } of listings) expect(entries).toBeLessThanOrEqual(FILES + 1);
  expect(folders()).toEqual(new Set(["/records/renewal-7"]));
});

test.each(["renewal-7", "renewal-1", "renewal-"])(
  "listing %s lists the directory once, each match once, and reads one file of each",
  async (prefix) => {
    const { store, listings, read, folders } = watched();
    const keys = await store.list(prefix);
    const matching = Array.from({ length: OTHERS }, (_, n) => `renewal-${n + 1}`).filter((key) =>
      key.startsWith(prefix),
    );
    expect([...keys].sort()).toEqual([...matching].sort());
    const own = matching.map((key) => `/records/${key}`);
    expect(listings).toHaveLength(1 + own.length);
    expect(listings).toEqual(
      expect.arrayContaining([
        { path: directory, entries: 2 * OTHERS },
        ...own.map((path) => ({ path, entries: FILES })),
      ]),
    );
    expect(read.sort()).toEqual(own.map((path) => `${path}/${SAVES}.json`).sort());
    expect(folders()).toEqual(new Set([directory, ...own]));
  },
);
