import { z } from "zod";
import { type JsonObject, jsonObject } from "../core/domain/scalars.js";
import { RenewalError } from "../core/errors.js";
import type { Store, Stored } from "../core/ports/store.js";
import { keyOf, nameOf, revisionFile } from "./file-names.js";
import { type FileSystem, nodeFileSystem, storeFailures } from "./file-system.js";
import { conflict, type Head, revisionsIn } from "./revisions.js";

export type { FileSystem, OpenFile } from "./file-system.js";

/** What {@link fileStore} takes. */
export interface FileStoreOptions {
  /** Made with mode 0700 when it is not there. On a local file system with hard links. */
  readonly directory: string;
  /** Default: `node:fs/promises`. */
  readonly fs?: FileSystem | undefined;
}

/**
 * A store in a folder, with a folder (mode 0700) of small files (0600) for each document, shared by as many processes as
 * like to. `save` is a compare-and-set among them all; when it has resolved, the document survives SIGKILL and power loss.
 * How, and why it is right, stands in `revisions.ts`. `load` and `save` look at their own document's folder alone, so what
 * they cost does not grow with the store; `list` reads each document whose key has the prefix.
 *
 * After ERR_STORE_FAILURE of `save` or `remove` the old or the new document is there, whole: load it again.
 * `remove` erases the content at once; the empty files that keep late writers out go a day later, with a `list`, and
 * the document's folder with them. What is not the store's is left alone.
 *
 * @throws ERR_ARGUMENT when a key is not usable as a name, ERR_STORE_FAILURE with the system's error as cause,
 *   ERR_RECORD_CORRUPT from `load`, with the name of the file in `details.file` and its revision in `details.revision`
 */
export function fileStore(options: FileStoreOptions): Store {
  const revisions = revisionsIn(options.directory, options.fs ?? nodeFileSystem);

  async function load(key: string): Promise<Stored | undefined> {
    const head = await revisions.head(nameOf(key));
    const document = head && openEnvelope(key, head);
    return head && document && { revision: head.revision, document };
  }

  /** The revision on which a writer who expects `expected` builds: a tombstone is followed by a first save. */
  async function baseFor(key: string, expected: number): Promise<number> {
    const head = await revisions.head(nameOf(key));
    if (head === undefined) {
      if (expected !== 0) throw conflict();
      return 0;
    }
    if (head.revision === expected) return expected;
    if (expected !== 0 || !isTombstone(key, head)) throw conflict();
    return head.revision;
  }

  async function save(key: string, document: JsonObject, expected: number): Promise<number> {
    const base = await baseFor(key, expected);
    return revisions.append(nameOf(key), base, seal({ key, revision: base + 1, document }));
  }

  async function remove(key: string, expected: number): Promise<void> {
    const name = nameOf(key);
    const head = await revisions.head(name);
    if (head?.revision !== expected || isTombstone(key, head)) throw conflict();
    await revisions.append(name, expected, seal({ key, revision: expected + 1, removed: true }));
    await revisions.sweep(name, 0);
  }

  async function list(prefix: string): Promise<readonly string[]> {
    const keys: string[] = [];
    for (const name of await revisions.names()) {
      const key = keyOf(name);
      if (!key?.startsWith(prefix)) continue;
      const head = (await revisions.sweep(name)) ? await revisions.head(name) : undefined;
      if (head === undefined) continue;
      if (isTombstone(key, head)) await revisions.clear(name, head.revision);
      else keys.push(key);
    }
    return keys;
  }

  return {
    load: (key) => storeFailures(() => load(key)),
    save: (key, document, expected) => storeFailures(() => save(key, document, expected)),
    remove: (key, expected) => storeFailures(() => remove(key, expected)),
    list: (prefix) => storeFailures(() => list(prefix)),
  };
}

/** Key and revision stand in the file too, so that a file under a wrong name is not taken for what it is not. */
type Envelope = { readonly key: string; readonly revision: number } & (
  | { readonly document: JsonObject }
  | { readonly removed: true }
);

const envelopeSchema = z.union([
  z.strictObject({ key: z.string(), revision: z.int(), document: jsonObject }),
  z.strictObject({ key: z.string(), revision: z.int(), removed: z.literal(true) }),
]) satisfies z.ZodType<Envelope>;

const seal = (envelope: Envelope): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(envelope)}\n`);

/** @returns `undefined` for a tombstone. @throws ERR_RECORD_CORRUPT */
function openEnvelope(key: string, head: Head): JsonObject | undefined {
  const { revision } = head;
  const file = revisionFile(nameOf(key), revision);
  let envelope: Envelope;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(head.content);
    envelope = envelopeSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RenewalError("ERR_RECORD_CORRUPT", { cause, details: { file, revision } });
  }
  if (envelope.key !== key || envelope.revision !== revision) {
    const reason = "the file holds another document or revision";
    throw new RenewalError("ERR_RECORD_CORRUPT", { details: { file, revision, reason } });
  }
  return "document" in envelope ? envelope.document : undefined;
}

/** What cannot be read is a document: it is listed, so that loading it tells why, and erased only by who names its revision. */
function isTombstone(key: string, head: Head): boolean {
  try {
    return openEnvelope(key, head) === undefined;
  } catch {
    return false;
  }
}
