import {
  type CustomProperty,
  type Schema,
  type ValidationError,
  Validator,
  ValidatorResult,
} from "jsonschema";
import type { JsonObject, JsonValue } from "./domain/scalars.js";
import type { Problem } from "./errors.js";
import { FORMATS } from "./form/formats.js";
import { canonicalText, copyJson, isMap, jsonProblem, pointerTo } from "./form/json.js";
import { type CompiledSchema, compileSchema, unusable } from "./form/schema.js";
import { printable } from "./text.js";

/**
 * The application's form as the RA describes it: JSON Schema draft 7, interpreted, without code made from it. The schema is
 * the input of somebody else: what it may cost is bounded, it reaches nothing outside itself, and its patterns are matched
 * in time linear in the text (RE2 syntax: no look-around, no back-references).
 */

/** What one validation may cost: schemas applied to values, and pattern instructions times characters. */
const BUDGET = { applications: 20_000, matching: 20_000_000 } as const;

/** @throws ERR_FORM_SCHEMA when the schema cannot be used, or not safely; `details.reason` says why */
export function checkFormSchema(schema: JsonObject): void {
  compileSchema(schema);
}

/**
 * Everything that is wrong with the values, at once, by JSON Pointer (RFC 6901) to the field, also to one that is missing;
 * empty when they are fine.
 * @throws ERR_FORM_SCHEMA
 */
export function validateForm(schema: JsonObject, values: JsonObject): readonly Problem[] {
  const compiled = compileSchema(schema);
  const tooMuch = jsonProblem(values);
  if (tooMuch !== undefined) return [{ pointer: "", message: tooMuch }];
  const problems = new Map<string, Problem>();
  for (const error of errorsOf(compiled, copyJson(values))) {
    // It only announces the errors that follow.
    if (error.name === "allOf") continue;
    const problem = { pointer: pointerOf(error), message: messageOf(error) };
    problems.set(`${problem.pointer} ${problem.message}`, problem);
  }
  return [...problems.values()];
}

function errorsOf(
  { schema, patterns }: CompiledSchema,
  values: JsonValue,
): readonly ValidationError[] {
  let applications = 0;
  let matching = 0;
  const matches = (source: string, text: string): boolean => {
    const pattern = patterns.get(source);
    if (pattern === undefined) throw unusable("", `has a pattern that was not compiled: ${source}`);
    matching += pattern.programSize() * (text.length + 1);
    if (matching > BUDGET.matching) throw unusable("", "takes too long to match");
    return pattern.test(text);
  };
  const validator = new Validator();
  Object.assign(validator.attributes, {
    pattern: forStrings(
      "pattern",
      (text, source) => matches(source, text),
      "does not match the pattern",
    ),
    format: forStrings(
      "format",
      (text, name) => FORMATS.get(name)?.(text) ?? true,
      "is not of the format",
    ),
    patternProperties: patternProperties(validator, matches),
    uniqueItems,
  } satisfies Record<string, CustomProperty>);
  // `rewrite` is called once for each schema that is applied to a value.
  const rewrite = (value: JsonValue): JsonValue => {
    applications += 1;
    if (applications > BUDGET.applications) throw unusable("", "takes too long to check");
    return value;
  };
  return validator.validate(values, schema, { rewrite }).errors;
}

function forStrings(
  keyword: "pattern" | "format",
  valid: (text: string, argument: string) => boolean,
  message: string,
): CustomProperty {
  return (value: unknown, schema) => {
    const argument = schema[keyword];
    if (typeof value !== "string" || typeof argument !== "string") return "";
    return valid(value, argument) ? "" : `${message} ${argument}`;
  };
}

/** patternProperties, and additionalProperties beside it (draft 7 validation §6.5.5 and §6.5.6). */
function patternProperties(
  validator: Validator,
  matches: (source: string, text: string) => boolean,
): CustomProperty {
  return (value: unknown, schema, options, context) => {
    const result = new ValidatorResult(value, schema, options, context);
    const patterns = Object.entries(schema.patternProperties ?? {});
    for (const [name, entry] of Object.entries(isMap(value) ? value : {})) {
      const schemas: (Schema | boolean)[] = patterns
        .filter(([source]) => matches(source, name))
        .map(([, found]) => found);
      if (schemas.length === 0 && schema.properties?.[name] === undefined) {
        schemas.push(schema.additionalProperties ?? {});
      }
      for (const applied of schemas) {
        if (applied === false) {
          result.addError({ name: "additionalProperties", argument: name, message: "is too many" });
        } else if (applied !== true) {
          const child = context.makeChild(applied, name);
          result.errors.push(...validator.validate(entry, applied, options, child).errors);
        }
      }
    }
    return result;
  };
}

/** Not by comparing each with each. */
function uniqueItems(value: unknown, schema: Schema): string {
  if (schema.uniqueItems !== true || !Array.isArray(value)) return "";
  return new Set(value.map((item: JsonValue) => canonicalText(item))).size === value.length
    ? ""
    : "has the same item twice";
}

function pointerOf({ path, name, argument }: ValidationError): string {
  const steps = name === "required" || name === "additionalProperties" ? [...path, argument] : path;
  return steps.reduce<string>(pointerTo, "");
}

/** By keyword; the others' own messages do. */
const MESSAGES = new Map<string, (argument: unknown) => string>([
  ["required", () => "is required"],
  ["additionalProperties", () => "is not a field of this form"],
  ["type", (types) => `is not of type ${Array.isArray(types) ? types.join(" or ") : types}`],
  ["enum", (values) => `is not one of ${JSON.stringify(values)}`],
  ["const", (value) => `is not ${JSON.stringify(value)}`],
  ["not", () => "is not allowed"],
  ["anyOf", () => "fits none of the alternatives"],
  ["oneOf", () => "does not fit exactly one of the alternatives"],
]);

function messageOf({ name, argument, message }: ValidationError): string {
  return printable(MESSAGES.get(name)?.(argument) ?? message).slice(0, 300);
}
