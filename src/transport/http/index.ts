import { randomBytes } from "node:crypto";
import { type Clock, systemClock } from "../../core/clock.js";
import { RenewalError } from "../../core/errors.js";
import { sha256Hex } from "../../core/pki/certificate.js";
import type {
  BusinessFacet,
  Exchange,
  Recovery,
  Reference,
  Reply,
  Transport,
  TransportCallOptions,
} from "../../core/ports/transport.js";
import { type DocumentRules, openOffer, openReceipt } from "./documents.js";
import { parseBaseUrl } from "./endpoint.js";
import {
  assertOrigin,
  makeApplication,
  makeBankTransfer,
  makeCancellation,
  makeCertificationRequest,
  makeConfirmation,
  makeOnlinePayment,
  readExchange,
} from "./exchanges.js";
import { responseFailure, unusableAnswer } from "./failures.js";
import type { Fetch } from "./fetch.js";
import { createHttpClient, type HttpCall } from "./http-client.js";
import { makeLookUp, readFound } from "./look-up.js";
import { createProgressCache } from "./progress-cache.js";
import { offerRequestSchema, type ProgressAnswer, type ReceivedAnswer } from "./wire/messages.js";
import { encodeJson } from "./wire/statements.js";

export type { Fetch, FetchInit, FetchResponse } from "./fetch.js";

/** What {@link httpTransport} takes. Only `baseUrl` is required. */
export interface HttpTransportOptions {
  /** `https://ra.example/api`; plain `http` only to a literal loopback address (127.0.0.0/8, `[::1]`). */
  readonly baseUrl: string;
  /** DER of the roots that vouch for what the RA signs, where they are not those of the client. */
  readonly trustAnchors?: readonly Uint8Array[] | undefined;
  /** Default: `globalThis.fetch`. Bring your own for a proxy or client certificates. */
  readonly fetch?: Fetch | undefined;
  readonly clock?: Pick<Clock, "now"> | undefined;
  /** For one call, its body included. Default: 30 000. */
  readonly timeoutMs?: number | undefined;
  /** Default: 2 MiB. */
  readonly maxResponseBytes?: number | undefined;
  /** `optional` takes offers and receipts that the RA did not sign; forged signatures are refused all the same. */
  readonly signedDocuments?: "required" | "optional" | undefined;
}

/** A transport to an RA that has a business side. */
export interface HttpTransport extends Transport {
  readonly business: Required<BusinessFacet>;
}

/**
 * The REST interface of an RA with a business side: signed offers and receipts, applications as CMS SignedData (RFC 5652)
 * over canonical JSON (RFC 8785), problem details (RFC 9457), ETag and Retry-After (RFC 9110).
 *
 * Every writing call carries an `Idempotency-Key`; sending an exchange twice is one exchange for the RA. The follow
 * secret travels in the `Authorization` header only. No redirect is followed, and no URL that the RA sends is fetched.
 *
 * @throws ERR_ARGUMENT when an option is not valid
 * @example
 * createRenewalClient({ transport: httpTransport({ baseUrl: "https://ra.example" }), … });
 */
export function httpTransport(options: HttpTransportOptions): HttpTransport {
  const { clock = systemClock, signedDocuments = "required" } = options;
  const endpoint = parseBaseUrl(options.baseUrl);
  if (options.trustAnchors?.length === 0) {
    throw new RenewalError("ERR_ARGUMENT", {
      problems: [
        { pointer: "/trustAnchors", message: "must hold at least one, where it is given" },
      ],
    });
  }
  const client = createHttpClient({
    endpoint,
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    clock,
    timeoutMs: options.timeoutMs ?? 30_000,
    maxResponseBytes: options.maxResponseBytes ?? 2 * 1024 * 1024,
  });
  const required = signedDocuments === "required";
  const rulesFor = (call: TransportCallOptions): DocumentRules => {
    const trustAnchors = options.trustAnchors ?? call.trustAnchors ?? [];
    return { endpoint, trustAnchors, required, clock };
  };
  const exchanges = { endpoint, clock, signedDocuments: required };
  const cache = createProgressCache();

  const follow = (reference: Reference, call: HttpCall) => {
    assertOrigin(exchanges, reference.offer.origin);
    const parameters = { ...call.parameters, renewalId: reference.renewalId };
    return { ...call, bearer: reference.followSecret, parameters };
  };

  return {
    name: "http",
    traits: { polling: "free", collectStartsClock: false, duplicateSafety: "exact" },

    prepare: (application, signers) => makeApplication(exchanges, application, signers),

    async send(exchange, reference, call = {}) {
      const { signal } = call;
      const { route, body } = readExchange(exchange);
      const { idempotencyKey } = exchange;
      const request = follow(reference, { body, idempotencyKey, signal });
      const { content, retryAfterMs } = await client.call(route, request);
      if (!content) throw unusableAnswer(route, responseFailure("an answer without content"));
      try {
        return receivedReply(
          content,
          receiptOf(content, exchange, reference, rulesFor(call)),
          retryAfterMs,
        );
      } catch (error) {
        throw error instanceof RenewalError ? unusableAnswer(route, error) : error;
      }
    },

    async recover(exchange, reference, call = {}): Promise<Recovery> {
      const { signal } = call;
      const parameters = { idempotencyKey: exchange.idempotencyKey };
      const request = follow(reference, { parameters, signal });
      const { content, retryAfterMs } = await client.call("recoverExchange", request);
      if (!content) throw responseFailure("an answer without content");
      if (content.outcome === "not-received") return { outcome: "not-received" };
      if (content.exchangeSha256 !== exchangeHash(exchange)) {
        throw responseFailure("the RA has another message under this key");
      }
      const receipt = receiptOf(content.answer, exchange, reference, rulesFor(call));
      return { outcome: "done", reply: receivedReply(content.answer, receipt, retryAfterMs) };
    },

    async progress(reference, { signal } = {}) {
      const known = cache.get(reference.renewalId);
      const call = follow(reference, { signal });
      const answer = await client.call("readProgress", { ...call, ifNoneMatch: known?.etag });
      const content = answer.content ?? known?.answer;
      if (!content) throw responseFailure("an answer without content");
      if (answer.content && answer.etag) {
        cache.set(reference.renewalId, { etag: answer.etag, answer: answer.content });
      }
      return receivedReply(content, undefined, answer.retryAfterMs);
    },

    async collect(reference, { signal } = {}) {
      const call = follow(reference, { signal });
      const { content } = await client.call("collect", call);
      if (!content) throw responseFailure("an answer without content");
      return content;
    },

    prepareConfirmation: (content, signer) => makeConfirmation(exchanges, content, signer),

    business: {
      async offer(certificate, call = {}) {
        const { signal, encryption } = call;
        const nonce = randomBytes(24).toString("base64url");
        const asking = { certificate, encryptionCertificate: encryption, nonce };
        const body = JSON.stringify(encodeJson(offerRequestSchema, asking));
        const { content } = await client.call("requestOffer", { body, signal });
        if (!content) throw responseFailure("an answer without content");
        const asked = { nonce, certificateSha256: sha256Hex(certificate) };
        return openOffer(content.offer, asked, rulesFor(call));
      },
      async prepareBankTransfer(reference, content) {
        assertOrigin(exchanges, reference.offer.origin);
        return makeBankTransfer(exchanges, content);
      },
      async prepareOnlinePayment(reference, content) {
        assertOrigin(exchanges, reference.offer.origin);
        return makeOnlinePayment(exchanges, content);
      },
      prepareCancellation: (reference, signer) => makeCancellation(exchanges, reference, signer),
      prepareCertificationRequest: (content, signer) =>
        makeCertificationRequest(exchanges, content, signer),
      async upload(reference, { content: body, mediaType, sha256, size }, { signal } = {}) {
        const parameters = { sha256 };
        const call = follow(reference, { body, contentType: mediaType, parameters, signal });
        const { content } = await client.call("uploadAttachment", call);
        if (content?.sha256 === sha256 && content.size === size) return;
        throw responseFailure("the RA has another document than the one that was sent");
      },
      async lookUp(content, signer, call = {}) {
        const { signal } = call;
        const { content: answer } = await client.call("requestNonce", { signal });
        if (!answer) throw responseFailure("an answer without content");
        const body = await makeLookUp(exchanges, content, signer, answer.nonce);
        const found = await client.call("lookUp", { body, signal });
        if (!found.content) throw responseFailure("an answer without content");
        return readFound(found.content, content.certificate, rulesFor(call));
      },
    },
  };

  function receiptOf(
    { receipt }: ReceivedAnswer,
    exchange: Exchange,
    { renewalId }: Reference,
    rules: DocumentRules,
  ): Uint8Array | undefined {
    const { idempotencyKey } = exchange;
    const exchangeSha256 = exchangeHash(exchange);
    return openReceipt(receipt, { renewalId, idempotencyKey, exchangeSha256 }, rules);
  }
}

function exchangeHash(exchange: Exchange): string {
  return sha256Hex(new TextEncoder().encode(readExchange(exchange).body));
}

function receivedReply(
  { progress, nonce }: ProgressAnswer,
  receipt: Uint8Array | undefined,
  retryAfterMs: number | undefined,
): Reply {
  return { progress, remote: { nonce }, receipt, retryAfterMs };
}
