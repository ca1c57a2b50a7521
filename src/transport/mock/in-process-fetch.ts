import type { Answer } from "../../sandbox/answers.js";
import type { Call } from "../../sandbox/desk.js";
import type { Fetch } from "../http/fetch.js";
import { ROUTE_NAMES } from "../http/wire/route-names.js";
import { ROUTES } from "../http/wire/routes.js";

/** A `fetch` that hands each call of the route table to a desk in this process: no socket and no server. */
export function inProcessFetch(desk: (call: Call) => Promise<Answer>): Fetch {
  return async (url, { method, headers, body = "" }) => {
    const answer = await desk({
      ...target(method, new URL(url).pathname),
      header: (name) => headers[name],
      body: typeof body === "string" ? new TextEncoder().encode(body) : body,
    });
    const { status } = answer;
    return new Response(status === 304 ? null : answer.body, {
      status,
      headers: { ...answer.headers },
    });
  };
}

const PATTERNS = ROUTE_NAMES.map((route) => {
  const { method, path } = ROUTES[route];
  return { route, method, path: new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`) };
});

/** The call that a request is, with the parameters of its path. */
function target(method: string, pathname: string): Omit<Call, "header" | "body"> {
  for (const pattern of PATTERNS) {
    const match = pattern.method === method ? pattern.path.exec(pathname) : null;
    if (!match) continue;
    const parameters = Object.entries(match.groups ?? {}).map(([name, value]) => [
      name,
      decodeURIComponent(value),
    ]);
    const { route } = pattern;
    return { route, renewalId: "", idempotencyKey: undefined, ...Object.fromEntries(parameters) };
  }
  throw new TypeError(`${method} ${pathname} is not in the route table`);
}
