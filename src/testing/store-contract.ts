import assert from "node:assert/strict";
import type { JsonObject } from "../core/domain/scalars.js";
import type { Store } from "../core/ports/store.js";
import { type ContractCase, rejectsWith } from "./contract.js";

/**
 * What every store has to do, as cases for any test runner. That documents survive a crash and that the compare-and-set
 * holds between processes is for a store's own tests: only they know how to end one.
 *
 * @example
 * for (const { name, run } of storeContract({ create })) test(name, run);
 */
export function storeContract(fixture: StoreFixture): readonly ContractCase[] {
  return CASES.map(({ name, run }) => ({
    name,
    run: async () => {
      await using setting = await fixture.create();
      await run(setting.store, setting);
    },
  }));
}

/** Your store, as {@link storeContract} is given it. */
export interface StoreFixture {
  /** Makes an empty store. Every case takes one and disposes of it. */
  create(): Promise<StoreSetting>;
}

/** One empty store, made for one case. */
export interface StoreSetting extends AsyncDisposable {
  readonly store: Store;
  /** Another instance on the same documents, as another process has it; absent where there can be none. */
  another?(): Store;
  /** Spoils what is stored under the key, so that it cannot be read; absent where nothing can. */
  damage?(key: string): Promise<void>;
}

interface StoreCase {
  readonly name: string;
  run(store: Store, setting: StoreSetting): Promise<void>;
}

const rich: JsonObject = {
  text: '北京 "quoted" \\ \n\u0000 🔑',
  numbers: [0, -1, 1.5, 1e21, Number.MAX_SAFE_INTEGER],
  nothing: null,
  deep: { a: [{ b: [[], {}] }] },
  "": true,
};

const CASES: readonly StoreCase[] = [
  {
    name: "has nothing under a key that was never saved",
    async run(store) {
      assert.equal(await store.load("renewal/none"), undefined);
      assert.deepEqual(await store.list(""), []);
    },
  },
  {
    name: "gives back what was saved, with its revision",
    async run(store) {
      const revision = await store.save("renewal/1", rich, 0);
      assert.ok(revision > 0);
      assert.deepEqual(await store.load("renewal/1"), { revision, document: rich });
    },
  },
  {
    name: "shares its documents with another instance",
    async run(store, setting) {
      const other = setting.another?.() ?? store;
      const first = await store.save("renewal/1", { n: 1 }, 0);
      const second = await other.save("renewal/1", { n: 2 }, first);
      assert.deepEqual(await store.load("renewal/1"), { revision: second, document: { n: 2 } });
      await rejectsWith("ERR_STORE_CONFLICT", store.save("renewal/1", { n: 3 }, first));
    },
  },
  {
    name: "counts revisions upward",
    async run(store) {
      let revision = 0;
      for (let n = 1; n <= 40; n++) {
        const next = await store.save("renewal/1", { n }, revision);
        assert.ok(next > revision);
        revision = next;
      }
      assert.deepEqual(await store.load("renewal/1"), { revision, document: { n: 40 } });
    },
  },
  {
    name: "refuses a revision that is not the one stored, and keeps what is stored",
    async run(store) {
      await rejectsWith("ERR_STORE_CONFLICT", store.save("renewal/1", { n: 0 }, 7));
      const first = await store.save("renewal/1", { n: 1 }, 0);
      await rejectsWith("ERR_STORE_CONFLICT", store.save("renewal/1", { n: 9 }, 0));
      const second = await store.save("renewal/1", { n: 2 }, first);
      for (const wrong of [0, first, second + 1]) {
        await rejectsWith("ERR_STORE_CONFLICT", store.save("renewal/1", { n: 9 }, wrong));
        await rejectsWith("ERR_STORE_CONFLICT", store.remove("renewal/1", wrong));
      }
      assert.deepEqual(await store.load("renewal/1"), { revision: second, document: { n: 2 } });
    },
  },
  {
    name: "lets one of many win who save the same revision at once",
    async run(store, setting) {
      const other = setting.another?.() ?? store;
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, n) =>
          (n % 2 === 0 ? store : other).save("claim/1", { n }, 0),
        ),
      );
      const winners = results.flatMap((result, n) => (result.status === "fulfilled" ? [n] : []));
      assert.equal(winners.length, 1);
      for (const result of results.filter((each) => each.status === "rejected")) {
        await rejectsWith("ERR_STORE_CONFLICT", Promise.reject(result.reason));
      }
      assert.deepEqual((await store.load("claim/1"))?.document, { n: winners[0] });
    },
  },
  {
    name: "loses no increment of a counter that many raise at once",
    async run(store, setting) {
      const other = setting.another?.() ?? store;
      await Promise.all(Array.from({ length: 8 }, (_, n) => raise(n % 2 === 0 ? store : other, 5)));
      assert.deepEqual((await store.load("counter"))?.document, { n: 40 });
    },
  },
  {
    name: "shows a reader whole documents only, and never an older one after a newer",
    async run(store, setting) {
      const writer = setting.another?.() ?? store;
      const long = "x".repeat(20_000);
      let writing = true;
      const written = (async () => {
        let revision = 0;
        for (let n = 1; n <= 60; n++) {
          revision = await writer.save("renewal/1", { n, long, again: n }, revision);
        }
        writing = false;
      })();
      let last = 0;
      while (writing) {
        const document = (await store.load("renewal/1"))?.document;
        if (document === undefined) {
          assert.equal(last, 0, "what is there does not vanish");
          continue;
        }
        assert.equal(document["n"], document["again"]);
        assert.equal(document["long"], long);
        assert.ok(Number(document["n"]) >= last);
        last = Number(document["n"]);
      }
      await written;
    },
  },
  {
    name: "keeps its own copy of a document",
    async run(store) {
      const list = [1];
      await store.save("renewal/1", { list }, 0);
      list.push(2);
      const loaded = await store.load("renewal/1");
      assert.deepEqual(loaded?.document, { list: [1] });
      const ours: unknown = loaded?.document["list"];
      if (Array.isArray(ours)) ours.push(3);
      assert.deepEqual((await store.load("renewal/1"))?.document, { list: [1] });
    },
  },
  {
    name: "keeps keys apart, whatever stands in them",
    async run(store) {
      const keys = [
        "a/b",
        "a-b",
        "a_b",
        "A/b",
        "a.b",
        "a%2fb",
        "a=2fb",
        "con",
        "..",
        "证书",
        "a/b.1",
      ];
      for (const [n, key] of keys.entries()) await store.save(key, { n }, 0);
      for (const [n, key] of keys.entries()) {
        assert.deepEqual((await store.load(key))?.document, { n });
      }
      assert.deepEqual([...(await store.list(""))].sort(), [...keys].sort());
    },
  },
  {
    name: "lists the keys with a prefix",
    async run(store) {
      for (const key of ["renewal/1", "renewal/2", "claim/1"]) await store.save(key, {}, 0);
      assert.deepEqual([...(await store.list("renewal/"))].sort(), ["renewal/1", "renewal/2"]);
      assert.deepEqual(await store.list("claim/1"), ["claim/1"]);
      assert.deepEqual(await store.list("order/"), []);
    },
  },
  {
    name: "removes a document, which can be saved again from nothing",
    async run(store, setting) {
      const revision = await store.save("renewal/1", { n: 1 }, 0);
      await store.save("renewal/2", { n: 2 }, 0);
      await store.remove("renewal/1", revision);
      for (const each of [store, setting.another?.() ?? store]) {
        assert.equal(await each.load("renewal/1"), undefined);
        assert.deepEqual(await each.list("renewal/"), ["renewal/2"]);
      }
      await rejectsWith("ERR_STORE_CONFLICT", store.save("renewal/1", { n: 3 }, revision));
      await rejectsWith("ERR_STORE_CONFLICT", store.remove("renewal/1", revision));
      await rejectsWith("ERR_STORE_CONFLICT", store.remove("renewal/1", 0));
      const again = await store.save("renewal/1", { n: 4 }, 0);
      assert.deepEqual(await store.load("renewal/1"), { revision: again, document: { n: 4 } });
    },
  },
  {
    name: "tells the revision of what cannot be read, which replaces or erases it",
    async run(store, setting) {
      const first = await store.save("renewal/1", { n: 1 }, 0);
      await assertDamaged(setting, "renewal/1", first);
      await rejectsWith("ERR_STORE_CONFLICT", store.save("renewal/1", { n: 2 }, 0));
      await rejectsWith("ERR_STORE_CONFLICT", store.remove("renewal/1", first + 1));
      assert.deepEqual(await store.list(""), ["renewal/1"]);
      const second = await store.save("renewal/1", { n: 2 }, first);
      assert.deepEqual(await store.load("renewal/1"), { revision: second, document: { n: 2 } });
      await assertDamaged(setting, "renewal/1", second);
      await store.remove("renewal/1", second);
      assert.equal(await store.load("renewal/1"), undefined);
      assert.deepEqual(await store.list(""), []);
    },
  },
  {
    name: "lets either a removal or a save win, not both",
    async run(store, setting) {
      const other = setting.another?.() ?? store;
      for (let round = 0; round < 10; round++) {
        const key = `renewal/${round}`;
        const revision = await store.save(key, { n: 1 }, 0);
        const [removal, save] = await Promise.allSettled([
          store.remove(key, revision),
          other.save(key, { n: 2 }, revision),
        ]);
        assert.notEqual(removal.status, save.status);
        const document = (await store.load(key))?.document;
        assert.deepEqual(document, removal.status === "fulfilled" ? undefined : { n: 2 });
      }
    },
  },
];

/** Leaves the document as it is where nothing can spoil it. */
async function assertDamaged(
  { store, damage }: StoreSetting,
  key: string,
  revision: number,
): Promise<void> {
  if (!damage) return;
  await damage(key);
  const { details } = await rejectsWith("ERR_RECORD_CORRUPT", store.load(key));
  assert.equal(details["revision"], revision);
}

async function raise(store: Store, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const { revision, document } = (await store.load("counter")) ?? { revision: 0, document: {} };
    const n = Number(document["n"] ?? 0) + 1;
    try {
      await store.save("counter", { n }, revision);
      done += 1;
    } catch (error) {
      await rejectsWith("ERR_STORE_CONFLICT", Promise.reject(error));
    }
  }
}
