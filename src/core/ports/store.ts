import type { JsonObject } from "../domain/scalars.js";

/** A document with the revision under which it was saved. */
export interface Stored {
  readonly revision: number;
  readonly document: JsonObject;
}

/**
 * The store port: JSON documents by key, saved by compare-and-set. Records and claims are both documents; what they mean,
 * fencing included, is core's business (`core/claim.ts`), so that an own store is these four methods.
 * `storeContract` of `certrenew/testing` tells whether one is right.
 *
 * Rules for every implementation:
 * - `save` is one compare-and-set among all processes that share the store;
 * - when `save` has resolved, the document survives a crash and a power loss;
 * - a reader sees a whole document, the old or the new, never a mixture.
 */
export interface Store {
  /**
   * @throws ERR_RECORD_CORRUPT when what is stored is not a JSON document, with its revision in `details.revision`, under
   *   which it can be replaced or erased; ERR_STORE_FAILURE
   */
  load(key: string): Promise<Stored | undefined>;
  /**
   * Saves when the stored revision is still `expectedRevision` (0: nothing is stored yet), whether what it replaces can be
   * read or not.
   * @returns the new revision, always greater than the one before
   * @throws ERR_STORE_CONFLICT when somebody else saved in between, ERR_STORE_FAILURE
   */
  save(key: string, document: JsonObject, expectedRevision: number): Promise<number>;
  /** Keys that begin with the prefix, in no order. */
  list(prefix: string): Promise<readonly string[]>;
  /** Erases a document, whether it can be read or not. @throws ERR_STORE_CONFLICT, ERR_STORE_FAILURE */
  remove(key: string, expectedRevision: number): Promise<void>;
}
