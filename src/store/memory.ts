import type { JsonObject } from "../core/domain/scalars.js";
import { RenewalError } from "../core/errors.js";
import type { Store } from "../core/ports/store.js";

/** A store that ends with its process: for tests, and for renewals that are done in one go. */
export function memoryStore(): Store {
  /** Text, so that neither side can change what the other holds. Absent after a removal, while the count goes on. */
  const documents = new Map<string, { readonly revision: number; readonly text?: string }>();

  function compare(key: string, expectedRevision: number): number {
    const { revision = 0, text } = documents.get(key) ?? {};
    if ((text === undefined ? 0 : revision) !== expectedRevision) {
      throw new RenewalError("ERR_STORE_CONFLICT");
    }
    return revision;
  }

  return {
    async load(key) {
      const { revision = 0, text } = documents.get(key) ?? {};
      return text === undefined ? undefined : { revision, document: JSON.parse(text) };
    },
    async save(key: string, document: JsonObject, expectedRevision: number) {
      const revision = compare(key, expectedRevision) + 1;
      documents.set(key, { revision, text: JSON.stringify(document) });
      return revision;
    },
    async list(prefix) {
      return [...documents].flatMap(([key, { text }]) =>
        text !== undefined && key.startsWith(prefix) ? [key] : [],
      );
    },
    async remove(key, expectedRevision) {
      // With nothing stored there is nothing to erase: a caller that expects revision 0 is mistaken.
      if (expectedRevision === 0) throw new RenewalError("ERR_STORE_CONFLICT");
      documents.set(key, { revision: compare(key, expectedRevision) + 1 });
    },
  };
}
