import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type HttpTransportOptions, httpTransport } from "certrenew/transport/http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/core/domain/scalars.js";
import { sha256Hex } from "../../../src/core/pki/certificate.js";
import { signData } from "../../../src/core/pki/signed-data.js";
import { softwareSigner } from "../../../src/core/pki/software-signer.js";
import type { Reference, Transport } from "../../../src/core/ports/transport.js";
import { openAuthority, SUBSCRIBER_EXTENSIONS } from "../../../src/sandbox/authority.js";
import { memoryFiles } from "../../../src/sandbox/files.js";
import { encodeName } from "../../../src/sandbox/name.js";
import { canonicalJson } from "../../../src/transport/http/wire/json.js";
import { business, pay } from "../../support/applicant.js";
import { softwareKey } from "../../support/certificates.js";

const DAY_MS = 86_400_000;
const CERTIFICATE = new Uint8Array([1, 2, 3]);
const AGREEMENT = "协议";
const authority = openAuthority(memoryFiles(), new Date());

let server: Server;
let origin: string;
let answer: RequestListener;
let seen: { url: string; headers: Record<string, unknown> }[];

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    seen.push({ url: request.url ?? "", headers: request.headers });
    request.resume();
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const transport = (options: Partial<HttpTransportOptions> = {}): Transport =>
  httpTransport({ baseUrl: origin, trustAnchors: [authority.root], ...options });

const reference = (): Reference => ({
  renewalId: "renewal-1",
  followSecret: "a-follow-secret-of-256-bits",
  certificateSha256: sha256Hex(CERTIFICATE),
  offer: { id: "offer-1", origin },
  remote: { nonce: "nonce-of-the-ra-1234" },
});

const json =
  (content: unknown, headers: Record<string, string> = {}): RequestListener =>
  (_, response) => {
    response.writeHead(200, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(content));
  };

const progress = {
  application: { status: "received", revision: 1, reasons: [] },
  issuance: { status: "none" },
};
const progressAnswer = { progress, nonce: "nonce-of-the-ra-1234" };

const silence: RequestListener = () => {};

describe("an RA that answers what it should not", () => {
  const answers: readonly [string, RequestListener, string, string][] = [
    [
      "a redirect",
      (_, response) => response.writeHead(302, { location: `${origin}/elsewhere` }).end(),
      "ERR_RA_UNREACHABLE",
      "redirect",
    ],
    [
      "a body without an end",
      (_, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const fill = (): void => {
          if (!response.destroyed) response.write(`"${"x".repeat(65_536)}"`, () => fill());
        };
        fill();
      },
      "ERR_RA_RESPONSE",
      "more than 1024 bytes",
    ],
    [
      "deeply nested JSON",
      (_, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(`{"a":${"[".repeat(400)}${"]".repeat(400)}}`);
      },
      "ERR_RA_RESPONSE",
      "nested too deeply",
    ],
    [
      "a web page",
      (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
      "ERR_RA_RESPONSE",
      "not application/json",
    ],
    ["another shape", json({ progress: {} }), "ERR_RA_RESPONSE", "/progress/application"],
    [
      "304 to a question without a condition",
      (_, response) => response.writeHead(304).end(),
      "ERR_RA_RESPONSE",
      "304",
    ],
    ["silence", silence, "ERR_RA_UNREACHABLE", "no answer in time"],
  ];

  it.each(answers)("is not followed into %s", async (_, listener, code, reason) => {
    answer = listener;
    const failing = transport({
      maxResponseBytes: 1024,
      timeoutMs: listener === silence ? 100 : 10_000,
    }).progress(reference());
    const error = await failing.catch((problem: unknown) => problem);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(reason);
    expect(seen.map(({ url }) => url)).toEqual(["/v1/renewals/renewal-1"]);
  });

  it.each(answers)("leaves a writing call open after %s", async (_, listener) => {
    answer = listener;
    await expect(
      pay(
        transport({ maxResponseBytes: 1024, timeoutMs: listener === silence ? 100 : 10_000 }),
        reference(),
      ),
    ).rejects.toMatchObject({ code: "ERR_RA_UNREACHABLE" });
  });

  it("cannot name errors that are none of its business, nor rewrite a terminal", async () => {
    const problem = {
      type: "urn:certrenew:problem:pin-locked",
      detail: "\u001b[2JYour PIN is locked",
      errors: [{ pointer: "/a", detail: "b\u202e" }],
    };
    answer = (_, response) => {
      response.writeHead(403, { "content-type": "application/problem+json" });
      response.end(JSON.stringify(problem));
    };
    await expect(transport().progress(reference())).rejects.toMatchObject({
      code: "ERR_RA_REFUSED",
      details: { status: 403, reason: "[2JYour PIN is locked" },
      problems: [{ pointer: "/a", message: "b" }],
    });
  });
});

describe("the follow secret", () => {
  it("travels in the Authorization header and nowhere else", async () => {
    answer = json(progressAnswer);
    await transport().progress(reference());
    const [{ url, headers } = { url: "", headers: {} }] = seen;
    expect(headers["authorization"]).toBe("Bearer a-follow-secret-of-256-bits");
    expect(JSON.stringify([url, { ...headers, authorization: "" }])).not.toContain("follow-secret");
  });

  it("is not given to another RA", async () => {
    answer = json(progressAnswer);
    const elsewhere = { ...reference(), offer: { id: "offer-1", origin: "https://ra.example" } };
    await expect(transport().progress(elsewhere)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
    await expect(pay(transport(), elsewhere)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
    expect(seen).toEqual([]);
  });
});

describe("polling", () => {
  it("asks whether something changed, and takes the RA's word for the pause", async () => {
    answer = json(progressAnswer, { etag: '"one"', "retry-after": "5" });
    const asking = transport();
    const first = await asking.progress(reference());
    expect(first).toMatchObject({ retryAfterMs: 5000, remote: { nonce: "nonce-of-the-ra-1234" } });
    answer = (request, response) => {
      expect(request.headers["if-none-match"]).toBe('"one"');
      response.writeHead(304, { "retry-after": "60" }).end();
    };
    const second = await asking.progress(reference());
    expect(second).toEqual({ ...first, retryAfterMs: 60_000 });
  });

  it("stops when it is told to", async () => {
    const controller = new AbortController();
    answer = () => controller.abort(new Error("enough"));
    const asking = transport().progress(reference(), { signal: controller.signal });
    await expect(asking).rejects.toMatchObject({ code: "ERR_ABORTED" });
    await expect(
      transport().progress(reference(), { signal: controller.signal }),
    ).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(seen).toHaveLength(1);
  });
});

describe("the RA's offer", () => {
  const day = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();
  const cny = (amount: number) => ({ amount, currency: "CNY" });
  const offerJson = (changes: JsonObject = {}): JsonObject => ({
    id: "offer-1",
    issuer: "RA\u001b[1m",
    origin,
    createdAt: day(0),
    expiresAt: day(1),
    certificateSha256: sha256Hex(CERTIFICATE),
    nonce: "nonce-of-the-ra-1234",
    agreement: {
      version: "1",
      title: "协议",
      text: AGREEMENT,
      sha256: sha256Hex(new TextEncoder().encode(AGREEMENT)),
    },
    terms: {
      years: [{ years: 2, lines: [], total: cny(20_000), notAfter: day(760) }],
      notAfterRule: { basis: "previous-not-after", toleranceSeconds: 0 },
      window: { opensAt: day(-60), closesAt: day(30) },
      keyModes: ["re-key"],
      keyAlgorithms: ["ec-p256"],
      previous: "keep",
      requestAt: "application",
      payment: "before-review",
    },
    form: { schema: { type: "object" }, values: {}, notes: [] },
    guards: [],
    support: {},
    ...changes,
  });
  const statement = (requestNonce: string, offer = offerJson()) =>
    canonicalJson({ purpose: "urn:certrenew:statement:offer:1", requestNonce, offer });
  const sign = (content: Uint8Array, signer = authority.raSigner) =>
    signData({ content, signer, signingTime: new Date(), certificates: [authority.issuing] });
  const base64 = (octets: Uint8Array) => Buffer.from(octets).toString("base64");

  /** Answers each request with what is made for its nonce. */
  const respond = (make: (nonce: string) => Promise<JsonObject>): RequestListener => {
    return (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", async () => {
        const { nonce } = JSON.parse(Buffer.concat(chunks).toString());
        json({ offer: await make(nonce) })(request, response);
      });
    };
  };
  const signed = async (content: Uint8Array, signer?: typeof authority.raSigner) => ({
    signed: base64(await sign(content, signer)),
  });
  const stranger = openAuthority(memoryFiles(), new Date());
  const subscriber = (() => {
    const key = softwareKey();
    const certificate = authority.issue({
      spki: key.spki,
      subjectDer: encodeName({ commonName: "Sample Subscriber" }),
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + DAY_MS),
      extensions: SUBSCRIBER_EXTENSIONS,
    });
    return { ...softwareSigner(key.privateKey), certificate };
  })();

  it("is taken from what was signed, without control characters", async () => {
    answer = respond((nonce) => signed(statement(nonce)));
    const { offer, document } = await business(transport()).offer(CERTIFICATE);
    expect(offer.issuer).toBe("RA[1m");
    expect(offer.terms.window.closesAt).toBeInstanceOf(Date);
    expect(document?.length).toBeGreaterThan(500);
  });

  it.each<[string, (nonce: string) => Promise<JsonObject>, string, string]>([
    [
      "is not signed",
      async (nonce) => ({ unsigned: base64(statement(nonce)) }),
      "ERR_RA_UNTRUSTED",
      "not signed",
    ],
    [
      "was changed after it was signed",
      async (nonce) => {
        const octets = await sign(statement(nonce));
        const at = Buffer.from(octets).indexOf("offer-1");
        octets[at] = 0x4f;
        return { signed: base64(octets) };
      },
      "ERR_RA_UNTRUSTED",
      "not what was signed",
    ],
    [
      "is signed by a subscriber of the same CA",
      (nonce) => signed(statement(nonce), subscriber),
      "ERR_RA_UNTRUSTED",
      "1.3.6.1.5.5.7.3.28",
    ],
    [
      "is signed by the RA of another CA",
      (nonce) => signed(statement(nonce), stranger.raSigner),
      "ERR_RA_UNTRUSTED",
      "",
    ],
    ["is no CMS", async () => ({ signed: base64(new Uint8Array(64)) }), "ERR_RA_UNTRUSTED", ""],
    [
      "answers another request",
      () => signed(statement("another-nonce-0000")),
      "ERR_RA_RESPONSE",
      "another request",
    ],
    [
      "is for another certificate",
      (nonce) => signed(statement(nonce, offerJson({ certificateSha256: "0".repeat(64) }))),
      "ERR_RA_RESPONSE",
      "another certificate",
    ],
    [
      "is of another origin",
      (nonce) => signed(statement(nonce, offerJson({ origin: "https://ra.example" }))),
      "ERR_RA_RESPONSE",
      "another origin",
    ],
    [
      "has an agreement with another hash",
      (nonce) =>
        signed(
          statement(
            nonce,
            offerJson({
              agreement: { version: "1", title: "", text: "a", sha256: "0".repeat(64) },
            }),
          ),
        ),
      "ERR_RA_RESPONSE",
      "agreement",
    ],
    [
      "is another statement of the RA",
      (nonce) => signed(canonicalJson({ purpose: "urn:certrenew:statement:receipt:1", nonce })),
      "ERR_RA_RESPONSE",
      "",
    ],
    [
      "gives a member twice",
      (nonce) =>
        signed(
          new TextEncoder().encode(
            Buffer.from(statement(nonce))
              .toString()
              .replace('"guards":[]', '"guards":[],"guards":[]'),
          ),
        ),
      "ERR_RA_RESPONSE",
      "canonical",
    ],
  ])("is refused when it %s", async (_, make, code, reason) => {
    answer = respond(make);
    const error = await business(transport())
      .offer(CERTIFICATE)
      .catch((problem: unknown) => problem);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(reason);
  });

  it("is trusted by nobody without trust anchors, and by those of the call", async () => {
    answer = respond((nonce) => signed(statement(nonce)));
    const { offer } = business(httpTransport({ baseUrl: origin }));
    await expect(offer(CERTIFICATE)).rejects.toMatchObject({ code: "ERR_RA_UNTRUSTED" });
    const trusting = await offer(CERTIFICATE, { trustAnchors: [authority.root] });
    expect(trusting.offer.id).toBe("offer-1");
  });

  it("may be unsigned where the caller says so, and forged nowhere", async () => {
    const lenient = business(transport({ signedDocuments: "optional" }));
    answer = respond(async (nonce) => ({ unsigned: base64(statement(nonce)) }));
    const unsigned = await lenient.offer(CERTIFICATE);
    expect(unsigned.offer.id).toBe("offer-1");
    expect(unsigned.document).toBeUndefined();
    answer = respond((nonce) => signed(statement(nonce), subscriber));
    await expect(lenient.offer(CERTIFICATE)).rejects.toMatchObject({ code: "ERR_RA_UNTRUSTED" });
  });
});
