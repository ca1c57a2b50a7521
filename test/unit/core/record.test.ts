import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KEY_ALGORITHMS } from "../../../src/core/domain/key-algorithm.js";
import type { JsonObject, JsonValue } from "../../../src/core/domain/scalars.js";
import { RenewalError } from "../../../src/core/errors.js";
import type { RenewalRecord } from "../../../src/core/record.js";
import {
  decodeRecord,
  encodeRecord,
  RECORD_VERSION,
  redactRecord,
} from "../../../src/core/record-codec.js";
import { loadRecord, saveRecord, storeKeys } from "../../../src/core/record-store.js";
import { memoryStore } from "../../../src/store/memory.js";
import {
  choice,
  FOLLOW_SECRET,
  previous,
  root,
  sampleExchange,
  sampleLedger,
  sampleOffer,
  sampleOrder,
  sampleRecord,
  transfer,
  yuan,
} from "./samples.js";

const octets = fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes));
const time = fc
  .date({ min: new Date("2000-01-01T00:00:00Z"), max: new Date("2100-01-01T00:00:00Z") })
  .filter((date) => !Number.isNaN(date.getTime()));
const name = fc.string({ maxLength: 40 });
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
const count = fc.integer({ min: 1, max: 1000 });
const json = fc
  // A member named __proto__ is no data to anybody: forms refuse it, and what parses JSON into objects may drop it.
  .dictionary(
    fc.stringMatching(/^[a-z/~ ]{1,8}$/),
    fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes("__proto__")),
  )
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
const certificate = fc.constantFrom(previous.certificate, root.certificate);
const held = fc.record({ der: certificate, keyId: octets, label: name });
const processIdentity = fc.record({ pid: count, startedAt: name, machine: name });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const exchange = fc.record({
  id,
  purpose: fc.constantFrom("application", "bank-transfer", "cancellation", "confirmation"),
  idempotencyKey: id,
  preparedAt: time,
  expiresAt: maybe(time),
  signed: maybe(octets),
  message: json,
});

const anyChoice = fc.record({
  acceptedAt: time,
  years: count,
  form: json,
  attachments: fc.array(
    fc.record({
      purpose: id,
      sha256: fc.constant("0".repeat(64)),
      mediaType: fc.constant("application/pdf"),
      size: count,
    }),
    { maxLength: 2 },
  ),
  acknowledged: fc.array(id, { maxLength: 2 }),
  keyMode: fc.constantFrom("renew", "re-key"),
  keyAlgorithm: fc.constantFrom(...KEY_ALGORITHMS),
});

const requestedKey = fc.record({
  keyId: octets,
  label: name,
  algorithm: fc.constantFrom(...KEY_ALGORITHMS),
  spki: maybe(octets),
});

const reason = fc.constantFrom("installation", "key-lost", "token-replaced");

const token = fc.record({ serialNumber: name, label: name, model: name, manufacturer: name });

const application = fc.record({
  status: fc.constantFrom("draft", "submitting", "received", "returned", "approved", "lapsed"),
  revision: count,
  reasons: fc.array(fc.record({ pointer: maybe(name), text: name }), { maxLength: 2 }),
  choice: maybe(anyChoice),
  requestedKey: maybe(requestedKey),
  request: maybe(octets),
  encryption: maybe(fc.record({ key: requestedKey, request: maybe(octets) })),
  signed: maybe(octets),
  receipt: maybe(octets),
  submittedAt: maybe(time),
  remote: maybe(json),
  amendableUntil: maybe(time),
  returned: maybe(
    fc.array(
      fc.record({
        revision: count,
        choice: anyChoice,
        signed: maybe(octets),
        receipt: maybe(octets),
        reasons: fc.array(fc.record({ text: name }), { maxLength: 2 }),
      }),
      { maxLength: 2 },
    ),
  ),
  handedIn: maybe(
    fc.array(fc.record({ reason, signed: maybe(octets), receipt: maybe(octets) }), {
      maxLength: 2,
    }),
  ),
  abandonedKeys: maybe(fc.array(requestedKey, { maxLength: 2 })),
});

const verified = {
  certificate,
  chain: fc.array(octets, { maxLength: 2 }),
  changes: fc.array(
    fc.oneof(
      fc.record({ field: fc.constantFrom("issuer", "keyUsage"), from: name, to: name }),
      fc.record({ field: fc.constant("extension"), oid: name, from: name, to: name }),
    ),
    { maxLength: 2 },
  ),
};

const issuance = fc.record({
  status: fc.constantFrom("none", "ready", "confirmed", "revoked"),
  collectUntil: maybe(time),
  keyRequest: maybe(
    fc.record({
      reason,
      token,
      key: requestedKey,
      encryptionKey: maybe(requestedKey),
      request: maybe(octets),
      encryptionRequest: maybe(octets),
    }),
  ),
  reissues: maybe(count),
  collected: maybe(
    fc.record({ ...verified, encryption: maybe(fc.record(verified)), confirmBy: maybe(time) }),
  ),
  installation: maybe(
    fc.record({
      begunAt: time,
      provenAt: maybe(time),
      proof: maybe(fc.record({ statement: octets, algorithm: name, signature: octets })),
      continuity: maybe(octets),
      confirmedAt: maybe(time),
      confirmation: maybe(fc.record({ signed: maybe(octets), receipt: maybe(octets) })),
      rebindings: maybe(
        fc.array(
          fc.record({
            id,
            title: name,
            status: fc.constantFrom("moved", "left"),
            reason: maybe(name),
            at: time,
          }),
          { maxLength: 2 },
        ),
      ),
    }),
  ),
});

const anyRecord = fc.record({
  id,
  createdAt: time,
  updatedAt: time,
  token,
  previous: held,
  encryption: maybe(held),
  offer: fc.record({ offer: fc.constant(sampleOffer()), document: maybe(octets) }),
  application,
  payment: maybe(fc.constant(sampleLedger({ instructions: [transfer(yuan(1))] }))),
  issuance,
  order: maybe(fc.constant(sampleOrder())),
  dueAt: maybe(time),
  pollNotBefore: maybe(time),
  outbox: fc.array(exchange, { maxLength: 3 }),
  announcement: maybe(fc.record({ instructionId: id, digest: fc.constant("0".repeat(64)) })),
  claim: maybe(
    fc.record({
      owner: processIdentity,
      clientId: id,
      takenAt: time,
      host: maybe(processIdentity),
    }),
  ),
  fence: fc.nat(),
  secrets: fc.record({ followSecret: maybe(id) }),
}) as fc.Arbitrary<RenewalRecord>;

/** A record with something in every field, and the document that is stored of it. */
const fullRecord = sampleRecord({
  encryption: { der: root.certificate, keyId: Uint8Array.of(2), label: "encryption" },
  application: { choice, status: "received", remote: { location: "/applications/1" } },
  payment: sampleLedger({ instructions: [transfer(yuan(200))] }),
  order: sampleOrder(),
  outbox: [sampleExchange()],
  secrets: { followSecret: FOLLOW_SECRET },
});
const fullDocument = encodeRecord(fullRecord);

describe("a record as JSON", () => {
  it("comes back as it was, and again as the same document", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const document = encodeRecord(record);
        const read = decodeRecord(JSON.parse(JSON.stringify(document)) as JsonObject);
        expect(read).toEqual(record);
        expect(encodeRecord(read)).toEqual(document);
      }),
      { numRuns: 100 },
    );
  });

  it("has no undefined in it, so that what is absent is absent in every store", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(leaves(encodeRecord(record))).not.toContain(undefined);
      }),
      { numRuns: 50 },
    );
  });

  it("names its format and version", () => {
    expect(fullDocument).toMatchObject({ format: "certrenew/renewal", version: RECORD_VERSION });
  });

  it("reads version 1, which knew nothing of documents, online payment and invoices", () => {
    const old = JSON.parse(JSON.stringify({ ...fullDocument, version: 1 }));
    delete old.offer.offer.attachments;
    delete old.application.choice?.attachments;
    for (const name of ["paymentMethods", "invoices", "shipments"]) delete old.order?.[name];
    const record = decodeRecord(old);
    expect(record.offer.offer.attachments).toEqual([]);
    expect(record.order).toMatchObject({ paymentMethods: [], invoices: [], shipments: [] });
    expect(encodeRecord(record)).toMatchObject({ version: RECORD_VERSION });
  });

  it("has times in ISO 8601 and bytes in Base64, for whoever reads it with other tools", () => {
    expect(fullDocument).toMatchObject({
      createdAt: "2026-03-02T02:00:00.000Z",
      previous: { der: Buffer.from(previous.certificate).toString("base64"), keyId: "AQ==" },
    });
  });

  it("keeps fields of a form whose names mean something to JavaScript", () => {
    const form = JSON.parse('{"constructor":"x","toString":"y","a/b":"z"}') as JsonObject;
    const record = sampleRecord({ application: { choice: { ...choice, form } } });
    expect(decodeRecord(encodeRecord(record)).application.choice?.form).toEqual(form);
  });
});

describe("a record that is shown", () => {
  it("has the secret nowhere in its text", () => {
    expect(JSON.stringify(fullDocument)).toContain(FOLLOW_SECRET);
    expect(JSON.stringify(redactRecord(fullRecord))).not.toContain(FOLLOW_SECRET);
  });

  it("shows all the rest", () => {
    const { secrets: _, ...rest } = fullDocument;
    expect(redactRecord(fullRecord)).toEqual({ ...rest, secrets: {} });
  });
});

describe("a document that is damaged", () => {
  function failureOf(document: JsonObject): RenewalError {
    try {
      decodeRecord(document);
    } catch (error) {
      if (error instanceof RenewalError) return error;
      throw error;
    }
    throw new Error("it was read");
  }

  const damages: readonly (readonly [string, JsonObject, pointer: string])[] = [
    ["a field is missing", without(fullDocument, "outbox"), "/outbox"],
    ["a time is none", { ...fullDocument, createdAt: "yesterday" }, "/createdAt"],
    ["a time has no offset", { ...fullDocument, updatedAt: "2026-03-02T02:00:00" }, "/updatedAt"],
    [
      "bytes are not Base64",
      { ...fullDocument, previous: { der: "***", keyId: "", label: "" } },
      "/previous/der",
    ],
    [
      "the certificate is none",
      { ...fullDocument, previous: { der: "AAAA", keyId: "", label: "" } },
      "/previous/der",
    ],
    ["the fence is negative", { ...fullDocument, fence: -1 }, "/fence"],
    ["an id would leave its folder", { ...fullDocument, id: "../x" }, "/id"],
    [
      "something in a list",
      { ...fullDocument, outbox: [{ ...encoded(sampleExchange()), purpose: "gift" }] },
      "/outbox/0/purpose",
    ],
    ["it is another kind of document", { ...fullDocument, format: "certrenew/token" }, "/format"],
    ["it has no version", without(fullDocument, "version"), "/version"],
    ["its version is none", { ...fullDocument, version: "2" }, "/version"],
  ];

  it.each(damages)("%s", (_, document, pointer) => {
    const { code, problems } = failureOf(document);
    expect(code).toBe("ERR_RECORD_CORRUPT");
    expect(problems.map((problem) => problem.pointer)).toContain(pointer);
  });

  it("tells of all damages at once", () => {
    const { problems } = failureOf({ ...fullDocument, fence: "x", createdAt: 1 });
    expect(problems.map(({ pointer }) => pointer)).toEqual(["/createdAt", "/fence"]);
  });

  it("of a newer version is told apart from damage", () => {
    const error = failureOf({ ...fullDocument, version: RECORD_VERSION + 1, fence: "new" });
    expect(error).toMatchObject({
      code: "ERR_RECORD_VERSION",
      details: { version: RECORD_VERSION + 1 },
    });
  });
});

describe("a record in a store", () => {
  it("is found under its id, with the revision to save it over", async () => {
    const store = memoryStore();
    const { revision } = await saveRecord(store, fullRecord, 0);
    expect(await loadRecord(store, fullRecord.id)).toEqual({ record: fullRecord, revision });
    await expect(saveRecord(store, fullRecord, 0)).rejects.toMatchObject({
      code: "ERR_STORE_CONFLICT",
    });
  });

  it("that is not there is a clear error", async () => {
    await expect(loadRecord(memoryStore(), "nobody")).rejects.toMatchObject({
      code: "ERR_RECORD_NOT_FOUND",
      details: { id: "nobody" },
    });
  });

  it("under another's name is not used", async () => {
    const store = memoryStore();
    await store.save(storeKeys.renewal("another"), fullDocument, 0);
    await expect(loadRecord(store, "another")).rejects.toMatchObject({
      code: "ERR_RECORD_CORRUPT",
    });
  });

  it("has a key that every file system takes, whatever the token is called", () => {
    const key = storeKeys.token({
      serialNumber: "../../1",
      label: "张三的 Key",
      model: "\u0000",
      manufacturer: "",
    });
    expect(key).toMatch(/^token-[0-9a-f]{64}$/);
  });
});

function without(document: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(document).filter(([key]) => key !== name));
}

function encoded(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

function leaves(value: JsonValue | undefined): (JsonValue | undefined)[] {
  return typeof value === "object" && value !== null
    ? Object.values(value).flatMap(leaves)
    : [value];
}
