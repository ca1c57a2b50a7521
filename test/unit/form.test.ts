import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject, JsonValue } from "../../src/core/domain/scalars.js";
import { errorCode, RenewalError } from "../../src/core/errors.js";
import { checkFormSchema, validateForm } from "../../src/core/form.js";

/** A form as the guide has it. */
const FORM: JsonObject = {
  $schema: "http://json-schema.org/draft-07/schema#",
  $id: "https://ra.example/forms/renewal",
  title: "申请信息",
  type: "object",
  required: ["agent", "mobile", "organization"],
  additionalProperties: false,
  properties: {
    agent: { type: "string", title: "经办人", pattern: "^[\\u4e00-\\u9fa5·]{2,20}$" },
    mobile: { type: "string", pattern: "^1[3-9]\\d{9}$" },
    email: { type: "string", format: "email", maxLength: 100 },
    organization: { $ref: "#/definitions/organization" },
    invoice: { enum: ["普通发票", "专用发票"] },
    copies: { type: "integer", minimum: 1, maximum: 5 },
  },
  definitions: {
    organization: {
      type: "object",
      required: ["name", "creditCode"],
      properties: {
        name: { type: "string", minLength: 1 },
        creditCode: {
          type: "string",
          pattern: "^[0-9A-HJ-NPQRTUWXY]{2}\\d{6}[0-9A-HJ-NPQRTUWXY]{10}$",
        },
      },
    },
  },
};
const VALUES: JsonObject = {
  agent: "张三",
  mobile: "13800000000",
  email: "applicant@example.com",
  organization: { name: "示例公司", creditCode: "91350100M000100Y43" },
};

const problemsOf = (schema: JsonObject, values: JsonObject) => validateForm(schema, values);
const pointersOf = (schema: JsonObject, values: JsonObject) =>
  validateForm(schema, values).map(({ pointer }) => pointer);
const json = (text: string): JsonObject => JSON.parse(text);
/** Of one field `x` under this schema. */
const valid = (schema: JsonObject, x: JsonValue) =>
  validateForm({ properties: { x: schema } }, { x }).length === 0;

function reasonOf(schema: JsonObject): unknown {
  try {
    checkFormSchema(schema);
  } catch (error) {
    expect(error).toBeInstanceOf(RenewalError);
    expect(errorCode(error)).toBe("ERR_FORM_SCHEMA");
    return error instanceof RenewalError ? error.details["reason"] : undefined;
  }
  return "none";
}

describe("validateForm", () => {
  it("finds nothing wrong with what is right", () => {
    expect(() => checkFormSchema(FORM)).not.toThrow();
    expect(problemsOf(FORM, VALUES)).toEqual([]);
  });

  it("finds all that is wrong at once, by JSON Pointer, also to what is missing", () => {
    const values = {
      mobile: "12345",
      email: "nobody",
      organization: { creditCode: "91350100I000100Y43" },
      invoice: "收据",
      copies: 1.5,
      "a/b~c": 1,
    };
    expect(problemsOf(FORM, values)).toEqual(
      expect.arrayContaining([
        { pointer: "/agent", message: "is required" },
        { pointer: "/mobile", message: "does not match the pattern ^1[3-9]\\d{9}$" },
        { pointer: "/email", message: "is not of the format email" },
        { pointer: "/organization/name", message: "is required" },
        { pointer: "/organization/creditCode", message: expect.stringContaining("pattern") },
        { pointer: "/invoice", message: 'is not one of ["普通发票","专用发票"]' },
        { pointer: "/copies", message: "is not of type integer" },
        { pointer: "/a~1b~0c", message: "is not a field of this form" },
      ]),
    );
    expect(problemsOf(FORM, values)).toHaveLength(8);
  });

  it("names each problem once, and leaves the values as they are", () => {
    const field = { required: ["x"] };
    const values = Object.freeze({});
    expect(problemsOf({ allOf: [field, field], ...field }, values)).toEqual([
      { pointer: "/x", message: "is required" },
    ]);
  });

  it("points into lists", () => {
    const schema = { properties: { list: { items: { required: ["a"] }, uniqueItems: true } } };
    expect(problemsOf(schema, { list: [{ a: 1 }, {}, { a: 2 }] })).toEqual([
      { pointer: "/list/1/a", message: "is required" },
    ]);
    expect(
      problemsOf(schema, {
        list: [
          { a: 1, b: 2 },
          { b: 2, a: 1 },
        ],
      }),
    ).toEqual([{ pointer: "/list", message: "has the same item twice" }]);
    expect(
      problemsOf(schema, { list: [{ a: 1 }, { a: "1" }, { a: [1] }, { a: { 0: 1 } }] }),
    ).toEqual([]);
  });

  it.each<[JsonObject, JsonValue[], JsonValue[]]>([
    [{ type: ["string", "null"] }, ["", null], [1, {}, []]],
    [{ const: { a: [1] } }, [{ a: [1] }], [{ a: [2] }, {}, 1]],
    [{ enum: [{ a: 1 }, null] }, [{ a: 1 }, null], [{ a: 2 }, "x"]],
    [{ multipleOf: 0.01 }, [1.23, 0], [1.234]],
    [{ exclusiveMinimum: 0, exclusiveMaximum: 10 }, [1, 9], [0, 10]],
    [{ minLength: 2, maxLength: 2 }, ["张三", "😀😀"], ["a", "abc"]],
    [{ minItems: 1, maxItems: 2, contains: { const: 1 } }, [[1], [2, 1]], [[], [2], [1, 1, 1]]],
    [{ items: [{ type: "string" }], additionalItems: false }, [["a"], []], [["a", "b"], [1]]],
    [
      { minProperties: 1, maxProperties: 1, propertyNames: { pattern: "^a" } },
      [{ ab: 1 }],
      [{}, { b: 1 }],
    ],
    [{ anyOf: [{ type: "string" }, { minimum: 5 }] }, ["a", 5], [4]],
    [{ oneOf: [{ minimum: 1 }, { minimum: 5 }] }, [4], [0, 5]],
    [{ not: { const: 1 } }, [2], [1]],
    [{ not: {} }, [], [1, "a"]],
    [
      json('{ "if": { "const": 1 }, "then": { "type": "string" }, "else": { "type": "number" } }'),
      [2],
      [1, "a"],
    ],
    [
      { dependencies: { a: ["b"], c: { required: ["d"] } } },
      [{}, { a: 1, b: 1 }, { c: 1, d: 1 }, 7],
      [{ a: 1 }, { c: 1 }],
    ],
    [
      {
        patternProperties: { "^n": { type: "number" }, "1$": { minimum: 2 } },
        additionalProperties: false,
      },
      [{ n1: 2, na: 0 }, {}],
      [{ n: "a" }, { n1: 1 }, { b: 1 }],
    ],
    [
      { patternProperties: { "^n": true }, additionalProperties: { type: "string" } },
      [{ n: 1, a: "b" }],
      [{ a: 1 }],
    ],
    [{ properties: { a: false } }, [{}, { b: 1 }], [{ a: 1 }]],
    [{ uniqueItems: false }, [[1, 1], "a"], []],
    [{ uniqueItems: true }, [[1, 2], "aa", [[1], { 0: 1 }]], [[1, 1]]],
    [{ format: "date" }, ["2024-02-29", 5], ["2026-02-29", "2026-2-1", "2026-01-01T"]],
    [
      { format: "date-time" },
      ["2026-11-23T08:00:00+08:00"],
      ["2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23T25:00:00Z"],
    ],
    [{ format: "time" }, ["08:00:00Z"], ["08:00", "24:00:00Z"]],
    [
      { format: "email" },
      ["a@example.com"],
      ["a", "@example.com", "a b@example.com", "a@b@example.com", "a@-b"],
    ],
    [{ format: "hostname" }, ["ra.example"], ["-a", "a..b", `${"a".repeat(64)}.b`]],
    [{ format: "uri" }, ["https://ra.example/x"], ["ra.example", "http://[", "a b:"]],
    [{ format: "ipv4" }, ["127.0.0.1"], ["1.2.3"]],
    [{ format: "ipv6" }, ["::1"], ["1::2::3"]],
    [{ format: "uuid" }, ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]],
    [{ format: "regex" }, ["(", "a"], []],
    [{ "x-order": 3, readOnly: true, default: 1, examples: [1] }, [1, "a"], []],
  ])("%j", (schema, fine, wrong) => {
    for (const value of fine) expect(valid(schema, value), JSON.stringify(value)).toBe(true);
    for (const value of wrong) expect(valid(schema, value), JSON.stringify(value)).toBe(false);
  });

  it("reports what is missing for the sake of another field at the missing one", () => {
    expect(pointersOf({ dependencies: { a: ["b"] } }, { a: 1 })).toEqual(["/b"]);
    const conditional = json('{ "if": { "required": ["a"] }, "then": { "required": ["b"] } }');
    expect(pointersOf(conditional, { a: 1 })).toEqual(["/b"]);
  });

  it("reports values that are more than a form can hold as one problem", () => {
    let deep: JsonObject = {};
    for (let depth = 0; depth < 60; depth += 1) deep = { deep };
    expect(problemsOf({}, deep)).toEqual([
      { pointer: "", message: "is nested deeper than 48 levels" },
    ]);
    expect(problemsOf({}, { a: "x".repeat(70_000) })[0]?.message).toBe(
      "has more than 65536 characters",
    );
    expect(problemsOf({}, { a: Array(30_000).fill(0) })[0]?.message).toBe(
      "has more than 20000 values",
    );
    const notJson = { a: Number.NaN };
    expect(problemsOf({}, notJson)[0]?.message).toBe("holds something that is not JSON");
  });

  it("lets no message of the RA's reach a terminal as a command", () => {
    const [problem] = problemsOf({ properties: { x: { const: "\u001b[2J\u202e" } } }, { x: 1 });
    expect(problem?.message).toBe('is not "\\u001b[2J"');
  });
});

describe("names that every object inherits", () => {
  it("are names like any other", () => {
    const schema = json(`{
      "required": ["__proto__", "constructor"],
      "properties": { "__proto__": { "type": "string" }, "toString": { "type": "number" } },
      "additionalProperties": false,
      "dependencies": { "valueOf": ["hasOwnProperty"] }
    }`);
    expect(pointersOf(schema, {})).toEqual(["/__proto__", "/constructor"]);
    const values = json('{ "__proto__": 1, "constructor": 2, "toString": "x" }');
    expect(pointersOf(schema, values).sort()).toEqual(["/__proto__", "/constructor", "/toString"]);
    expect(
      pointersOf(schema, json('{ "__proto__": "a", "constructor": 1, "valueOf": 1 }')).sort(),
    ).toEqual(["/constructor", "/hasOwnProperty", "/valueOf"]);
  });

  it("change nothing outside", () => {
    validateForm(
      json('{ "properties": { "__proto__": { "properties": { "polluted": { "const": 1 } } } } }'),
      json('{ "__proto__": { "polluted": 1 }, "constructor": { "prototype": { "polluted": 1 } } }'),
    );
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    expect(reasonOf(json('{ "__proto__": { "type": 7 } }'))).toBe("none");
    expect(reasonOf(json('{ "$ref": "#/__proto__/type" }'))).toMatch("refers to nothing");
    expect(reasonOf({ $ref: "#/constructor/prototype" })).toMatch("refers to nothing");
    expect(reasonOf({ type: "constructor" })).toMatch("is not a type");
  });
});

describe("a schema that cannot be used", () => {
  it.each<[string, JsonObject, string]>([
    [
      "a remote reference",
      { $ref: "https://ra.example/x" },
      "#/$ref does not refer to this document",
    ],
    [
      "a relative reference",
      { items: { $ref: "other.json#/a" } },
      "#/items/$ref does not refer to this document",
    ],
    ["a reference that is no string", { $ref: 1 }, "#/$ref does not refer to this document"],
    ["a reference to nothing", { $ref: "#/definitions/none" }, "#/$ref refers to nothing"],
    ["a reference by anchor", { $ref: "#name" }, "#/$ref refers to nothing"],
    ["a reference into text", { $ref: "#/title/0", title: "a" }, "#/$ref refers to nothing"],
    ["a reference that is no URI", { $ref: "#/%" }, "#/$ref is not a URI"],
    ["a reference to itself", { $ref: "#" }, "# is nested deeper than 12 levels"],
    [
      "references in a circle",
      { properties: { a: { $ref: "#/properties/b" }, b: { $ref: "#/properties/a" } } },
      "#/properties/a is nested deeper than 12 levels",
    ],
    [
      "a schema that holds itself",
      { properties: { a: { $ref: "#" } } },
      "is nested deeper than 12 levels",
    ],
    [
      "another draft",
      { $schema: "https://json-schema.org/draft/2020-12/schema" },
      "#/$schema is not draft 7",
    ],
    ["an $id inside", { properties: { a: { $id: "b" } } }, "#/properties/a has an $id of its own"],
    ["a type of its own", { type: "date" }, "#/type is not a type"],
    ["no type at all", { type: [] }, "#/type is not a type"],
    ["required that is no list", { required: true }, "#/required is not a list of names"],
    ["an empty enum", { enum: [] }, "#/enum is not a list of 1 to 1000 values"],
    ["a huge enum", { enum: Array(1001).fill(0) }, "#/enum is not a list of 1 to 1000 values"],
    ["a length below 0", { maxLength: -1 }, "#/maxLength is not a whole number from 0"],
    ["a limit that is no number", { minimum: "1" }, "#/minimum is not a number"],
    ["multiples of 0", { multipleOf: 0 }, "#/multipleOf is not a number above 0"],
    ["uniqueItems that is no answer", { uniqueItems: 1 }, "#/uniqueItems is not true or false"],
    ["an empty anyOf", { anyOf: [] }, "#/anyOf is not a list of schemas"],
    ["properties that are none", { properties: [] }, "#/properties is not an object"],
    ["a schema that is none", { not: "x" }, "#/not is not a schema"],
    [
      "a dependency that is none",
      { dependencies: { a: [1] } },
      "#/dependencies/a is not a list of names",
    ],
    ["a look-ahead", { pattern: "^(?!a)" }, "#/pattern is a pattern that cannot be used"],
    ["a back-reference", { pattern: "(a)\\1" }, "#/pattern is a pattern that cannot be used"],
    [
      "a broken pattern",
      { patternProperties: { "(": {} } },
      "#/patternProperties is a pattern that cannot be used",
    ],
    [
      "a pattern that is no string",
      { pattern: 1 },
      "#/pattern is not a pattern of at most 200 characters",
    ],
    [
      "a long pattern",
      { pattern: "a".repeat(201) },
      "#/pattern is not a pattern of at most 200 characters",
    ],
    ["repetitions of repetitions", { pattern: "((a{30}){30}){30}" }, "#/pattern"],
    [
      "a long part very often",
      { pattern: `(${"a".repeat(100)}){1000}` },
      "#/pattern repeats too much",
    ],
  ])("%s", (_, schema, reason) => {
    expect(reasonOf(schema)).toContain(reason);
    expect(() => validateForm(schema, {})).toThrow(RenewalError);
  });

  it("is deeper than a form can be", () => {
    let schema: JsonObject = {};
    for (let depth = 0; depth < 13; depth += 1) schema = { not: schema };
    expect(reasonOf(schema)).toContain("is nested deeper than 12 levels");
    for (let depth = 0; depth < 100_000; depth += 1) schema = { not: schema };
    expect(reasonOf(schema)).toContain("is nested deeper than 48 levels");
    const cycle: Record<string, JsonValue> = {};
    cycle["not"] = cycle;
    expect(reasonOf(cycle)).toContain("is nested deeper than 48 levels");
  });

  it("is larger than a form can be", () => {
    expect(reasonOf({ title: "x".repeat(70_000) })).toBe("# has more than 65536 characters");
    expect(reasonOf({ examples: Array(30_000).fill(0) })).toBe("# has more than 20000 values");
    expect(reasonOf({ allOf: Array(2_500).fill({}) })).toContain("is one schema more than 2000");
  });

  it("grows with every reference", () => {
    const definitions: Record<string, JsonValue> = { d0: { type: "string" } };
    for (let level = 1; level < 11; level += 1) {
      definitions[`d${level}`] = { allOf: Array(10).fill({ $ref: `#/definitions/d${level - 1}` }) };
    }
    const within = inTime(() => reasonOf({ definitions, $ref: "#/definitions/d10" }));
    expect(within).toMatch(/is one schema more than 2000|is nested deeper/);
  });

  it("has too many patterns", () => {
    const properties = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`p${index}`, { pattern: `a{${900 + index}}` }]),
    );
    expect(inTime(() => reasonOf({ properties }))).toContain("makes the patterns too large");
  });
});

describe("a schema that would take long", () => {
  it("matches a catastrophic pattern in time linear in the text", () => {
    const schema = { properties: { x: { pattern: "^(a+)+$" } } };
    const match = (length: number) => validateForm(schema, { x: `${"a".repeat(length)}!` });
    // JavaScript's own engine takes seconds for 30 of them, and twice as long for each one more.
    expect(inTime(() => match(60_000))).toHaveLength(1);
  });

  it.each(["^(a|a)*$", "(a|aa)+$", "(.*a){20}$", "([a-z]+)*\\d", "\\s*\\s*\\s*\\s*x"])(
    "%s",
    (pattern) => {
      expect(inTime(() => valid({ pattern }, `${"a ".repeat(10_000)}!`), 2000)).toBe(false);
    },
  );

  it("is refused once it has cost enough", () => {
    const schemas = { items: { allOf: Array(1_500).fill({ minimum: 0 }) } };
    expect(() =>
      inTime(() => validateForm({ properties: { x: schemas } }, { x: Array(5_000).fill(1) })),
    ).toThrow("takes too long to check");
    const patterns = { items: { pattern: "(?:a?){900}b" } };
    expect(() =>
      inTime(
        () =>
          validateForm({ properties: { x: patterns } }, { x: Array(60).fill("a".repeat(1000)) }),
        3000,
      ),
    ).toThrow("takes too long to match");
  });

  it("compares many items for being the same without comparing each with each", () => {
    const x = Array.from({ length: 5_000 }, (_, index) => ({ index }));
    expect(inTime(() => valid({ uniqueItems: true }, x))).toBe(true);
  });
});

it("answers every schema with problems or ERR_FORM_SCHEMA", () => {
  const keyword = fc.constantFrom(
    ..."type enum const multipleOf maximum minLength pattern format items additionalItems uniqueItems".split(
      " ",
    ),
    ..."contains maxProperties required properties patternProperties additionalProperties".split(
      " ",
    ),
    ..."dependencies propertyNames if then else allOf anyOf oneOf not $ref $id $schema definitions".split(
      " ",
    ),
    ..."extends disallow divisibleBy id __proto__ constructor".split(" "),
  );
  const leaf = fc.oneof(
    fc.constantFrom(
      "string",
      "object",
      "#",
      "#/properties",
      "^a+$",
      "(",
      "date",
      "__proto__",
      0,
      1,
      -1,
      true,
      false,
      null,
    ),
    fc.string({ maxLength: 8 }),
  );
  const { schema } = fc.letrec<{ schema: JsonValue }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie("schema"), { maxLength: 3 }),
      fc.dictionary(keyword, tie("schema"), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(keyword, schema, { maxKeys: 6 }), fc.jsonValue(), (fields, x) => {
      try {
        for (const { pointer, message } of validateForm(fields, {
          x: x as JsonValue,
          required: 1,
          type: "a",
        })) {
          expect(pointer).toMatch(/^(\/.*)?$/s);
          expect(message).not.toBe("");
        }
      } catch (error) {
        expect(errorCode(error)).toBe("ERR_FORM_SCHEMA");
      }
    }),
    { numRuns: 1000 },
  );
});

/** What it returns, provided that it does soon: generous enough for a busy machine, far too short for what explodes. */
function inTime<T>(work: () => T, limitMs = 1500): T {
  const started = performance.now();
  try {
    return work();
  } finally {
    expect(performance.now() - started).toBeLessThan(limitMs);
  }
}
