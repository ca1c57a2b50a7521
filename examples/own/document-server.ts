import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** The other end of `webStore`: a server that keeps documents, in memory here. */
export interface DocumentServer {
  readonly baseUrl: string;
  readonly documents: Map<string, { revision: number; body: string }>;
  close(): Promise<void>;
}

export async function startDocumentServer(): Promise<DocumentServer> {
  const documents: DocumentServer["documents"] = new Map();
  // One count for all: a revision is never given twice, not even after a removal.
  let count = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams } = new URL(request.url ?? "/", "http://server");
    const key = searchParams.get("key") ?? "";
    const body = await text(request);
    const present = documents.get(key);
    const prefix = searchParams.get("prefix");
    const { "if-match": match, "if-none-match": none } = request.headers;
    const isMet =
      (none === undefined || !present) &&
      (match === undefined || match === `"${present?.revision}"`);
    if (!isMet) response.writeHead(412).end();
    else if (request.method === "PUT") {
      count += 1;
      documents.set(key, { revision: count, body });
      response.writeHead(204, { etag: `"${count}"` }).end();
    } else if (request.method === "DELETE") {
      documents.delete(key);
      response.writeHead(204).end();
    } else if (prefix !== null) {
      response.end(JSON.stringify([...documents.keys()].filter((each) => each.startsWith(prefix))));
    } else if (present) {
      response.setHeader("etag", `"${present.revision}"`).end(present.body);
    } else response.writeHead(404).end();
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/`,
    documents,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
