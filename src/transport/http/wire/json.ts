import canonicalize from "canonicalize";
import type { JsonObject, JsonValue } from "../../../core/domain/scalars.js";

/**
 * JSON between strangers: RFC 8259 read with bounds, RFC 8785 (JCS) written where it is signed or hashed.
 */

export interface JsonLimits {
  /** How deep arrays and objects may be nested. */
  readonly maxDepth: number;
  /** How many commas and brackets there may be: a bound on elements, members and values together. */
  readonly maxTokens: number;
}

/** A form schema may be 12 deep (`core/form.ts`), and stands three levels down in an offer. */
const JSON_LIMITS: JsonLimits = { maxDepth: 24, maxTokens: 50_000 };

/** Text that is not the JSON it should be. `message` says what, in a few words and without the text itself. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

// The package is one CommonJS function; its types claim a member `default` that is not there.
const serialize = canonicalize as unknown as (value: unknown) => string | undefined;

/** The one way to write this value (RFC 8785), in UTF-8. Members that are `undefined` are absent. */
export function canonicalJson(value: unknown): Uint8Array {
  const text = serialize(value);
  if (text === undefined) throw new JsonError("not a JSON value");
  return new TextEncoder().encode(text);
}

/** Reads an object. @throws JsonError when it is none, is not UTF-8, or exceeds a limit */
export function parseJsonObject(octets: Uint8Array, limits: JsonLimits = JSON_LIMITS): JsonObject {
  const text = decodeUtf8(octets);
  checkShape(text, limits);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new JsonError("not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new JsonError("not a JSON object");
  }
  return value as JsonObject;
}

/**
 * Reads an object that must stand in its canonical form, so that two readers cannot read two things (a member given
 * twice). @throws JsonError
 */
export function parseCanonicalJson(octets: Uint8Array, limits?: JsonLimits): JsonObject {
  const value = parseJsonObject(octets, limits);
  if (Buffer.compare(canonicalJson(value), octets) !== 0) {
    throw new JsonError("not in canonical form (RFC 8785)");
  }
  return value;
}

/**
 * The same value without control characters and bidirectional overrides in its texts, which could rewrite what a
 * terminal shows. Line ends and tabs stay. @throws JsonError when the name of a member has some, or is `__proto__`
 */
export function cleanJson<T extends JsonValue>(value: T): T {
  return clean(value) as T;
}

/** @see cleanJson */
function cleanText(text: string): string {
  return text.replace(UNSAFE, "");
}

/** Whether a terminal would show the text as it is. */
export function isCleanText(text: string): boolean {
  return cleanText(text) === text;
}

// Control characters (C0, C1) except tab and line ends, and what turns the direction of writing around.
const UNSAFE = /\r(?!\n)|[^\P{Cc}\t\n\r]|\p{Bidi_Control}/gu;

function clean(value: JsonValue): JsonValue {
  if (typeof value === "string") return cleanText(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(clean);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (name === "__proto__" || !isCleanText(name)) throw new JsonError("an unsafe member name");
      return [name, clean(member)];
    }),
  );
}

function decodeUtf8(octets: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch (cause) {
    throw new JsonError("not UTF-8", { cause });
  }
}

/** Bounds what the parser and everything after it will have to recurse into. */
function checkShape(text: string, { maxDepth, maxTokens }: JsonLimits): void {
  let depth = 0;
  let tokens = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') quoted = !quoted;
    else if (quoted && character === "\\") index += 1;
    if (quoted) continue;
    if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    else if (character !== ",") continue;
    tokens += 1;
    if (tokens > maxTokens) throw new JsonError("too many values");
    if (depth > maxDepth) throw new JsonError("nested too deeply");
  }
}
