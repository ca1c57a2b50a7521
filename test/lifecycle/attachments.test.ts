import { createHash } from "node:crypto";
import type { Attachment, AwaitingPayment, Draft, Store, Transport } from "certrenew";
import { describe, expect, test } from "vitest";
import { CLERKS, reach } from "./stations.js";
import {
  acceptOffer,
  createWorld,
  failureOf,
  inState,
  sendings,
  theCredential,
  transferOf,
  type World,
} from "./world.js";

const LICENCE = {
  purpose: "licence",
  title: "营业执照",
  required: true,
  mediaTypes: ["application/pdf", "image/jpeg"],
  maxBytes: 64,
};
const LETTER = { ...LICENCE, purpose: "letter", title: "授权书", required: false };

const text = (content: string) => new Uint8Array(Buffer.from(content));
const licence: Attachment = {
  purpose: "licence",
  mediaType: "application/pdf",
  content: text("a licence"),
};
const letter: Attachment = {
  purpose: "letter",
  mediaType: "image/jpeg",
  content: text("a letter"),
};

function documents(): Promise<World> {
  return createWorld({ ra: { ...CLERKS, policy: { attachments: [LICENCE, LETTER] } } });
}

async function submitted(world: World, attachments = [licence]): Promise<AwaitingPayment> {
  const draft = await reach("draft", world);
  return inState(await draft.submit({ ...acceptOffer(draft), attachments }), "awaiting-payment");
}

/** Paid and returned, so that it can be amended. */
async function returned(world: World) {
  const unpaid = await submitted(world);
  const reviewed = inState(
    await unpaid.payByBankTransfer(transferOf(unpaid.payment?.total.amount ?? 0)),
    "awaiting-review",
  );
  world.ra.desk.book(unpaid.id);
  world.ra.desk.return(unpaid.id, [{ pointer: "/attachments/licence", text: "扫描件不清楚" }]);
  return inState(await reviewed.refresh(), "action-required");
}

/** What the RA has of each document. */
async function atTheRa({ ra }: World, renewalId: string): Promise<Record<string, string>> {
  const named = await ra.admin.attachments({ renewalId });
  const contents = named.map(async ({ purpose }) => {
    const { content } = await ra.admin.attachment({ renewalId, purpose });
    return [purpose, Buffer.from(content).toString()];
  });
  return Object.fromEntries(await Promise.all(contents));
}

/** Whether these bytes stand anywhere in the store, as they are or in Base64. */
async function isStored(store: Store, { content }: Attachment): Promise<boolean> {
  const keys = await store.list("");
  const stored = await Promise.all(keys.map((key) => store.load(key)));
  const base64 = Buffer.from(content).toString("base64").replace(/=+$/, "");
  return JSON.stringify(stored).includes(base64);
}

const uploads = ({ ra }: World) => ra.calls.filter(({ method }) => method === "upload").length;

describe("documents with the application", () => {
  test("reach the RA, stand under the signature by their hash, and leave the store", async () => {
    const world = await documents();
    const renewal = await submitted(world, [licence, letter]);

    expect(await atTheRa(world, renewal.id)).toEqual({ licence: "a licence", letter: "a letter" });
    expect(await world.ra.admin.attachments({ renewalId: renewal.id })).toEqual(
      [licence, letter].map(({ purpose, mediaType, content }) => ({
        purpose,
        mediaType,
        size: content.length,
        sha256: createHash("sha256").update(content).digest("hex"),
      })),
    );
    expect(await isStored(world.store, licence)).toBe(false);
    expect(await isStored(world.store, letter)).toBe(false);
  });

  test.each<[string, unknown, string[]]>([
    ["the required one is missing", undefined, ["/attachments/licence"]],
    ["they are not a list", { licence }, ["/attachments"]],
    ["one is nothing", [licence, null], ["/attachments/undefined"]],
    ["one is not wanted", [licence, { ...licence, purpose: "photo" }], ["/attachments/photo"]],
    ["one is of another type", [{ ...licence, mediaType: "image/png" }], ["/attachments/licence"]],
    ["one is empty", [{ ...licence, content: new Uint8Array() }], ["/attachments/licence"]],
    ["one is no bytes", [{ ...licence, content: "a licence" }], ["/attachments/licence"]],
    ["one is too large", [{ ...licence, content: new Uint8Array(65) }], ["/attachments/licence"]],
    ["one is given twice", [licence, licence], ["/attachments/licence"]],
    [
      "several things are wrong",
      [{ ...letter, mediaType: "text/plain" }],
      ["/attachments/letter", "/attachments/licence"],
    ],
  ])(
    "%s: ERR_ATTACHMENT_INVALID, and nothing is sent or kept",
    async (_, attachments, pointers) => {
      const world = await documents();
      const draft = await reach("draft", world);
      const options = { ...acceptOffer(draft), attachments };

      const error = await failureOf(draft.submit(options as Parameters<Draft["submit"]>[0]));

      expect(error.code).toBe("ERR_ATTACHMENT_INVALID");
      expect(error.problems.map(({ pointer }) => pointer)).toEqual(pointers);
      expect(world.asked).toBe(0);
      expect(uploads(world) + sendings(world, "application")).toBe(0);
      expect(await isStored(world.store, letter)).toBe(false);
      // The handle is not spent.
      const next = await draft.submit({ ...acceptOffer(draft), attachments: [licence] });
      expect(next.state).toBe("awaiting-payment");
    },
  );

  test("where the RA cannot be reached for them: they stay, and another process uploads them", async () => {
    const world = await documents();
    const draft = await reach("draft", world);
    world.ra.fault({ type: "unreachable", method: "upload" });

    const error = await failureOf(
      draft.submit({ ...acceptOffer(draft), attachments: [licence, letter] }),
    );

    expect(error.code).toBe("ERR_RA_UNREACHABLE");
    expect(await isStored(world.store, licence)).toBe(true);
    const { client } = world.program();
    const submitting = inState(await client.resume(draft.id), "submitting");
    expect((await submitting.continue()).state).toBe("awaiting-payment");
    expect(await atTheRa(world, draft.id)).toEqual({ licence: "a licence", letter: "a letter" });
    expect(world.asked).toBe(1);
    expect(await isStored(world.store, licence)).toBe(false);
  });

  test.each(["before", "after"] as const)(
    "the answer to the application is lost (%s it arrived): they stay as long as that is open",
    async (when) => {
      const world = await documents();
      const draft = await reach("draft", world);
      world.ra.fault({ type: "unreachable", method: "send", when });
      const error = await failureOf(
        draft.submit({ ...acceptOffer(draft), attachments: [licence] }),
      );
      expect(await isStored(world.store, licence)).toBe(true);

      await inState(error.renewal, "submitting").continue();

      expect(await atTheRa(world, draft.id)).toEqual({ licence: "a licence" });
      expect(await isStored(world.store, licence)).toBe(false);
    },
  );

  test("an application that the RA refuses, or that is not signed, leaves none behind", async () => {
    const world = await documents();
    const draft = await reach("draft", world);
    const options = { ...acceptOffer(draft), attachments: [licence] };
    world.pins = [undefined, "123456"];
    expect((await failureOf(draft.submit(options))).code).toBe("ERR_PIN_REQUIRED");
    expect(await isStored(world.store, licence)).toBe(false);
    world.ra.fault({ type: "refused", method: "send" });

    const error = await failureOf(draft.submit(options));

    expect(error.renewal?.state).toBe("draft");
    expect(await isStored(world.store, licence)).toBe(false);
    expect((await draft.submit(options)).state).toBe("awaiting-payment");
  });

  test("a document that was changed in the store is not sent", async () => {
    const world = await documents();
    const draft = await reach("draft", world);
    world.ra.fault({ type: "unreachable", method: "upload" });
    const lost = await failureOf(draft.submit({ ...acceptOffer(draft), attachments: [licence] }));
    for (const key of await world.store.list("attachment-")) {
      const stored = await world.store.load(key);
      const content = Buffer.from("another licence").toString("base64");
      await world.store.save(key, { ...stored?.document, content }, stored?.revision ?? 0);
    }

    const error = await failureOf(inState(lost.renewal, "submitting").continue());

    expect(error.code).toBe("ERR_RECORD_CORRUPT");
    expect(uploads(world)).toBe(1);
    expect(world.ra.desk.applications).toHaveLength(0);
  });

  test("go with a renewal that is forgotten", async () => {
    const world = await documents();
    const program = world.program();
    const draft = await reach("draft", world, program);
    world.ra.fault({ type: "unreachable", method: "upload" });
    await failureOf(draft.submit({ ...acceptOffer(draft), attachments: [licence] }));

    await program.client.forget(draft.id, { evenIfOpen: true });

    expect(await world.store.list("attachment-")).toEqual([]);
  });

  test.each<[string, broken: keyof Store]>([
    ["kept for a submit that could not store them all", "save"],
    ["that could not be removed when the RA refused", "remove"],
  ])("%s go when the draft is discarded", async (_, broken) => {
    const world = await documents();
    let failures = 1;
    const failing =
      <A extends [string, ...unknown[]], R>(method: (...given: A) => Promise<R>) =>
      async (...given: A): Promise<R> => {
        const isNext = given[0].startsWith("attachment-") && (await leftover()).length > 0;
        if (isNext && failures-- > 0) throw new Error("the disk is full");
        return method(...given);
      };
    const leftover = () => world.store.list("attachment-");
    const { store } = world;
    const { client } = world.program({
      store: {
        ...store,
        ...(broken === "save" ? { save: failing(store.save) } : { remove: failing(store.remove) }),
      },
    });
    const draft = await client.start(await theCredential(client));
    if (broken === "remove") world.ra.fault({ type: "refused", method: "send" });
    const error = await failureOf(
      draft.submit({ ...acceptOffer(draft), attachments: [licence, letter] }),
    );
    expect(await leftover()).not.toEqual([]);

    await inState(error.renewal, "draft").discard();

    expect(await leftover()).toEqual([]);
  });

  test("one file for two purposes is of the type that each is named with", async () => {
    const world = await documents();
    const { content } = licence;

    const { id } = await submitted(world, [licence, { ...letter, content }]);

    const named = await world.ra.admin.attachments({ renewalId: id });
    expect(named.map(({ purpose, mediaType }) => [purpose, mediaType])).toEqual([
      ["licence", "application/pdf"],
      ["letter", "image/jpeg"],
    ]);
    expect(await atTheRa(world, id)).toEqual({ licence: "a licence", letter: "a licence" });
    expect(await isStored(world.store, licence)).toBe(false);
  });

  test("an RA that takes no documents: ERR_UNSUPPORTED, and it is a draft again", async () => {
    const world = await documents();
    const { upload: _, ...business } = world.ra.business;
    const transport: Transport = { ...world.ra, business };
    const draft = await reach("draft", world, world.program({ transport }));

    const error = await failureOf(draft.submit({ ...acceptOffer(draft), attachments: [licence] }));

    expect(error.code).toBe("ERR_UNSUPPORTED");
    expect(error.renewal?.state).toBe("draft");
    expect(sendings(world, "application")).toBe(0);
    expect(await world.store.list("attachment-")).toEqual([]);
  });
});

describe("attach: documents that the RA asks for afterwards", () => {
  test("take the place of those of the same purpose; the others and the form stay", async () => {
    const world = await documents();
    const renewal = await returned(world);
    const better = { ...licence, content: text("a clear licence") };

    const attached = await renewal.attach({ attachments: [better, letter] });

    expect(attached.state).toBe("awaiting-review");
    expect(world.ra.desk.applications[0]?.revision).toBe(2);
    expect(await atTheRa(world, renewal.id)).toEqual({
      licence: "a clear licence",
      letter: "a letter",
    });
    expect(await isStored(world.store, better)).toBe(false);
  });

  test("what the RA has is not uploaded again, and satisfies what is required", async () => {
    const world = await documents();
    const renewal = await returned(world);

    await renewal.attach({ attachments: [letter] });

    expect(uploads(world)).toBe(2);
    expect(await atTheRa(world, renewal.id)).toEqual({ licence: "a licence", letter: "a letter" });
  });

  test("amend takes fields and documents in one revision, and fields alone keep the documents", async () => {
    const world = await documents();
    const renewal = await returned(world);

    const second = inState(
      await renewal.amend({ form: { agent: "李四" }, attachments: [letter] }),
      "awaiting-review",
    );
    world.ra.desk.return(renewal.id, [{ text: "经办人有误" }]);
    const again = inState(await second.refresh(), "action-required");
    await again.amend({ form: { agent: "王五" } });

    expect(world.ra.desk.applications[0]).toMatchObject({ revision: 3, form: { agent: "王五" } });
    expect(await atTheRa(world, renewal.id)).toEqual({ licence: "a licence", letter: "a letter" });
  });

  test.each([[[]], [undefined], [letter]])("%j is no list of documents", async (attachments) => {
    const world = await documents();
    const renewal = await returned(world);

    const error = await failureOf(
      renewal.attach({ attachments } as unknown as Parameters<typeof renewal.attach>[0]),
    );

    expect(error).toMatchObject({
      code: "ERR_ATTACHMENT_INVALID",
      problems: [{ pointer: "/attachments" }],
    });
    expect(world.ra.desk.applications[0]?.revision).toBe(1);
  });

  test.each(["upload", "send"] as const)(
    "interrupted at %s: another process goes on with the same documents",
    async (method) => {
      const world = await documents();
      const renewal = await returned(world);
      world.ra.fault({ type: "unreachable", method });
      const error = await failureOf(renewal.attach({ attachments: [letter] }));
      expect(error.renewal?.state).toBe("submitting");
      expect(await isStored(world.store, letter)).toBe(true);

      const { client } = world.program();
      await inState(await client.resume(renewal.id), "submitting").continue();

      expect(world.ra.desk.applications[0]?.revision).toBe(2);
      expect(await atTheRa(world, renewal.id)).toEqual({
        licence: "a licence",
        letter: "a letter",
      });
      expect(await isStored(world.store, letter)).toBe(false);
    },
  );
});
