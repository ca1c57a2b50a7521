import { type JsonObject, RenewalError, type Store } from "certrenew";

/** An own store: documents on a web server that knows ETag and If-Match (RFC 9110 §13.1.1), as a platform may keep them. */
export function webStore(baseUrl: string): Store {
  // Not in the path, where a key such as ".." would lead elsewhere.
  const urlOf = (query: Record<string, string>) => `${baseUrl}?${new URLSearchParams(query)}`;

  /** `revision`: the one that must be stored now, 0 where there must be none. */
  async function ask(method: string, url: string, revision?: number, document?: JsonObject) {
    const condition: Record<string, string> =
      revision === 0 ? { "if-none-match": "*" } : { "if-match": `"${revision}"` };
    const response = await fetch(url, {
      method,
      headers: revision === undefined ? {} : condition,
      ...(document && { body: JSON.stringify(document) }),
    }).catch((cause) => Promise.reject(new RenewalError("ERR_STORE_FAILURE", { cause })));
    if (response.status === 412) throw new RenewalError("ERR_STORE_CONFLICT");
    if (response.ok || response.status === 404) return response;
    throw new RenewalError("ERR_STORE_FAILURE", { details: { status: response.status } });
  }

  return {
    async load(key) {
      const response = await ask("GET", urlOf({ key }));
      if (response.status === 404) return undefined;
      const revision = revisionOf(response);
      const document = await response.json().catch((cause: unknown) => {
        throw new RenewalError("ERR_RECORD_CORRUPT", { cause, details: { revision } });
      });
      return { revision, document: document as JsonObject };
    },
    save: async (key, document, expected) =>
      revisionOf(await ask("PUT", urlOf({ key }), expected, document)),
    async list(prefix) {
      const response = await ask("GET", urlOf({ prefix }));
      return (await response.json()) as string[];
    },
    async remove(key, expected) {
      if (expected === 0) throw new RenewalError("ERR_STORE_CONFLICT");
      await ask("DELETE", urlOf({ key }), expected);
    },
  };
}

/** A strong entity tag: the revision in quotes. */
const revisionOf = ({ headers }: Response) => Number(headers.get("etag")?.slice(1, -1));
