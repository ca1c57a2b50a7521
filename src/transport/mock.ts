import { type Clock, systemClock } from "../core/clock.js";
import type { Order } from "../core/domain/order.js";
import type { BusinessFacet, Transport, TransportTraits } from "../core/ports/transport.js";
import {
  type ExchangeContext,
  makeApplication,
  makeBankTransfer,
  makeCancellation,
  makeConfirmation,
} from "./http/exchanges.js";
import { type IssueOptions, mockAuthority } from "./mock/authority.js";
import type { MockDesk } from "./mock/desk.js";
import { lineTo, type TransportCall, type TransportFault } from "./mock/faults.js";
import type { OfferChanges } from "./mock/offers.js";
import { registrationAuthority } from "./mock/registration-authority.js";

export type { IssuanceFlaw, IssueOptions } from "./mock/authority.js";
export type { AppliedFor, MockDesk } from "./mock/desk.js";
export type { MockTransportMethod, TransportCall, TransportFault } from "./mock/faults.js";
export type { OfferChanges } from "./mock/offers.js";

export interface MockTransportOptions {
  /** Default `https://ra.mock.example`. Nothing is ever sent there. */
  readonly origin?: string | undefined;
  /** The RA's clock too. */
  readonly clock?: Clock | undefined;
  readonly traits?: Partial<TransportTraits> | undefined;
  readonly offer?: OfferChanges | undefined;
  /** Whether announced transfers are found at once, or when `desk.book` says so. Default `automatic`. */
  readonly bank?: "automatic" | "manual" | undefined;
  /** Whether applications are approved at once, or when `desk.approve` says so. Default `automatic`. */
  readonly review?: "automatic" | "manual" | undefined;
  /** What is not confirmed by then is revoked. Default: for ever. */
  readonly confirmWithinMs?: number | undefined;
  /** What the RA answers as the time to ask again. */
  readonly retryAfterMs?: number | undefined;
  /** 发票类型. Default: 普通定额发票 alone. */
  readonly invoiceTypes?: Order["invoiceTypes"] | undefined;
  readonly faults?: readonly TransportFault[] | undefined;
}

export interface MockTransport extends Transport {
  readonly business: BusinessFacet;
  /** The root of the CA behind the RA, DER. */
  readonly trustAnchors: readonly Uint8Array[];
  /** A certificate of that CA, DER, such as a token holds before its renewal; by default it ends in 30 days. */
  issue(options: IssueOptions): Uint8Array;
  /** What happens at the RA. */
  readonly desk: MockDesk;
  /** Every call that went to the RA, or failed on the way. */
  readonly calls: readonly TransportCall[];
  /** Arms a fault; it counts calls from now on. */
  fault(fault: TransportFault): void;
}

/**
 * A registration authority in memory, for tests and simulations: its messages are those of the HTTP transport, signed and
 * verified in earnest, its certificates are real, and it does at `desk` what it is told to. It forgets everything
 * when the process ends.
 */
export function mockTransport(options: MockTransportOptions = {}): MockTransport {
  const { origin = "https://ra.mock.example", clock = systemClock, confirmWithinMs } = options;
  const traits: TransportTraits = {
    polling: "free",
    collectStartsClock: false,
    duplicateSafety: "exact",
    ...options.traits,
  };
  const authority = mockAuthority(clock.now());
  const ra = registrationAuthority({
    origin,
    clock,
    authority,
    offer: options.offer ?? {},
    bank: options.bank ?? "automatic",
    review: options.review ?? "automatic",
    confirmWithinMs,
    retryAfterMs: options.retryAfterMs,
    invoiceTypes: options.invoiceTypes ?? [{ id: "quota", name: "普通定额发票" }],
  });
  const line = lineTo(options.faults ?? [], clock);
  const context: ExchangeContext = {
    endpoint: { origin, url: (path) => origin + path },
    clock,
    signedDocuments: false,
  };

  return {
    name: "mock",
    traits,
    trustAnchors: authority.trustAnchors,
    issue: authority.issue,
    desk: ra.desk,
    calls: line.log,
    fault: line.plan.arm,

    prepare: (application, signers) => makeApplication(context, application, signers),
    send: (exchange, reference, { signal } = {}) =>
      line.carry({ method: "send", purpose: exchange.purpose }, signal, () =>
        ra.receive(exchange, reference),
      ),
    recover: (exchange, reference, { signal } = {}) =>
      line.carry({ method: "recover", purpose: exchange.purpose }, signal, () =>
        ra.find(exchange, reference),
      ),
    progress: (reference, { signal, signer } = {}) =>
      line.carry({ method: "progress" }, signal, async () => {
        if (traits.polling === "signed") await ra.identify(reference, signer);
        return ra.reply(reference);
      }),
    collect: (reference, { signal } = {}) =>
      line.carry({ method: "collect" }, signal, () => ra.issuedTo(reference)),
    prepareConfirmation: (content, signer) => makeConfirmation(context, content, signer),

    business: {
      offer: (certificate, { signal } = {}) =>
        line.carry({ method: "offer" }, signal, () => ({ offer: ra.offerFor(certificate) })),
      prepareBankTransfer: async (_, content) => makeBankTransfer(context, content),
      prepareCancellation: (reference, signer) => makeCancellation(context, reference, signer),
    },
  };
}
