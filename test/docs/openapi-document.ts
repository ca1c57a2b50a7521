import { z } from "zod";
import * as ledger from "../../src/core/domain/ledger.js";
import * as money from "../../src/core/domain/money.js";
import * as offer from "../../src/core/domain/offer.js";
import * as order from "../../src/core/domain/order.js";
import * as progress from "../../src/core/domain/progress.js";
import {
  bytes,
  calendarDate,
  dateTime,
  identifier,
  jsonObject,
  sha256Hex,
} from "../../src/core/domain/scalars.js";
import * as messages from "../../src/transport/http/wire/messages.js";
import {
  PROBLEM_CODES,
  PROBLEM_MEDIA_TYPE,
  PROBLEM_STATUS,
  problemSchema,
  problemType,
} from "../../src/transport/http/wire/problem.js";
import { ROUTES, type Route } from "../../src/transport/http/wire/routes.js";
import * as statements from "../../src/transport/http/wire/statements.js";

/** The RA's interface as an OpenAPI 3.1 document, made of the table and the schemas that client and sandbox go by. */
export function openApiDocument(): OpenApiDocument {
  const components = registerSchemas();
  return {
    openapi: "3.1.1",
    info: {
      title: "certrenew: the interface of a registration authority",
      summary: "Renewal of certificates on USB keys, smart cards and HSMs.",
      description: DESCRIPTION,
      version: "1",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [
      {
        url: "{baseUrl}",
        description: "What `httpTransport({ baseUrl })` is given.",
        variables: { baseUrl: { default: "https://ra.example" } },
      },
    ],
    paths: pathsOf(components),
    components: {
      securitySchemes: {
        followSecret: {
          type: "http",
          scheme: "bearer",
          description:
            "256 bits, base64url, chosen by the client before it applies. Its SHA-256 stands in the signed application.",
        },
      },
      parameters: {
        IdempotencyKey: {
          name: "Idempotency-Key",
          in: "header",
          required: true,
          description:
            "The same key with the same bytes is the same call, and gets the same receipt; with other bytes it is a 422.",
          schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,255}$" },
        },
        IfNoneMatch: {
          name: "If-None-Match",
          in: "header",
          required: false,
          description: "The ETag of the answer that the client has.",
          schema: { type: "string" },
        },
      },
      headers: {
        ETag: { description: "Of this answer.", schema: { type: "string" } },
        RetryAfter: {
          description:
            "When to ask again, in seconds or as a date. The client goes by it, up to a day.",
          schema: { type: "string" },
        },
      },
      responses: problemAnswers(),
      schemas: schemasOf(components),
    },
  };
}

const DESCRIPTION = `Every body is JSON (RFC 8259), unless it says otherwise. Times are ISO 8601 with an offset, money is integer minor units of
a currency, bytes are Base64 (RFC 4648 §4).

What is signed is CMS SignedData (RFC 5652) over canonical JSON (RFC 8785): the schemas named \`…Statement\` are its
content. How to serve this interface is told in docs/ra-operators.md of the package's sources.`;

const FAILURE = `Any other refusal or failure. A 4xx has changed nothing. After a call with an Idempotency-Key a 5xx that is no problem of
these types leaves the outcome open, and the client asks with \`recoverExchange\`.`;

export type Json = { readonly [name: string]: unknown };

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Json;
  readonly servers: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, Json>>>>;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly Json[];
  readonly security: readonly Json[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Json & { readonly content?: Content }>>;
}

type Content = Readonly<Record<string, { readonly schema: Json }>>;

const PATH_PARAMETERS: Readonly<Record<string, { readonly description: string; schema: Json }>> = {
  renewalId: { description: "Chosen by the client.", schema: reference("schemas", "Identifier") },
  sha256: { description: "Of the body, byte for byte.", schema: reference("schemas", "Sha256") },
  idempotencyKey: {
    description: "Of the writing call that is asked about.",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
};

/** What can be asked for with If-None-Match. */
const CONDITIONAL: ReadonlySet<string> = new Set(["readProgress"]);

const COMPONENT_DESCRIPTIONS: Readonly<Record<string, string>> = {
  Bytes: "Base64 (RFC 4648 §4).",
  DateTime: "ISO 8601 with an offset (RFC 3339).",
  Identifier: "Fit for paths and file names.",
  Sha256: "SHA-256, hexadecimal, lower case.",
  Money: "Minor units of an ISO 4217 currency: 20000 CNY is 200 yuan.",
  Document:
    "`signed`: CMS SignedData (RFC 5652) by the RA over a statement. `unsigned`: the bare canonical JSON, from an RA that signs nothing.",
  ApplicationStatement: "Signed by the old key.",
  CancellationStatement: "Signed by the old key.",
  CertificationRequestStatement:
    "Signed by the old key; where that is lost, sent as it is, and a person decides.",
  LookUpStatement: "Signed by the old key, whose certificate may have expired.",
  ConfirmationStatement: "Signed by the new key.",
  OfferStatement: "Signed by the RA.",
  ReceiptStatement: "Signed by the RA.",
  Problem: "Problem details (RFC 9457).",
};

type Components = z.core.$ZodRegistry<{ id: string }>;

/** The schemas with a name of their own: every exported one, and the scalars. */
function registerSchemas(): Components {
  const components: Components = z.registry<{ id: string }>();
  const scalars = { bytes, calendarDate, dateTime, identifier, jsonObject, sha256: sha256Hex };
  const exported = [ledger, money, offer, order, progress, messages, statements];
  const named: Record<string, unknown> = Object.assign({ problemSchema, ...scalars }, ...exported);
  for (const [name, schema] of Object.entries(named)) {
    if (schema instanceof z.ZodType) components.add(schema, { id: pascal(name) });
  }
  return components;
}

function pathsOf(components: Components): OpenApiDocument["paths"] {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const [name, route] of Object.entries<Route>(ROUTES)) {
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: operation(name, route, components),
    };
  }
  return paths;
}

function operation(name: string, route: Route, components: Components): Operation {
  const conditional = CONDITIONAL.has(name);
  return {
    operationId: name,
    summary: route.summary,
    security: route.bearer ? [{ followSecret: [] }] : [],
    parameters: [
      ...[...route.path.matchAll(/:(\w+)/g)].map(([, parameter = ""]) => ({
        name: parameter,
        in: "path",
        required: true,
        ...PATH_PARAMETERS[parameter],
      })),
      ...(route.writes ? [reference("parameters", "IdempotencyKey")] : []),
      ...(conditional ? [reference("parameters", "IfNoneMatch")] : []),
    ],
    ...requestBody(route, components),
    responses: {
      [route.status]: {
        description: "Done.",
        headers: {
          "Retry-After": reference("headers", "RetryAfter"),
          ...(conditional && { ETag: reference("headers", "ETag") }),
        },
        content: { "application/json": { schema: schemaReference(route.answer, components) } },
      },
      ...(conditional && {
        304: {
          description: "As the client has it.",
          headers: {
            "Retry-After": reference("headers", "RetryAfter"),
            ETag: reference("headers", "ETag"),
          },
        },
      }),
      ...Object.fromEntries(
        Object.keys(problemAnswers()).map((answer) => [
          answer === "Failure" ? "default" : answer.slice("Problem".length),
          reference("responses", answer),
        ]),
      ),
    },
  };
}

function requestBody(route: Route, components: Components): Pick<Operation, "requestBody"> {
  if (route.document) {
    const schema = { type: "string", format: "binary" };
    return { requestBody: { required: true, content: { "*/*": { schema } } } };
  }
  if (!route.request && route.method === "GET") return {};
  if (!route.request) {
    const schema = { type: "object" };
    return { requestBody: { required: false, content: { "application/json": { schema } } } };
  }
  const schema = schemaReference(route.request, components);
  return { requestBody: { required: true, content: { "application/json": { schema } } } };
}

/**
 * One answer for each status that a problem type has as its own. An RA may send a type with another status (an
 * ERR_RA_REFUSED as 404), so the status does not narrow the type.
 */
function problemAnswers(): Readonly<Record<string, Json>> {
  const statuses = [...new Set(Object.values<number>(PROBLEM_STATUS))].sort((a, b) => a - b);
  return {
    ...Object.fromEntries(
      statuses.map((status) => {
        const codes = PROBLEM_CODES.filter((code) => PROBLEM_STATUS[code] === status);
        return [`Problem${status}`, problemAnswer(codes)];
      }),
    ),
    Failure: problemAnswer([]),
  };
}

function problemAnswer(codes: readonly (typeof PROBLEM_CODES)[number][]): Json {
  return {
    description: codes.join(", ") || FAILURE,
    headers: { "Retry-After": reference("headers", "RetryAfter") },
    content: {
      [PROBLEM_MEDIA_TYPE]: {
        schema: reference("schemas", "Problem"),
        ...(codes.length > 0 && {
          examples: Object.fromEntries(
            codes.map((code) => [
              code,
              { value: { type: problemType(code), status: PROBLEM_STATUS[code] } },
            ]),
          ),
        }),
      },
    },
  };
}

/** The JSON side of every schema that a call or a statement needs, in the order of their names. */
function schemasOf(components: Components): Readonly<Record<string, Json>> {
  const { schemas } = z.toJSONSchema(components, {
    io: "input",
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ zodSchema, jsonSchema }) => {
      // What `format` and `contentEncoding` say, its long pattern need not say again.
      if (["date", "date-time"].includes(jsonSchema.format ?? "")) delete jsonSchema.pattern;
      if (jsonSchema.contentEncoding !== undefined) delete jsonSchema.format;
      if (zodSchema === (jsonObject as z.core.$ZodType)) delete jsonSchema.additionalProperties;
      if (zodSchema === (problemSchema as z.core.$ZodType)) {
        Object.assign(jsonSchema.properties ?? {}, {
          type: { enum: PROBLEM_CODES.map(problemType) },
        });
      }
    },
  });
  const all = schemas as Readonly<Record<string, Json>>;
  const roots = [
    ...Object.keys(all).filter((name) => name.endsWith("Statement")),
    ...namesIn([pathsOf(components), problemAnswers()]),
  ];
  return Object.fromEntries(
    [...reachable(all, roots)].sort().map((name) => {
      const { $schema, $id, ...schema } = all[name] ?? {};
      const description = COMPONENT_DESCRIPTIONS[name];
      return [name, { ...(description !== undefined && { description }), ...schema }];
    }),
  );
}

function reachable(all: Readonly<Record<string, Json>>, roots: readonly string[]): Set<string> {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    namesIn(all[name]).forEach(visit);
  };
  roots.forEach(visit);
  return found;
}

/** The schemas to which a value refers. */
function namesIn(value: unknown): readonly string[] {
  const text = JSON.stringify(value) ?? "";
  return [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name = ""]) => name,
  );
}

function schemaReference(schema: z.ZodType, components: Components): Json {
  const id = components.get(schema)?.id;
  if (id === undefined) throw new Error("a schema of the route table is exported by no module");
  return reference("schemas", id);
}

function reference(kind: string, name: string): Json {
  return { $ref: `#/components/${kind}/${name}` };
}

/** `bankTransferBodySchema` → `BankTransferBody`. */
function pascal(name: string): string {
  const words = name.replace(/Schema$/, "");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
