import type { ProgressAnswer } from "./wire/messages.js";

export interface CachedProgress {
  readonly etag: string;
  readonly answer: ProgressAnswer;
}

/** The last answers by renewal, so that asking again costs a 304. In memory: a lost entry costs one whole answer. */
export function createProgressCache(size = 64) {
  const entries = new Map<string, CachedProgress>();
  return {
    get: (renewalId: string): CachedProgress | undefined => entries.get(renewalId),
    set(renewalId: string, entry: CachedProgress): void {
      entries.delete(renewalId);
      entries.set(renewalId, entry);
      const [oldest] = entries.keys();
      if (entries.size > size && oldest !== undefined) entries.delete(oldest);
    },
  };
}
