import { RE2JS } from "re2js";
import type { JsonObject, JsonValue } from "../domain/scalars.js";
import { RenewalError } from "../errors.js";
import { FORMATS } from "./formats.js";
import { copyJson, isList, isMap, jsonMap, jsonProblem, pointerTo, valueAt } from "./json.js";

/**
 * What is taken from an RA's JSON Schema: the validation keywords of draft 7 and nothing else, checked one by one, its
 * `$ref`s replaced by what they name, its patterns compiled for matching in linear time. Whatever came in, this is bounded.
 */
export interface CompiledSchema {
  readonly schema: JsonObject;
  /** By their source. */
  readonly patterns: ReadonlyMap<string, RE2JS>;
}

const LIMITS = {
  /** Schemas inside each other. It also ends what refers to itself. */
  depth: 12,
  /** In all, what is referred to counted as often as it is. */
  schemas: 2_000,
  enumValues: 1_000,
  patternLength: 200,
  /** Of a pattern written out, before it is compiled. */
  patternCharacters: 50_000,
  /** Instructions that all patterns are compiled to. */
  instructions: 10_000,
} as const;

/** @throws ERR_FORM_SCHEMA: `details.reason` says what is wrong, and where by JSON Pointer */
export function compileSchema(source: JsonObject): CompiledSchema {
  const problem = jsonProblem(source);
  if (problem !== undefined) throw unusable("", problem);
  const document = jsonMap(copyJson(source) as JsonObject);
  // The document's own name, by which nothing here is looked up.
  delete document["$id"];
  const compilation: Compilation = { document, patterns: new Map(), schemas: 0, instructions: 0 };
  const place: Place = { compilation, pointer: "", depth: 0 };
  const dialect = document["$schema"] ?? "http://json-schema.org/draft-07/schema#";
  if (!/^https?:\/\/json-schema\.org\/draft-07\/schema#?$/.test(String(dialect))) {
    throw refuse(inside(place, "$schema"), "is not draft 7");
  }
  return { schema: readSchema(document, place), patterns: compilation.patterns };
}

export function unusable(pointer: string, reason: string): RenewalError {
  return new RenewalError("ERR_FORM_SCHEMA", { details: { reason: `#${pointer} ${reason}` } });
}

interface Compilation {
  readonly document: JsonValue;
  readonly patterns: Map<string, RE2JS>;
  schemas: number;
  instructions: number;
}

interface Place {
  readonly compilation: Compilation;
  readonly pointer: string;
  readonly depth: number;
}

/** Checks a keyword's value and gives what is taken of it; `undefined` for nothing. */
type Read = (value: JsonValue, place: Place) => JsonValue | undefined;

const TYPES: readonly JsonValue[] = [
  "string",
  "number",
  "integer",
  "boolean",
  "array",
  "object",
  "null",
];
const anyNumber = checked("a number", (value) => typeof value === "number");
const count = checked(
  "a whole number from 0",
  (value) => Number.isSafeInteger(value) && Number(value) >= 0,
);
const names = checked(
  "a list of names",
  (value) => isList(value) && value.every((name) => typeof name === "string"),
);

/** Every other keyword says nothing of whether a value is valid. */
const KEYWORDS: Readonly<Record<string, Read>> = {
  type: checked("a type", (value) => {
    const types = isList(value) ? value : [value];
    return types.length > 0 && types.every((type) => TYPES.includes(type));
  }),
  enum: checked(
    `a list of 1 to ${LIMITS.enumValues} values`,
    (value) => isList(value) && value.length > 0 && value.length <= LIMITS.enumValues,
  ),
  const: (value) => value,
  multipleOf: checked("a number above 0", (value) => typeof value === "number" && value > 0),
  maximum: anyNumber,
  exclusiveMaximum: anyNumber,
  minimum: anyNumber,
  exclusiveMinimum: anyNumber,
  maxLength: count,
  minLength: count,
  pattern: readPattern,
  // A format that is not known is an annotation (draft 7 validation, §7.2).
  format: (value) => (typeof value === "string" && FORMATS.has(value) ? value : undefined),
  items: (value, place) => (isList(value) ? readList(value, place) : readChild(value, place)),
  additionalItems: readAdditional,
  maxItems: count,
  minItems: count,
  uniqueItems: checked("true or false", (value) => typeof value === "boolean"),
  contains: readChild,
  maxProperties: count,
  minProperties: count,
  required: names,
  properties: (value, place) => readMap(value, place, readChild),
  patternProperties: (value, place) => {
    for (const pattern of Object.keys(isMap(value) ? value : {})) readPattern(pattern, place);
    return readMap(value, place, readChild);
  },
  additionalProperties: readAdditional,
  propertyNames: readChild,
  if: readChild,
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, in a table that nobody awaits
  then: readChild,
  else: readChild,
  allOf: readList,
  anyOf: readList,
  oneOf: readList,
  not: readChild,
};

function readSchema(value: JsonValue, place: Place): JsonObject {
  const { compilation, depth } = place;
  compilation.schemas += 1;
  if (compilation.schemas > LIMITS.schemas) {
    throw refuse(place, `is one schema more than ${LIMITS.schemas}`);
  }
  if (depth > LIMITS.depth) throw refuse(place, `is nested deeper than ${LIMITS.depth} levels`);
  if (value === true) return jsonMap();
  if (value === false) return jsonMap({ not: jsonMap() });
  if (!isMap(value)) throw refuse(place, "is not a schema");
  // Draft 7 ignores what stands beside a reference.
  const reference = value["$ref"];
  if (reference !== undefined) {
    return readSchema(follow(reference, place), { ...place, depth: depth + 1 });
  }
  if (value["$id"] !== undefined) throw refuse(place, "has an $id of its own");
  const schema = jsonMap();
  for (const [keyword, read] of Object.entries(KEYWORDS)) {
    const given = value[keyword];
    const taken = given === undefined ? undefined : read(given, inside(place, keyword));
    if (taken !== undefined) schema[keyword] = taken;
  }
  const dependencies = value["dependencies"];
  if (dependencies !== undefined) {
    const conditions = readDependencies(dependencies, inside(place, "dependencies"));
    schema["allOf"] = [...(isList(schema["allOf"]) ? schema["allOf"] : []), ...conditions];
  }
  return schema;
}

function readChild(value: JsonValue, place: Place): JsonObject {
  return readSchema(value, { ...place, depth: place.depth + 1 });
}

/** `false` stays what it is: there is a message of its own for it. */
function readAdditional(value: JsonValue, place: Place): JsonValue {
  return value === false ? false : readChild(value, place);
}

function readList(value: JsonValue, place: Place): readonly JsonValue[] {
  if (!isList(value) || value.length === 0) throw refuse(place, "is not a list of schemas");
  return value.map((entry, index) => readChild(entry, inside(place, index)));
}

function readMap(
  value: JsonValue,
  place: Place,
  read: (value: JsonValue, place: Place) => JsonValue,
): JsonObject {
  if (!isMap(value)) throw refuse(place, "is not an object");
  const result = jsonMap();
  for (const [name, entry] of Object.entries(value))
    result[name] = read(entry, inside(place, name));
  return result;
}

/** As conditions, so that what is missing is reported like anything else that is required. */
function readDependencies(value: JsonValue, place: Place): JsonObject[] {
  const consequences = readMap(value, place, (entry, at) =>
    isList(entry) ? jsonMap({ required: names(entry, at) ?? [] }) : readChild(entry, at),
  );
  return Object.entries(consequences).map(([name, consequence]) =>
    jsonMap({
      if: jsonMap({ not: jsonMap({ type: "object", required: [name] }) }),
      else: consequence,
    }),
  );
}

/** Nothing is ever fetched: only what the document itself holds can be referred to. */
function follow(reference: JsonValue, place: Place): JsonValue {
  const at = inside(place, "$ref");
  if (typeof reference !== "string" || !reference.startsWith("#")) {
    throw refuse(at, "does not refer to this document");
  }
  let pointer: string;
  try {
    pointer = decodeURIComponent(reference.slice(1));
  } catch {
    throw refuse(at, "is not a URI");
  }
  const target = valueAt(place.compilation.document, pointer);
  if (target === undefined) throw refuse(at, "refers to nothing");
  return target;
}

function readPattern(value: JsonValue, place: Place): JsonValue {
  const { compilation } = place;
  if (typeof value !== "string" || value.length > LIMITS.patternLength) {
    throw refuse(place, `is not a pattern of at most ${LIMITS.patternLength} characters`);
  }
  if (compilation.patterns.has(value)) return value;
  if (value.length * repetitions(value) > LIMITS.patternCharacters) {
    throw refuse(place, "repeats too much");
  }
  const pattern = compilePattern(value, place);
  compilation.instructions += pattern.programSize();
  if (compilation.instructions > LIMITS.instructions)
    throw refuse(place, "makes the patterns too large");
  compilation.patterns.set(value, pattern);
  return value;
}

/** Look-around and back-references are what RE2 leaves out, for they cannot be had in linear time. */
function compilePattern(source: string, place: Place): RE2JS {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(source));
  } catch (cause) {
    throw refuse(
      place,
      `is a pattern that cannot be used: ${cause instanceof Error ? cause.message : cause}`,
    );
  }
}

/** How often a part of a pattern can stand in it once `{n,m}` is written out: RE2 itself ends it at 1000 in each other. */
function repetitions(pattern: string): number {
  const counts = [...pattern.matchAll(/(\d+),?\}/g)].map(([, digits]) => Number(digits));
  const sum = counts.reduce((total, times) => total + times, 1);
  const product = counts.reduce((total, times) => total * Math.max(times, 1), 1);
  return Math.max(sum, Math.min(product, 1000));
}

function checked(what: string, valid: (value: JsonValue) => boolean): Read {
  return (value, place) => {
    if (!valid(value)) throw refuse(place, `is not ${what}`);
    return value;
  };
}

function inside(place: Place, name: string | number): Place {
  return { ...place, pointer: pointerTo(place.pointer, name) };
}

function refuse(place: Place, reason: string): RenewalError {
  return unusable(place.pointer, reason);
}
