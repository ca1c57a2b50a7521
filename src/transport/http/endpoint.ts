import { isLoopback } from "../../core/domain/loopback.js";
import { RenewalError } from "../../core/errors.js";

/** Where the RA is. */
export interface Endpoint {
  /** `scheme://host[:port]`: every signed message names it. */
  readonly origin: string;
  /** The absolute URL of a path of the route table. */
  url(path: string): string;
}

/**
 * Reads a base URL: `https`, or `http` to a literal loopback address (127.0.0.0/8, `[::1]`). Paths of the
 * interface are appended to the base's own.
 * @throws ERR_ARGUMENT
 */
export function parseBaseUrl(baseUrl: string): Endpoint {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : refuse("is not an absolute URL");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname))) {
    refuse("must be https, or http to 127.0.0.0/8 or [::1]");
  }
  if (url.username !== "" || url.password !== "") refuse("must not hold credentials");
  if (url.search !== "" || url.hash !== "") refuse("must not have a query or a fragment");
  const base = url.origin + url.pathname.replace(/\/+$/, "");
  return { origin: url.origin, url: (path) => base + path };
}

function refuse(message: string): never {
  throw new RenewalError("ERR_ARGUMENT", { problems: [{ pointer: "/baseUrl", message }] });
}
