import { PROBLEM_MEDIA_TYPE } from "../transport/http/wire/problem.js";
import { Refusal } from "./refusal.js";

/** What goes back over the wire. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** How the connection ends instead of with this answer. */
  readonly cut?: "nothing" | "half" | undefined;
}

export function jsonAnswer(
  status: number,
  content: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
    body: JSON.stringify(content),
  };
}

/** A refusal as problem details; anything else is our own mistake. */
export function failure(error: unknown): Answer {
  if (!(error instanceof Refusal)) {
    const body = error instanceof Error ? (error.stack ?? error.message) : "failed";
    return { status: 500, headers: { "content-type": "text/plain" }, body };
  }
  const { retryAfterSeconds, headers } = error.options;
  return {
    status: error.status,
    headers: {
      ...headers,
      "content-type": PROBLEM_MEDIA_TYPE,
      ...(retryAfterSeconds !== undefined && { "retry-after": String(retryAfterSeconds) }),
    },
    body: JSON.stringify(error.toProblemDetails()),
  };
}
