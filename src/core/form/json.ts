import type { JsonObject, JsonValue } from "../domain/scalars.js";

/** Of one JSON document: a schema, or what is filled into its form. */
const LIMITS = { characters: 64 * 1024, values: 20_000, depth: 48 } as const;

export type JsonMap = Record<string, JsonValue>;

// `jsonschema` puts values into its messages, for which they must be convertible to a string.
const PROTOTYPE: object = Object.freeze({
  __proto__: null,
  [Symbol.toPrimitive]: () => "an object",
});

/** An object that inherits no name: `__proto__` and `constructor` are names in it like any other. */
export function jsonMap(entries: JsonObject = {}): JsonMap {
  return Object.assign(Object.create(PROTOTYPE), entries);
}

/** Why a document is not taken: it is too large, too deep, or no JSON. `undefined`: it is. */
export function jsonProblem(source: JsonValue): string | undefined {
  let values = 0;
  let characters = 0;
  const visit = (value: JsonValue, depth: number): string | undefined => {
    values += 1;
    if (values > LIMITS.values) return `has more than ${LIMITS.values} values`;
    if (depth > LIMITS.depth) return `is nested deeper than ${LIMITS.depth} levels`;
    if (typeof value === "string") characters += value.length;
    else if (isMap(value)) characters += Object.keys(value).join("").length;
    else if (!isList(value) && !isScalar(value)) return "holds something that is not JSON";
    if (characters > LIMITS.characters) return `has more than ${LIMITS.characters} characters`;
    if (isScalar(value)) return undefined;
    for (const entry of Object.values(value)) {
      const problem = visit(entry, depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  return visit(source, 0);
}

/** A copy of JSON without a {@link jsonProblem}, all of its objects made by {@link jsonMap}. */
export function copyJson(source: JsonValue): JsonValue {
  if (isList(source)) return source.map(copyJson);
  if (!isMap(source)) return source;
  return jsonMap(
    Object.fromEntries(Object.entries(source).map(([name, entry]) => [name, copyJson(entry)])),
  );
}

export function isMap(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isScalar(value: JsonValue): value is string | number | boolean | null {
  return (
    value === null ||
    typeof value === "string" ||
    typeof value === "boolean" ||
    Number.isFinite(value)
  );
}

export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** A JSON Pointer (RFC 6901) one name further. */
export function pointerTo(pointer: string, name: string | number): string {
  return `${pointer}/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** What a JSON Pointer names inside a document made by {@link copyJson}. */
export function valueAt(document: JsonValue, pointer: string): JsonValue | undefined {
  if (pointer === "") return document;
  if (!pointer.startsWith("/")) return undefined;
  let value: JsonValue | undefined = document;
  for (const step of pointer.slice(1).split("/")) {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (isMap(value)) value = value[name];
    else if (isList(value) && /^(0|[1-9]\d{0,5})$/.test(name)) value = value[Number(name)];
    else return undefined;
  }
  return value;
}

/** Text that is the same for equal values, in whatever order their names stand. */
export function canonicalText(value: JsonValue): string {
  return JSON.stringify(value, (_, entry: JsonValue) =>
    isMap(entry) ? jsonMap(Object.fromEntries(Object.entries(entry).sort())) : entry,
  );
}
