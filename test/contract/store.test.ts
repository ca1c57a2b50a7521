import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileStore } from "certrenew/store/file";
import { memoryStore } from "certrenew/store/memory";
import { type StoreFixture, storeContract } from "certrenew/testing";
import { describe, test } from "vitest";

const inFiles: StoreFixture = {
  async create() {
    const folder = await mkdtemp(join(tmpdir(), "certrenew-store-"));
    const directory = join(folder, "made", "by the store");
    return {
      store: fileStore({ directory }),
      another: () => fileStore({ directory }),
      async damage(key) {
        const document = join(directory, key.replace("/", "=2f"));
        const revisions = (await readdir(document)).map((file) => Number.parseInt(file, 10));
        await writeFile(join(document, `${Math.max(...revisions)}.json`), '{"key":');
      },
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
    };
  },
};

const inMemory: StoreFixture = {
  create: async () => ({ store: memoryStore(), [Symbol.asyncDispose]: async () => {} }),
};

describe.each([
  ["fileStore", inFiles],
  ["memoryStore", inMemory],
])("%s", (_, fixture) => {
  for (const { name, run } of storeContract(fixture)) test(name, run);
});
