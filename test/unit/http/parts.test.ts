import { httpTransport } from "certrenew/transport/http";
import { describe, expect, it } from "vitest";
import { parseBaseUrl } from "../../../src/transport/http/endpoint.js";
import { failureOf } from "../../../src/transport/http/failures.js";
import { parseRetryAfter } from "../../../src/transport/http/retry-after.js";
import {
  canonicalJson,
  cleanJson,
  parseCanonicalJson,
  parseJsonObject,
} from "../../../src/transport/http/wire/json.js";
import {
  PROBLEM_CODES,
  problemCode,
  problemType,
} from "../../../src/transport/http/wire/problem.js";
import { ROUTE_NAMES } from "../../../src/transport/http/wire/route-names.js";
import { ROUTES, routePath } from "../../../src/transport/http/wire/routes.js";

const utf8 = (text: string) => new TextEncoder().encode(text);

describe("the base URL", () => {
  it.each([
    ["https://ra.example", "https://ra.example", "https://ra.example/v1/offers"],
    [
      "https://ra.example:8443/api/",
      "https://ra.example:8443",
      "https://ra.example:8443/api/v1/offers",
    ],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/offers"],
    ["http://127.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/offers"],
    ["http://[::1]:8080", "http://[::1]:8080", "http://[::1]:8080/v1/offers"],
  ])("takes %s", (baseUrl, origin, url) => {
    const endpoint = parseBaseUrl(baseUrl);
    expect([endpoint.origin, endpoint.url("/v1/offers")]).toEqual([origin, url]);
  });

  it.each([
    "http://ra.example",
    "http://localhost:8080",
    "http://127.0.0.1.example",
    "http://192.168.1.1",
    "ftp://127.0.0.1",
    "file:///etc/passwd",
    "https://user:secret@ra.example",
    "https://ra.example/?a=b",
    "https://ra.example/#a",
    "ra.example",
    "",
  ])("refuses %s", (baseUrl) => {
    const trustAnchors = [new Uint8Array([1])];
    expect(() => httpTransport({ baseUrl, trustAnchors })).toThrow(
      expect.objectContaining({
        code: "ERR_ARGUMENT",
        problems: [expect.objectContaining({ pointer: "/baseUrl" })],
      }),
    );
  });
});

describe("Retry-After", () => {
  const now = new Date("2026-01-05T08:00:00Z");
  it.each([
    ["120", 120_000],
    [" 0 ", 0],
    ["Mon, 05 Jan 2026 08:01:30 GMT", 90_000],
    ["Mon, 05 Jan 2026 07:00:00 GMT", 0],
    ["999999999999", 86_400_000],
    ["Sun, 05 Jan 2076 08:00:00 GMT", 86_400_000],
    ["-1", undefined],
    ["1.5", undefined],
    ["tomorrow", undefined],
    ["2026-01-05T09:00:00Z", undefined],
    ["", undefined],
    [null, undefined],
  ])("reads %s", (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });
});

describe("JSON from strangers", () => {
  it("is bounded before it is parsed", () => {
    const nested = (depth: number) => utf8(`{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`);
    expect(() => parseJsonObject(nested(23))).not.toThrow();
    expect(() => parseJsonObject(nested(24))).toThrow("nested too deeply");
    expect(() => parseJsonObject(nested(1_000_000))).toThrow("too");
    const long = utf8(`{"a":[${"1,".repeat(60_000)}1]}`);
    expect(() => parseJsonObject(long)).toThrow("too many values");
  });

  it("counts no brackets inside strings", () => {
    const text = `{"a":"${"[".repeat(100)}\\"${"{".repeat(100)}\\\\"}`;
    expect(parseJsonObject(utf8(text))["a"]).toHaveLength(202);
  });

  it.each(["", "[]", "null", "1", '{"a":1', "\u{feff}{}"])("refuses %j", (text) => {
    expect(() => parseJsonObject(utf8(text))).toThrow("JSON");
  });

  it("refuses what is not UTF-8", () => {
    expect(() => parseJsonObject(Uint8Array.of(0x7b, 0x22, 0xff, 0x22))).toThrow("UTF-8");
  });

  it("knows one way to write a value, as RFC 8785 has it", () => {
    const value = { "€": "Euro", "\r": "CR", "1": 1e21, a: [true, null, "é\u0001"], b: undefined };
    const text = Buffer.from(canonicalJson(value)).toString();
    expect(text).toBe('{"\\r":"CR","1":1e+21,"a":[true,null,"é\\u0001"],"€":"Euro"}');
    expect(() => parseCanonicalJson(utf8('{"b":1,"a":1}'))).toThrow("canonical");
    expect(() => parseCanonicalJson(utf8('{"a":1,"a":2}'))).toThrow("canonical");
  });

  it("loses what could rewrite a terminal, and nothing else", () => {
    const dirty = {
      text: "a\u001b[2Jb\u202ec\r\u0085",
      lines: ["x\r\ny\tz\n", "协议"],
      n: 1,
      z: null,
    };
    const clean = { text: "a[2Jbc", lines: ["x\r\ny\tz\n", "协议"], n: 1, z: null };
    expect(cleanJson(dirty)).toEqual(clean);
    expect(() => cleanJson({ "a\u0000": 1 })).toThrow("member name");
    expect(() => cleanJson(JSON.parse('{"__proto__":{}}'))).toThrow("member name");
  });
});

describe("the wire's tables", () => {
  it("escapes what it puts into a path", () => {
    expect(routePath("recoverExchange", { renewalId: "a", idempotencyKey: "../x?y" })).toBe(
      "/v1/renewals/a/exchanges/..%2Fx%3Fy",
    );
    expect(() => routePath("readProgress")).toThrow("renewalId");
  });

  it("has a body on every writing call, and a secret on every call about a renewal", () => {
    for (const name of ROUTE_NAMES) {
      const route = ROUTES[name];
      // A nonce is asked for without saying anything.
      const speaks = route.method === "POST" && name !== "requestNonce";
      expect([name, "request" in route]).toEqual([name, speaks]);
      expect([name, route.bearer]).toEqual([name, route.path.includes(":renewalId")]);
    }
  });

  it("gives each code of the catalogue that an RA may name one type", () => {
    expect(problemType("ERR_OFFER_STALE")).toBe("urn:certrenew:problem:offer-stale");
    for (const code of PROBLEM_CODES) expect(problemCode(problemType(code))).toBe(code);
    expect(problemCode("urn:certrenew:problem:pin-locked")).toBeUndefined();
  });
});

describe("what a status means", () => {
  const type = problemType;
  it.each([
    ["submitApplication", 400, undefined, "ERR_RA_REFUSED"],
    ["submitApplication", 409, undefined, "ERR_APPLICATION_OPEN"],
    ["confirm", 409, undefined, "ERR_RA_BUSY"],
    ["readProgress", 409, undefined, "ERR_RA_REFUSED"],
    ["submitApplication", 410, undefined, "ERR_OFFER_STALE"],
    ["submitApplication", 422, type("ERR_FORM_INVALID"), "ERR_FORM_INVALID"],
    ["submitApplication", 422, "urn:certrenew:problem:pin-locked", "ERR_RA_REFUSED"],
    ["submitApplication", 429, undefined, "ERR_RA_BUSY"],
    ["submitApplication", 503, type("ERR_RA_BUSY"), "ERR_RA_BUSY"],
    // Nobody said that the RA itself had not begun.
    ["submitApplication", 503, undefined, "ERR_RA_UNREACHABLE"],
    ["submitApplication", 500, type("ERR_RA_REFUSED"), "ERR_RA_UNREACHABLE"],
    ["submitApplication", 502, undefined, "ERR_RA_UNREACHABLE"],
    ["submitApplication", 408, undefined, "ERR_RA_UNREACHABLE"],
    ["submitApplication", 302, undefined, "ERR_RA_UNREACHABLE"],
    ["readProgress", 500, undefined, "ERR_RA_BUSY"],
    ["readProgress", 503, undefined, "ERR_RA_BUSY"],
    ["readProgress", 404, undefined, "ERR_RA_REFUSED"],
    ["readProgress", 302, undefined, "ERR_RA_RESPONSE"],
  ] as const)("%s answered with %i %s is %s", (route, status, problem, code) => {
    const failed = {
      status,
      problem: problem === undefined ? undefined : { type: problem },
      retryAfterMs: undefined,
    };
    expect(failureOf(route, failed).code).toBe(code);
  });
});
