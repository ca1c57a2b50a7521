import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { identifier } from "../core/domain/scalars.js";
import { sha256Hex } from "../core/pki/certificate.js";
import { problemsOf } from "../core/problems.js";
import { canonicalJson, JsonError, parseJsonObject } from "../transport/http/wire/json.js";
import type { RouteName } from "../transport/http/wire/route-names.js";
import { ROUTES, type Route } from "../transport/http/wire/routes.js";
import { encodeJson } from "../transport/http/wire/statements.js";
import { type Answer, failure, jsonAnswer } from "./answers.js";
import { advance } from "./calendar.js";
import type { Faults, Scenario } from "./faults.js";
import { followSecretHash, unauthorised } from "./follow-secrets.js";
import { HANDLERS } from "./handlers.js";
import type { Office } from "./office.js";
import { Refusal } from "./refusal.js";
import type { RequestLog } from "./request-log.js";
import type { Serial } from "./serial.js";

/** A call as it came over the wire, without the wire. */
export interface Call {
  readonly route: RouteName;
  readonly renewalId: string;
  readonly idempotencyKey: string | undefined;
  /** Of a document, as the path has it. */
  readonly sha256?: string | undefined;
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
}

export interface DeskOptions {
  readonly office: Office;
  readonly save: () => void;
  readonly scenario: Scenario;
  readonly log: RequestLog;
  /** One call at a time: what is decided is saved before the next one looks. */
  readonly serial: Serial;
  /** Ends what is only waiting. */
  readonly closing: AbortSignal;
}

/** The RA's front desk: authorisation, shape, faults, and one clerk for each call. Never throws. */
export function createDesk(options: DeskOptions): (call: Call) => Promise<Answer> {
  return async (call) => {
    const faults = options.scenario.next(call.route);
    const answer = await serve(options, call, faults);
    options.log.add(call, answer, faults);
    return answer;
  };
}

async function serve(options: DeskOptions, call: Call, faults: Faults): Promise<Answer> {
  if (faults.latency) {
    await delay(faults.latency.ms, undefined, { signal: options.closing, ref: false }).catch(
      () => {},
    );
  }
  if (faults["dropped-request"]) return { status: 0, headers: {}, body: "", cut: "nothing" };
  if (faults.status) return faultyStatus(faults.status);
  const answer = await options.serial(() => work(options, call, faults));
  if (faults["malformed-body"]) return { ...answer, body: faults["malformed-body"].body ?? "{" };
  if (faults["lost-response"]) return { ...answer, cut: "nothing" };
  if (faults["truncated-body"]) return { ...answer, cut: "half" };
  return answer;
}

async function work({ office, save }: DeskOptions, call: Call, faults: Faults): Promise<Answer> {
  try {
    const route: Route = ROUTES[call.route];
    checkNames(call);
    if (advance(office)) save();
    const result = await HANDLERS[call.route](office, {
      ...call,
      idempotencyKey: route.writes ? idempotencyKeyOf(call) : (call.idempotencyKey ?? ""),
      followSecretSha256: route.bearer ? bearerOf(call) : "",
      content: route.request ? read(route.request, call) : undefined,
      faults,
    });
    if (result.changed) save();
    return success(route, call, result);
  } catch (error) {
    return failure(error);
  }
}

export interface HandlerResult {
  readonly content: unknown;
  readonly changed: boolean;
  readonly retryAfterSeconds?: number | undefined;
  /** Whether the answer can be asked for with If-None-Match. */
  readonly tagged?: boolean;
}

function success(route: Route, call: Call, result: HandlerResult): Answer {
  const json = encodeJson(route.answer, result.content as z.output<typeof route.answer> & object);
  const retry: Record<string, string> =
    result.retryAfterSeconds === undefined
      ? {}
      : { "retry-after": String(result.retryAfterSeconds) };
  if (!result.tagged) return jsonAnswer(route.status, json, retry);
  const headers = { ...retry, etag: `"${sha256Hex(canonicalJson(json)).slice(0, 32)}"` };
  if (call.header("if-none-match") !== headers.etag) return jsonAnswer(route.status, json, headers);
  return { status: 304, headers, body: "" };
}

function faultyStatus({
  status,
  retryAfter,
}: {
  status: number;
  retryAfter?: string | undefined;
}): Answer {
  const retry: Record<string, string> =
    retryAfter === undefined ? {} : { "retry-after": retryAfter };
  return { status, headers: { "content-type": "text/plain", ...retry }, body: "scenario" };
}

function read(schema: z.ZodType, { body, header }: Call): unknown {
  if (header("content-type")?.split(";")[0]?.trim().toLowerCase() !== "application/json") {
    throw new Refusal("ERR_ARGUMENT", "the body must be application/json", { status: 415 });
  }
  try {
    const result = schema.safeDecode(parseJsonObject(body));
    if (result.success) return result.data;
    throw new Refusal("ERR_ARGUMENT", "the body is not as agreed", {
      problems: problemsOf(result.error),
    });
  } catch (error) {
    if (error instanceof JsonError)
      throw new Refusal("ERR_ARGUMENT", `the body is ${error.message}`);
    throw error;
  }
}

function idempotencyKeyOf({ header }: Call): string {
  const key = header("idempotency-key") ?? "";
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new Refusal("ERR_ARGUMENT", "a writing call needs an Idempotency-Key");
}

function bearerOf({ header }: Call): string {
  const secret = /^Bearer ([A-Za-z0-9._~+/-]{16,512}=*)$/.exec(header("authorization") ?? "")?.[1];
  if (secret === undefined) throw unauthorised();
  return followSecretHash(secret);
}

/** What stands in a path becomes a key of records and part of file names. */
function checkNames({ renewalId }: Call): void {
  if (renewalId === "" || (identifier.safeParse(renewalId).success && !(renewalId in {}))) return;
  throw new Refusal("ERR_RA_REFUSED", "there is no such renewal", { status: 404 });
}
