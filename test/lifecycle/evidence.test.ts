import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Evidence, type RenewalClient, RenewalError, type Store } from "certrenew";
import { memoryStore } from "certrenew/store/memory";
import { strFromU8, unzipSync } from "fflate";
import { afterEach, describe, expect, test } from "vitest";
import { parseCertificate } from "../../src/core/pki/certificate.js";
import { VERSION } from "../../src/core/version.js";
import { root } from "../support/run.js";
import { CLERKS, reach, STATES } from "./stations.js";
import { createWorld, failureOf, SAMPLE_FORM, transferOf, type World } from "./world.js";

const PIN = "a PIN that nobody may see";

describe.each(STATES)("in %s", (state) => {
  test("evidence is one archive whose manifest and sums are true, without a secret", async () => {
    const { world, secrets } = await watchedWorld();
    const program = world.program();
    const { id } = await reach(state, world, program);
    const { asked, ra } = world;
    const before = { calls: ra.calls.length, asked, record: await stored(world, id) };

    const evidence = await program.client.evidence(id);

    expect(evidence.fileName).toBe(`certrenew-${id}-evidence.zip`);
    const { manifest } = evidence;
    expect(manifest).toMatchObject({ renewalId: id, state, producer: `certrenew ${VERSION}` });
    const files = unzip(evidence);
    const names = Object.keys(files);
    expect(names.slice(0, 3)).toEqual(["README.txt", "SHA256SUMS", "manifest.json"]);
    expect(JSON.parse(textOf(files, "manifest.json"))).toEqual(
      JSON.parse(JSON.stringify(manifest)),
    );
    expect(manifest.files.map(({ name, sha256, size }) => ({ name, sha256, size }))).toEqual(
      names
        .filter((name) => name !== "SHA256SUMS" && name !== "manifest.json")
        .map((name) => ({ name, ...measure(files[name]) })),
    );
    const sums = names.filter((name) => name !== "SHA256SUMS").sort();
    expect(textOf(files, "SHA256SUMS").trimEnd().split("\n").sort()).toEqual(
      sums.map((name) => `${measure(files[name]).sha256}  ${name}`).sort(),
    );
    expect(manifest.absent.filter(({ name }) => names.includes(name))).toEqual([]);

    for (const secret of [PIN, ...secrets]) {
      const leaks = names.filter((name) => Buffer.from(files[name] ?? []).includes(secret));
      expect(leaks).toEqual([]);
    }
    expect({ calls: ra.calls.length, asked: world.asked, record: await stored(world, id) }).toEqual(
      before,
    );
  });

  test("the support bundle tells the state, and nothing of the holder", async () => {
    const { world, secrets } = await watchedWorld();
    const program = world.program();
    const { id, previous, order } = await reach(state, world, program);
    const bundle = await program.client.supportBundle(id, {
      error: new RenewalError("ERR_TOKEN_NOT_PRESENT", { details: { token: "Sample key" } }),
    });
    expect(bundle).toMatchObject({
      error: "ERR_TOKEN_NOT_PRESENT",
      renewal: { id, state },
      environment: { certrenew: VERSION, node: process.version, driver: "mock" },
    });
    expect(bundle.environment.transport?.name).toBe(world.ra.name);
    const text = JSON.stringify(bundle);
    const { payerAccount, payerName } = transferOf(1).remittances[0] ?? {};
    const personal = [
      ...Object.values(SAMPLE_FORM),
      ...Object.values(transferOf(1).recipient),
      ...[payerAccount, payerName, order?.businessNumber, order?.subject],
      ...[previous.subject, previous.serialNumber, previous.sha256, "Sample Applicant"],
      ...world.token.certificates.map(({ der }) => parseCertificate(der).serialNumber),
      ...["Sample key", PIN, ...secrets],
    ].filter((part) => part !== undefined);
    expect(personal.filter((part) => text.includes(part))).toEqual([]);
  });
});

describe("an archive", () => {
  const { TZ } = process.env;
  afterEach(() => {
    if (TZ === undefined) delete process.env["TZ"];
    else process.env["TZ"] = TZ;
  });

  test("is the same for the same record, in every time zone", async () => {
    const world = await createWorld({ ra: CLERKS });
    const { id } = await reach("completed", world);
    const archives = [];
    for (const zone of ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"]) {
      process.env["TZ"] = zone;
      const { content } = await world.program().client.evidence(id);
      archives.push(Buffer.from(content).toString("base64"));
    }
    expect(new Set(archives).size).toBe(1);
  });

  test("names what is not there yet, with the reason", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const { id } = await reach("draft", world, program);
    const { manifest } = await program.client.evidence(id);
    expect(reasons(manifest)).toEqual({
      "application/1/application.p7m": "The renewal has not come this far.",
      "application/1/receipt.p7m": "The renewal has not come this far.",
      "requests/signing.p10": "The renewal has not come this far.",
      "certificates/new.pem": "The renewal has not come this far.",
      "installation/proof.json": "The renewal has not come this far.",
      "installation/confirmation.p7m": "The renewal has not come this far.",
      "installation/confirmation-receipt.p7m": "The renewal has not come this far.",
      "installation/continuity.p7m": "The renewal has not come this far.",
    });
  });

  test("of an RA that signs nothing holds the offer as it was read, and says so", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const { id, offer } = await reach("completed", world, program);
    await withoutSignatures(world.store, id);
    const evidence = await program.client.evidence(id);
    const files = unzip(evidence);
    expect(JSON.parse(textOf(files, "offer/offer.json"))).toMatchObject({
      id: offer.id,
      agreement: { text: offer.agreement.text },
    });
    expect(reasons(evidence.manifest)).toMatchObject({
      "offer/offer.p7m": expect.stringContaining("gives no signed one"),
      "application/1/receipt.p7m": expect.stringContaining("gives no signed one"),
      "installation/confirmation-receipt.p7m": expect.stringContaining("gives no signed one"),
      "installation/continuity.p7m": "The old key was not on the token any more.",
    });
    expect(textOf(files, "README.txt")).not.toContain("offer/offer.p7m is signed");
  });

  test("says of what is no CMS that it is not shown", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const { id } = await reach("awaiting-review", world, program);
    await change(world.store, id, (record) => {
      record.application.receipt = Buffer.from("a receipt of another kind").toString("base64");
    });
    const files = unzip(await program.client.evidence(id));
    expect(textOf(files, "application/1/receipt.p7m")).toBe("a receipt of another kind");
    expect(textOf(files, "README.txt")).toContain(
      "Not shown: application/1/receipt.p7m is not a CMS SignedData",
    );
  });

  test("ends with the renewal where that is closed", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const { id } = await reach("closed", world, program);
    const { manifest } = await program.client.evidence(id);
    expect(reasons(manifest)["certificates/new.pem"]).toBe("The renewal ended before.");
  });
});

describe.each(["evidence", "supportBundle"] as const)("%s fails as the other calls do", (call) => {
  const ask = (client: RenewalClient, id: string, signal?: AbortSignal): Promise<unknown> =>
    client[call](id, { signal });

  test("for an id that is not in the store, or no id", async () => {
    const { client } = (await createWorld()).program();
    expect((await failureOf(ask(client, "nobody"))).code).toBe("ERR_RECORD_NOT_FOUND");
    expect((await failureOf(ask(client, 7 as unknown as string))).code).toBe("ERR_ARGUMENT");
  });

  test("for a record that cannot be read", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const { id } = await reach("draft", world, program);
    await change(world.store, id, (record) => {
      record.application.revision = -1;
    });
    expect((await failureOf(ask(program.client, id))).code).toBe("ERR_RECORD_CORRUPT");
  });

  test("when it is aborted", async () => {
    const world = await createWorld({ ra: CLERKS });
    const program = world.program();
    const { id } = await reach("draft", world, program);
    const { code } = await failureOf(ask(program.client, id, AbortSignal.abort()));
    expect(code).toBe("ERR_ABORTED");
  });
});

test("a bundle is made where no transport is for the certificate", async () => {
  const world = await createWorld({ ra: CLERKS });
  const { id } = await reach("draft", world);
  const transport = () => {
    throw new Error("no RA for this one");
  };
  const bundle = await world.program({ transport }).client.supportBundle(id);
  expect(bundle.environment.transport).toBeUndefined();
  expect(bundle.error).toBeUndefined();
});

test("the version that archives and bundles name is that of the package", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(VERSION).toBe(version);
});

/** A world whose store remembers every follow secret that it ever had. */
async function watchedWorld(): Promise<{ world: World; secrets: ReadonlySet<string> }> {
  const secrets = new Set<string>();
  const inner = memoryStore();
  const store: Store = {
    ...inner,
    save(key, document, revision) {
      const { followSecret } = (document["secrets"] ?? {}) as { followSecret?: string };
      if (followSecret) secrets.add(followSecret);
      return inner.save(key, document, revision);
    },
  };
  const world = await createWorld({ ra: CLERKS, store, token: { pin: PIN } });
  world.pins = [PIN];
  return { world, secrets };
}

function unzip({ content }: Evidence): Record<string, Uint8Array> {
  return unzipSync(content);
}

function textOf(files: Record<string, Uint8Array>, name: string): string {
  return strFromU8(files[name] ?? new Uint8Array());
}

function measure(content: Uint8Array = new Uint8Array()): { sha256: string; size: number } {
  return { sha256: createHash("sha256").update(content).digest("hex"), size: content.length };
}

function reasons({ absent }: Evidence["manifest"]): Record<string, string> {
  return Object.fromEntries(absent.map(({ name, reason }) => [name, reason.en]));
}

async function stored({ store }: World, id: string): Promise<unknown> {
  return (await store.load(`renewal-${id}`))?.document;
}

/** The members of a stored record that the tests change. */
interface StoredRecord {
  offer: { document?: string };
  application: { revision: number; receipt?: string };
  issuance: { installation?: { continuity?: string; confirmation?: { receipt?: string } } };
}

async function change(
  store: Store,
  id: string,
  edit: (record: StoredRecord) => void,
): Promise<void> {
  const found = await store.load(`renewal-${id}`);
  if (!found) throw new Error(`no record of ${id}`);
  const document = structuredClone(found.document);
  edit(document as unknown as StoredRecord);
  await store.save(`renewal-${id}`, document, found.revision);
}

function withoutSignatures(store: Store, id: string): Promise<void> {
  return change(store, id, ({ offer, application, issuance }) => {
    delete offer.document;
    delete application.receipt;
    delete issuance.installation?.continuity;
    delete issuance.installation?.confirmation?.receipt;
  });
}
