import type { z } from "zod";
import type { Clock } from "../../core/clock.js";
import { RenewalError, throwIfAborted } from "../../core/errors.js";
import type { Endpoint } from "./endpoint.js";
import { connectionFailure, failureOf, responseFailure, unusableAnswer } from "./failures.js";
import { BodyTooLargeError, type Fetch, type FetchResponse, mediaType, readBody } from "./fetch.js";
import { parseRetryAfter } from "./retry-after.js";
import { cleanJson, JsonError, parseJsonObject } from "./wire/json.js";
import { PROBLEM_MEDIA_TYPE, type ProblemDetails, problemSchema } from "./wire/problem.js";
import type { RouteName } from "./wire/route-names.js";
import { ROUTES, type RouteParameters, routePath } from "./wire/routes.js";

export interface HttpClientOptions {
  readonly endpoint: Endpoint;
  readonly fetch: Fetch;
  readonly clock: Pick<Clock, "now">;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
}

export interface HttpCall {
  readonly parameters?: RouteParameters;
  /** Exact bytes: JSON as text, or a document. */
  readonly body?: string | Uint8Array;
  /** Of the body. Default: JSON. */
  readonly contentType?: string;
  /** The follow secret. It stands in the `Authorization` header and nowhere else. */
  readonly bearer?: string;
  readonly idempotencyKey?: string;
  readonly ifNoneMatch?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface HttpAnswer<T> {
  /** Absent with 304: what `ifNoneMatch` names is still so. */
  readonly content: T | undefined;
  readonly etag: string | undefined;
  readonly retryAfterMs: number | undefined;
}

type RouteAnswer<N extends RouteName> = z.output<(typeof ROUTES)[N]["answer"]>;

export interface HttpClient {
  /** One call of the route table. Never repeats by itself. @throws see `failures.ts` */
  call<N extends RouteName>(name: N, call: HttpCall): Promise<HttpAnswer<RouteAnswer<N>>>;
}

export function createHttpClient(options: HttpClientOptions): HttpClient {
  return {
    async call(name, call) {
      throwIfAborted(call.signal);
      const deadline = startDeadline(options.timeoutMs + sendingMs(call.body), call.signal);
      try {
        const response = await request(options, name, call, deadline.signal);
        return await readAnswer(options, name, response, call.ifNoneMatch !== undefined);
      } catch (error) {
        throw explainFailure(name, error, call.signal, deadline.signal);
      } finally {
        deadline.end();
      }
    },
  };
}

function request(
  { endpoint, fetch }: HttpClientOptions,
  name: RouteName,
  call: HttpCall,
  signal: AbortSignal,
): Promise<FetchResponse> {
  const headers: Record<string, string> = { accept: `application/json, ${PROBLEM_MEDIA_TYPE}` };
  if (call.body !== undefined) headers["content-type"] = call.contentType ?? "application/json";
  if (call.bearer !== undefined) headers["authorization"] = `Bearer ${call.bearer}`;
  if (call.idempotencyKey !== undefined) headers["idempotency-key"] = call.idempotencyKey;
  if (call.ifNoneMatch !== undefined) headers["if-none-match"] = call.ifNoneMatch;
  return fetch(endpoint.url(routePath(name, call.parameters)), {
    method: ROUTES[name].method,
    headers,
    ...(call.body !== undefined && { body: call.body }),
    redirect: "error",
    signal,
  });
}

async function readAnswer<N extends RouteName>(
  options: HttpClientOptions,
  name: N,
  response: FetchResponse,
  conditional: boolean,
): Promise<HttpAnswer<RouteAnswer<N>>> {
  const { status, headers } = response;
  const retryAfterMs = parseRetryAfter(headers.get("retry-after"), options.clock.now());
  const etag = headers.get("etag")?.slice(0, 256);
  if (status === 304 && conditional) return { content: undefined, etag, retryAfterMs };
  if (status < 200 || status > 299) {
    const problem = await readProblem(response, options.maxResponseBytes);
    throw failureOf(name, { status, problem, retryAfterMs });
  }
  try {
    if (mediaType(response) !== "application/json") throw new JsonError("not application/json");
    const json = cleanJson(parseJsonObject(await readBody(response, options.maxResponseBytes)));
    const schema: z.ZodType<RouteAnswer<N>, unknown> = ROUTES[name].answer as never;
    const result = schema.safeDecode(json);
    if (!result.success) throw new JsonError(firstIssue(result.error));
    return { content: result.data, etag, retryAfterMs };
  } catch (cause) {
    if (cause instanceof JsonError || cause instanceof BodyTooLargeError) {
      throw unusableAnswer(name, responseFailure(cause.message, cause));
    }
    throw cause;
  }
}

/** Whatever is wrong with a failure's body, the status alone is enough. */
async function readProblem(
  response: FetchResponse,
  maxBytes: number,
): Promise<ProblemDetails | undefined> {
  try {
    const octets = await readBody(response, maxBytes);
    if (mediaType(response) !== PROBLEM_MEDIA_TYPE) return undefined;
    return problemSchema.safeParse(cleanJson(parseJsonObject(octets))).data;
  } catch {
    return undefined;
  }
}

function explainFailure(
  name: RouteName,
  error: unknown,
  callerSignal: AbortSignal | undefined,
  deadline: AbortSignal,
): RenewalError {
  if (error instanceof RenewalError) return error;
  if (callerSignal?.aborted) {
    return new RenewalError("ERR_ABORTED", { cause: callerSignal.reason });
  }
  return connectionFailure(
    name,
    deadline.aborted ? "no answer in time" : networkReason(error),
    error,
  );
}

/** `ECONNREFUSED`, `unexpected redirect`, …: fetch keeps it in the cause of its cause. */
function networkReason(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string") return at.code;
    if (at.cause === undefined) return at.message.slice(0, 200);
  }
  return "connection failed";
}

function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  const pointer = (issue?.path ?? []).map((step) => `/${String(step)}`).join("");
  return `${pointer || "/"}: ${issue?.message ?? "not as the protocol says"}`.slice(0, 300);
}

/** A document takes its time on a slow line: 32 kB a second at the least. */
const SLOWEST_BYTES_PER_MS = 32;

const sendingMs = (body: HttpCall["body"] = ""): number =>
  Math.ceil(body.length / SLOWEST_BYTES_PER_MS);

/** Its own timer, ended with the call: `AbortSignal.timeout` lives on after it, and `any` may be collected too early. */
function startDeadline(
  ms: number,
  caller: AbortSignal | undefined,
): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const stop = () => controller.abort(caller?.reason);
  const timer = setTimeout(() => controller.abort(new Error("timeout")), ms);
  caller?.addEventListener("abort", stop, { once: true });
  return {
    signal: controller.signal,
    /** Also lets go of a connection whose body was not read to its end. */
    end() {
      clearTimeout(timer);
      controller.abort();
      caller?.removeEventListener("abort", stop);
    },
  };
}
