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

/**
 * A bounded copy, all of its objects made by {@link jsonMap}.
 * @throws what `refuse` makes of the reason
 */
export function copyJson(source: JsonValue, refuse: (reason: string) => Error): JsonValue {
  let values = 0;
  let characters = 0;
  const counted = (text: string): string => {
    characters += text.length;
    if (characters > LIMITS.characters) {
      throw refuse(`has more than ${LIMITS.characters} characters`);
    }
    return text;
  };
  const copy = (value: JsonValue, depth: number): JsonValue => {
    values += 1;
    if (values > LIMITS.values) throw refuse(`has more than ${LIMITS.values} values`);
    if (depth > LIMITS.depth) throw refuse(`is nested deeper than ${LIMITS.depth} levels`);
    if (typeof value === "string") return counted(value);
    if (value === null || typeof value === "boolean" || Number.isFinite(value)) return value;
    if (isList(value)) return value.map((entry) => copy(entry, depth + 1));
    if (!isMap(value)) throw refuse("holds something that is not JSON");
    const result = jsonMap();
    for (const [name, entry] of Object.entries(value)) {
      // What JSON.stringify leaves out is not there.
      if (entry !== undefined) result[counted(name)] = copy(entry, depth + 1);
    }
    return result;
  };
  return copy(source, 0);
}

export function isMap(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
