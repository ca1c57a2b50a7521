import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { RenewalError } from "../core/errors.js";
import { BodyTooLargeError, readBody } from "../transport/http/fetch.js";
import { ROUTE_NAMES } from "../transport/http/wire/route-names.js";
import { ROUTES, type Route } from "../transport/http/wire/routes.js";
import type { Answer } from "./answers.js";
import type { Call } from "./desk.js";
import type { Gateway } from "./gateway.js";
import { MOST_DOCUMENT_BYTES } from "./policy.js";

/** Loopback only: the sandbox is nobody else's business. */
export const HOST = "127.0.0.1";

const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** What a body may have: JSON, or a document as it is. */
const maxBytes = ({ document }: Route): number => (document ? MOST_DOCUMENT_BYTES : MAX_BODY_BYTES);

export interface RunningServer {
  readonly port: number;
  close(): Promise<void>;
}

/** What answers a call of the admin interface: `POST /<action>` with a JSON object. */
export type AdminHandler = (action: string, body: Uint8Array) => Promise<Answer>;

type Bindings = { incoming: IncomingMessage; outgoing: ServerResponse };

/** Serves the route table, and beside it the payment gateway's pages. @throws ERR_UNSUPPORTED when the server library is not installed, ERR_ARGUMENT */
export async function serveRoutes(
  desk: (call: Call) => Promise<Answer>,
  gateway: Gateway,
  port: number,
): Promise<RunningServer> {
  const { Hono, alreadySent } = await loadLibrary();
  const app = new Hono<{ Bindings: Bindings }>();
  for (const route of ROUTE_NAMES) {
    const { method, path } = ROUTES[route];
    app.on(method, path, async (context) => {
      const body = await requestBody(context.req.raw, maxBytes(ROUTES[route]));
      if (!body) return new Response(null, { status: 413 });
      const answer = await desk({
        route,
        renewalId: context.req.param("renewalId") ?? "",
        idempotencyKey: context.req.param("idempotencyKey"),
        sha256: context.req.param("sha256"),
        header: (name) => context.req.header(name),
        body,
      });
      if (answer.cut === undefined) return responseOf(answer);
      cutOff(context.env, answer);
      return alreadySent;
    });
  }
  for (const method of ["GET", "POST"] as const) {
    app.on(method, "/gateway/:id", async (context) =>
      responseOf(await gateway(method, context.req.param("id"))),
    );
  }
  return listen(app.fetch, port);
}

/** Serves the admin interface, for whoever knows the token. @throws as `serveRoutes` */
export async function serveAdmin(
  handle: AdminHandler,
  token: string,
  port: number,
): Promise<RunningServer> {
  const { Hono } = await loadLibrary();
  const app = new Hono();
  const expected = Buffer.from(`Bearer ${token}`);
  app.post("/:action", async (context) => {
    const given = Buffer.from(context.req.header("authorization") ?? "");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      return new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });
    }
    const body = await requestBody(context.req.raw);
    if (!body) return new Response(null, { status: 413 });
    return responseOf(await handle(context.req.param("action"), body));
  });
  return listen(app.fetch, port);
}

async function loadLibrary() {
  try {
    const [{ Hono }, { RESPONSE_ALREADY_SENT: alreadySent }] = await Promise.all([
      import("hono"),
      import("@hono/node-server/utils/response"),
    ]);
    return { Hono, alreadySent };
  } catch (cause) {
    throw new RenewalError("ERR_UNSUPPORTED", {
      cause,
      details: { reason: "the sandbox needs the packages hono and @hono/node-server" },
    });
  }
}

async function listen(
  fetch: (request: Request, env: Bindings) => Response | Promise<Response>,
  port: number,
): Promise<RunningServer> {
  const { createAdaptorServer } = await import("@hono/node-server");
  // Without options for HTTP/2 it is node's own server.
  const server = createAdaptorServer({
    fetch: (request, env) => fetch(request, env as Bindings),
    // The global Request and Response of the embedding program stay its own.
    overrideGlobalObjects: false,
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new RenewalError("ERR_ARGUMENT", {
          cause,
          problems: [{ pointer: "/port", message: `cannot listen on ${HOST}:${port}` }],
        }),
      ),
    );
    server.listen(port, HOST, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function requestBody(
  request: Request,
  most = MAX_BODY_BYTES,
): Promise<Uint8Array | undefined> {
  try {
    return await readBody(request, most);
  } catch (error) {
    if (error instanceof BodyTooLargeError) return undefined;
    throw error;
  }
}

function responseOf({ status, headers, body }: Answer): Response {
  return new Response(status === 304 ? null : body, { status, headers: { ...headers } });
}

/** Ends the connection as an outage would: before the answer, or in its middle. */
function cutOff({ incoming, outgoing }: Bindings, { cut, status, headers, body }: Answer): void {
  if (cut === "nothing") {
    incoming.socket.destroy();
    return;
  }
  const octets = Buffer.from(body);
  outgoing.writeHead(status, { ...headers, "content-length": octets.length });
  outgoing.write(octets.subarray(0, octets.length >> 1), () => incoming.socket.destroy());
}
