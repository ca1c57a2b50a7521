import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RenewalError, Transport } from "certrenew";
import { fileStore } from "certrenew/store/file";
import { memoryStore } from "certrenew/store/memory";
import { describe, expect, test } from "vitest";
import { storeFolder } from "../support/store-folder.js";
import { CLERKS, reach } from "./stations.js";
import { acceptOffer, createWorld, DAY_MS, failureOf, inState, theCredential } from "./world.js";

describe("renewals", () => {
  test("one that cannot be read does not hide the others", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const renewal = await reach("awaiting-review", world);
    await world.store.save("renewal-broken", { format: "certrenew/renewal", version: 1 }, 0);
    await world.store.save("renewal-newer", { format: "certrenew/renewal", version: 9 }, 0);

    const { renewals, unreadable } = await client.renewals();

    expect(renewals.map(({ id, state }) => [id, state])).toEqual([[renewal.id, "awaiting-review"]]);
    expect(unreadable.map(({ id, error }) => [id, error.code]).sort()).toEqual([
      ["broken", "ERR_RECORD_CORRUPT"],
      ["newer", "ERR_RECORD_VERSION"],
    ]);
  });

  test("one that is not in the store", async () => {
    const { client } = (await createWorld()).program();
    expect(await client.renewals()).toEqual({ renewals: [], unreadable: [] });
    expect(await failureOf(client.resume("nowhere"))).toMatchObject({
      code: "ERR_RECORD_NOT_FOUND",
      details: { id: "nowhere" },
    });
  });
});

describe("credentials", () => {
  test("after a completed renewal lead to the new certificate, never to the old one again", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const { id, previous, report } = await reach("completed", world);

    const [renewed, old, ...others] = await client.credentials();

    expect(others).toEqual([]);
    expect(renewed).toMatchObject({
      signing: { sha256: report.renewed.sha256 },
      eligibility: { renewable: true, warnings: [] },
      renewalId: undefined,
    });
    expect(old).toMatchObject({
      signing: { sha256: previous.sha256 },
      eligibility: { renewable: false, reasons: ["already-renewed"] },
      renewalId: id,
    });
    expect(old && (await failureOf(client.start(old)))).toMatchObject({
      code: "ERR_CERTIFICATE_INELIGIBLE",
      details: { reason: "already-renewed" },
      renewal: { id, state: "completed" },
    });
    expect(world.ra.desk.applications).toHaveLength(1);
  });

  test("of a program without that store lead to the new certificate too", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { report } = await reach("completed", world);
    const { client } = world.program({ store: memoryStore() });

    const [renewed, old] = await client.credentials();

    expect(renewed?.signing.sha256).toBe(report.renewed.sha256);
    expect(old?.eligibility).toMatchObject({
      renewable: true,
      warnings: expect.arrayContaining(["superseded"]),
    });
  });
});

describe("progress (查询进度)", () => {
  test("asks the RA, on the certificate's row", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const credential = await theCredential(client);
    expect(await client.progress(credential)).toBeUndefined();
    const renewal = await reach("awaiting-review", world);
    world.ra.desk.book(renewal.id);
    world.ra.desk.approve(renewal.id);

    const ready = await client.progress(credential);

    expect(ready).toMatchObject({ id: renewal.id, state: "ready-to-install" });
    expect((await client.progress(credential))?.state).toBe("ready-to-install");
    expect(world.asked).toBe(1);
  });

  test("of an expired certificate too", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    await reach("awaiting-review", world);
    world.clock.advance(40 * DAY_MS);

    const credential = await theCredential(client);

    expect(credential.eligibility.reasons).toContain("expired");
    expect((await client.progress(credential))?.state).toBe("awaiting-review");
  });

  test("follows the refund of one that is closed", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const { id } = await reach("closed", world);
    world.ra.desk.sendRefunds(id);

    const closed = inState(await client.progress(await theCredential(client)), "closed");

    expect(closed.payment?.status).toBe("refunded");
  });

  test("asks nothing where each question takes a PIN", async () => {
    const world = await createWorld({ ra: { ...CLERKS, traits: { polling: "signed" } } });
    const { client } = world.program();
    const renewal = await reach("awaiting-review", world);
    world.ra.desk.return(renewal.id, []);

    const known = await client.progress(await theCredential(client));

    expect(known?.state).toBe("awaiting-review");
    expect(world.asked).toBe(1);
  });
});

describe("forget", () => {
  test.each(["completed", "closed"] as const)("erases one that is %s", async (state) => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const credential = await theCredential(client);
    const { id } = await reach(state, world);

    await client.forget(id);

    expect(await client.renewals()).toEqual({ renewals: [], unreadable: [] });
    expect(await client.progress(credential)).toBeUndefined();
    const left = await world.store.list("");
    expect(left.filter((key) => !key.startsWith("token-"))).toEqual([]);
    // Safe to repeat.
    await client.forget(id);
  });

  test("refuses one that is open, unless told expressly; then the certificate is free", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const draft = await reach("draft", world);

    const error = await failureOf(client.forget(draft.id));
    expect(error).toMatchObject({ code: "ERR_ARGUMENT", problems: [{ pointer: "/evenIfOpen" }] });
    await client.forget(draft.id, { evenIfOpen: true });

    expect((await failureOf(draft.refresh())).code).toBe("ERR_RECORD_NOT_FOUND");
    expect((await client.start(await theCredential(client))).id).not.toBe(draft.id);
  });

  test("erases one that cannot be read only when told expressly", async () => {
    const world = await createWorld();
    const { client } = world.program();
    const { id } = await reach("draft", world);
    const key = `renewal-${id}`;
    await world.store.save(key, {}, (await world.store.load(key))?.revision ?? 0);
    const credential = await theCredential(client);
    expect(credential.eligibility.reasons).toEqual(["renewal-in-progress"]);

    expect((await failureOf(client.forget(id))).code).toBe("ERR_RECORD_CORRUPT");
    await client.forget(id, { evenIfOpen: true });

    expect((await client.start(await theCredential(client))).state).toBe("draft");
  });

  test.each(["renewal-", "certificate-"])(
    "is the way out of a damaged file, %s…",
    async (prefix) => {
      await using folder = await storeFolder();
      const { directory } = folder;
      const world = await createWorld({ store: fileStore({ directory }) });
      const { id } = await reach("draft", world);
      for (const file of await folder.files()) {
        const path = join(directory, file);
        if (file.startsWith(prefix) && (await readFile(path)).length > 0) {
          await writeFile(path, '{"key":');
        }
      }
      const { client } = world.program({ store: fileStore({ directory }) });

      const credential = await theCredential(client);
      expect(credential.eligibility.reasons).toEqual(["renewal-in-progress"]);
      const error = await failureOf(client.start(credential));
      expect(error).toMatchObject({
        code: "ERR_RECORD_CORRUPT",
        details: { file: expect.stringMatching(prefix) },
      });
      expect(error.explain().next).toMatch(/Restore the file from a copy/);
      await client.forget(id, { evenIfOpen: true });

      expect((await client.start(await theCredential(client))).state).toBe("draft");
    },
  );

  test("does not pull a renewal away from under a step", async () => {
    const world = await createWorld({ ra: CLERKS });
    const other = world.program().client;
    const refusals: RenewalError[] = [];
    const transport: Transport = {
      ...world.ra,
      async send(...given) {
        refusals.push(await failureOf(other.forget(id, { evenIfOpen: true })));
        return world.ra.send(...given);
      },
    };
    const draft = await reach("draft", world, world.program({ transport }));
    const { id } = draft;

    const unpaid = await draft.submit(acceptOffer(draft));

    expect(unpaid.state).toBe("awaiting-payment");
    expect(refusals.map(({ code }) => code)).toEqual(["ERR_RECORD_CLAIMED"]);
  });

  test("of an earlier renewal leaves the certificate with the later one", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { client } = world.program();
    const closed = await reach("closed", world);
    const draft = await reach("draft", world);

    await client.forget(closed.id);

    const credential = await theCredential(client);
    expect(credential.renewalId).toBe(draft.id);
  });
});
