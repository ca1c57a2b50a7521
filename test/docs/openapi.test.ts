import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Validator } from "jsonschema";
import { afterEach, describe, expect, test } from "vitest";
import type { Signer } from "../../src/core/ports/transport.js";
import { createSandbox } from "../../src/sandbox/index.js";
import { httpTransport } from "../../src/transport/http/index.js";
import { PROBLEM_STATUS, problemType } from "../../src/transport/http/wire/problem.js";
import { ROUTES, type Route } from "../../src/transport/http/wire/routes.js";
import { apply, business, newApplicant, pay, TRANSFER, withRemote } from "../support/applicant.js";
import { root } from "../support/run.js";
import { type Json, type Operation, openApiDocument } from "./openapi-document.js";

/**
 * docs/openapi.json is made from the route table and the schemas. When it is out of step:
 * `npm test -- test/docs/openapi.test.ts -u`.
 */
const document = openApiDocument();
const routes = Object.entries<Route>(ROUTES);

test("docs/openapi.json says what the schemas say", async () => {
  const text = `${JSON.stringify(document, undefined, 2)}\n`;
  await expect(text).toMatchFileSnapshot(join(root, "docs", "openapi.json"));
});

describe("the document", () => {
  test("has every call once, and no other", () => {
    const described = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, { operationId, summary }]) => ({
        call: `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`,
        operationId,
        summary,
      })),
    );
    const expected = routes.map(([operationId, { method, path, summary }]) => ({
      call: `${method} ${path}`,
      operationId,
      summary,
    }));
    expect(described.sort(byCall)).toEqual(expected.sort(byCall));
  });

  test.each(routes)("%s: parameters, authorisation, headers and answers", (name, route) => {
    const operation = operationOf(name);
    const parameters = operation.parameters.map((each) => resolved(each));
    const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, parameter]) => parameter);
    expect(parameters.filter((each) => each["in"] === "path")).toEqual(
      inPath.map((parameter) =>
        expect.objectContaining({ name: parameter, required: true, schema: expect.anything() }),
      ),
    );
    const headers = parameters
      .filter((each) => each["in"] === "header")
      .map((each) => each["name"]);
    expect(headers.includes("Idempotency-Key")).toBe(route.writes);
    expect(operation.security).toEqual(route.bearer ? [{ followSecret: [] }] : []);
    expect(operation.requestBody !== undefined).toBe(route.method !== "GET");
    expect(operation.responses).toHaveProperty([String(route.status), "headers", "Retry-After"]);
    for (const [code, status] of Object.entries(PROBLEM_STATUS)) {
      const answer = resolved(operation.responses[status] ?? {});
      const type = problemType(code as keyof typeof PROBLEM_STATUS);
      const example = ["content", "application/problem+json", "examples", code, "value", "type"];
      expect(answer).toHaveProperty(example, type);
    }
  });

  test("asks for the progress by If-None-Match, and answers with an ETag", () => {
    const { parameters, responses } = operationOf("readProgress");
    expect(parameters.map((each) => resolved(each)["name"])).toContain("If-None-Match");
    expect(responses).toHaveProperty(["200", "headers", "ETag"]);
    expect(responses).toHaveProperty(["304", "headers", "ETag"]);
    expect(responses["304"]).not.toHaveProperty("content");
  });

  test("declares the follow secret as a bearer token", () => {
    const { securitySchemes } = document.components;
    expect(securitySchemes?.["followSecret"]).toMatchObject({ type: "http", scheme: "bearer" });
  });

  test("refers to nothing that it does not have", () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g);
    const dead = [...references].filter(([, target = ""]) => !targetOf(target));
    expect(dead.map(([, target]) => target)).toEqual([]);
  });

  test("is shipped where package.json says", () => {
    const { exports, files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(exports["./openapi.json"]).toBe("./docs/openapi.json");
    expect(files).toContain("docs/openapi.json");
  });
});

describe("what client and sandbox say to each other", () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function talk() {
    const sandbox = await createSandbox({
      policy: { bookingDelayMs: 0, reviewDelayMs: null, attachments: [WANTED] },
    });
    closing.push(() => sandbox.close());
    const said: Said[] = [];
    const { baseUrl, trustAnchors } = sandbox;
    const fetch = recording(baseUrl, said);
    return { said, sandbox, transport: httpTransport({ baseUrl, trustAnchors, fetch }) };
  }

  test("a whole renewal is as the document says", async () => {
    const { said, sandbox, transport } = await talk();
    const applied = await apply(transport, await newApplicant(sandbox));
    await transport.recover(applied.exchange, applied.reference);
    await pay(transport, applied.reference);
    await transport.progress(applied.reference);
    await transport.progress(applied.reference);
    await sandbox.admin.approve({ renewalId: applied.reference.renewalId });
    const approved = await transport.progress(applied.reference);
    const reference = withRemote(applied.reference, approved);
    const { certificate } = await transport.collect(reference);
    const signer: Signer = { ...applied.requested, certificate };
    const installed = { idempotencyKey: "k", reference, certificate, installedAt: new Date() };
    await transport.send(await transport.prepareConfirmation(installed, signer), reference);

    expect(said.map(({ status }) => status)).toEqual([200, 201, 200, 201, 200, 304, 200, 200, 201]);
    expect(said.flatMap(departures)).toEqual([]);
    expect(said.some(({ answered }) => answered.has("retry-after"))).toBe(true);
  });

  test("documents, an online payment and a look-up are as the document says", async () => {
    const { said, sandbox, transport } = await talk();
    const applicant = await newApplicant(sandbox);
    const { upload, prepareOnlinePayment, lookUp } = transport.business;
    if (!upload || !prepareOnlinePayment || !lookUp) throw new Error("the transport lacks a call");
    const applied = await apply(transport, applicant);
    const content = new TextEncoder().encode("%PDF-1.7");
    const sha256 = createHash("sha256").update(content).digest("hex");
    const document = { purpose: "licence", mediaType: "application/pdf", size: 8, sha256, content };
    await upload(applied.reference, document);
    const { recipient, invoiceType } = TRANSFER;
    const [method] = applied.reply.progress.order?.paymentMethods ?? [];
    const payment = { recipient, invoiceType, instructionId: "p", method: method?.id ?? "" };
    const exchange = await prepareOnlinePayment(applied.reference, {
      ...payment,
      idempotencyKey: "p",
    });
    await transport.send(exchange, applied.reference);
    const { key, certificate } = applicant;
    const asked = { certificate, followSecret: "a-further-follow-secret-of-43-characters-xx" };
    expect(await lookUp(asked, { ...key, certificate })).toHaveLength(1);

    expect(said.map(({ status }) => status)).toEqual([200, 201, 200, 201, 201, 200]);
    expect(said.flatMap(departures)).toEqual([]);
  });

  test("a cancellation and refusals are as the document says", async () => {
    const { said, sandbox, transport } = await talk();
    const applicant = await newApplicant(sandbox);
    const { reference } = await apply(transport, applicant);
    const stranger = { ...reference, followSecret: "somebody-elses-follow-secret" };
    await expect(transport.progress(stranger)).rejects.toThrow();
    await expect(apply(transport, applicant)).rejects.toThrow();
    const signer: Signer = { ...applicant.key, certificate: applicant.certificate };
    const cancellation = await business(transport).prepareCancellation(reference, signer);
    await transport.send(cancellation, reference);

    expect(said.map(({ status }) => status)).toEqual([200, 201, 401, 200, 409, 201]);
    expect(said.flatMap(departures)).toEqual([]);
  });
});

const WANTED = {
  purpose: "licence",
  title: "营业执照",
  required: false,
  mediaTypes: ["application/pdf"],
  maxBytes: 1000,
};

/** One call as it went over the wire. */
interface Said {
  readonly method: string;
  readonly path: string;
  readonly asked: Headers;
  readonly request: unknown;
  readonly status: number;
  readonly answered: Headers;
  readonly answer: unknown;
}

function recording(baseUrl: string, said: Said[]) {
  return async (url: string, init: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    const text = await response.clone().text();
    said.push({
      method: init.method?.toLowerCase() ?? "",
      path: url.slice(baseUrl.length),
      asked: new Headers(init.headers),
      request: typeof init.body === "string" ? JSON.parse(init.body) : undefined,
      status: response.status,
      answered: response.headers,
      answer: text === "" ? undefined : JSON.parse(text),
    });
    return response;
  };
}

/** Where a call is not as the document says. */
function departures(call: Said): readonly string[] {
  const [template, item] =
    Object.entries(document.paths).find(
      ([path, methods]) =>
        call.method in methods &&
        new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`).test(call.path),
    ) ?? [];
  const operation = item?.[call.method];
  if (!operation) return [`${call.method} ${call.path} is not described`];
  const { parameters, security, requestBody, responses } = operation;
  const answer = resolved(responses[call.status] ?? responses["default"] ?? {});
  const mediaType = call.answered.get("content-type") ?? undefined;
  const contents = (answer["content"] ?? {}) as NonNullable<Operation["requestBody"]>["content"];
  const missing = parameters
    .map((each) => resolved(each))
    .filter((each) => each["in"] === "header" && each["required"] === true)
    .filter((each) => !call.asked.has(String(each["name"])));
  return [
    ...missing.map((each) => `${String(each["name"])} is missing`),
    ...(security.length > 0 === call.asked.has("authorization") ? [] : ["authorisation"]),
    ...invalid(requestBody?.content["application/json"]?.schema, call.request),
    ...invalid(mediaType === undefined ? undefined : contents[mediaType]?.schema, call.answer),
  ].map((problem) => `${call.method} ${template} ${call.status}: ${problem}`);
}

/** Without a schema there must be nothing. */
function invalid(schema: Json | undefined, value: unknown): readonly string[] {
  if (!schema) return value === undefined ? [] : ["content that is not described"];
  const { components } = document;
  return new Validator()
    .validate(value, { allOf: [schema], components } as object)
    .errors.map(String);
}

function operationOf(name: string): Operation {
  const all = Object.values(document.paths).flatMap((item) => Object.values(item));
  const operation = all.find(({ operationId }) => operationId === name);
  if (!operation) throw new Error(`${name} is not described`);
  return operation;
}

/** What a reference leads to; anything else is itself. */
function resolved(value: Json): Json {
  const { $ref } = value;
  if (typeof $ref !== "string") return value;
  const target = targetOf($ref);
  if (!target) throw new Error(`${$ref} leads nowhere`);
  return target;
}

function targetOf(reference: string): Json | undefined {
  const [hash, components, kind = "", name = ""] = reference.split("/");
  if (hash !== "#" || components !== "components") return undefined;
  return document.components[kind]?.[name];
}

function byCall(left: { readonly call: string }, right: { readonly call: string }): number {
  return left.call < right.call ? -1 : 1;
}
