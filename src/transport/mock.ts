import { type Clock, systemClock } from "../core/clock.js";
import type { Order } from "../core/domain/order.js";
import type { BusinessFacet, Transport, TransportTraits } from "../core/ports/transport.js";
import { createAdmin, type SandboxAdmin } from "../sandbox/admin.js";
import { openAuthority } from "../sandbox/authority.js";
import { createDesk } from "../sandbox/desk.js";
import { createScenario } from "../sandbox/faults.js";
import { memoryFiles } from "../sandbox/files.js";
import type { Office } from "../sandbox/office.js";
import type { SandboxPolicy } from "../sandbox/policy.js";
import { createRequestLog } from "../sandbox/request-log.js";
import { createSerial } from "../sandbox/serial.js";
import { openState } from "../sandbox/state.js";
import { httpTransport } from "./http/index.js";
import { type MockDesk, mockDesk } from "./mock/desk.js";
import { lineTo, type TransportCall, type TransportFault } from "./mock/faults.js";
import { identify } from "./mock/identify.js";
import { inProcessFetch } from "./mock/in-process-fetch.js";
import { type OfferChanges, offerWith, policyOf } from "./mock/rules.js";
import { type IssueOptions, issueTo } from "./mock/subscribers.js";

export type { CertificateFlaw as IssuanceFlaw } from "../sandbox/faults.js";
export type { AppliedFor, MockDesk } from "./mock/desk.js";
export type { MockTransportMethod, TransportCall, TransportFault } from "./mock/faults.js";
export type { OfferChanges } from "./mock/rules.js";
export type { IssueOptions } from "./mock/subscribers.js";

/** How the RA in memory behaves. Without any, it approves and books at once. */
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
  /** What is not confirmed so long after its approval is revoked. Default: 30 days. */
  readonly confirmWithinMs?: number | undefined;
  /** What the RA answers as the time to ask again, while something is under way; in whole seconds. Default: nothing. */
  readonly retryAfterMs?: number | undefined;
  /** 发票类型. Default: 普通定额发票 alone. */
  readonly invoiceTypes?: Order["invoiceTypes"] | undefined;
  /** What else differs from the sandbox's demonstration policy; the last word on what the options above say. */
  readonly policy?: Partial<SandboxPolicy> | undefined;
  readonly faults?: readonly TransportFault[] | undefined;
}

export interface MockTransport extends Transport {
  readonly business: Required<BusinessFacet>;
  /** The root of the CA behind the RA, DER. */
  readonly trustAnchors: readonly Uint8Array[];
  /** A certificate of that CA, DER, such as a token holds before its renewal; by default it ends in 30 days. */
  issue(options: IssueOptions): Uint8Array;
  /** What happens at the RA. */
  readonly desk: MockDesk;
  /** The rest of what happens there, as at the sandbox. */
  readonly admin: SandboxAdmin;
  /** Every call that went to the RA, or failed on the way. */
  readonly calls: readonly TransportCall[];
  /** Arms a fault; it counts calls from now on. */
  fault(fault: TransportFault): void;
}

/**
 * A registration authority in memory, for tests and simulations: the sandbox's, reached by the HTTP transport without a
 * socket. What is signed, checked and issued is so in earnest, and it does at `desk` what it is told to. It forgets
 * everything when the process ends.
 */
export function mockTransport(options: MockTransportOptions = {}): MockTransport {
  const { origin = "https://ra.mock.example", clock = systemClock, offer = {} } = options;
  const { bank = "automatic", review = "automatic" } = options;
  const files = memoryFiles();
  const { state } = openState(files, policyOf({ ...options, offer, bank, review }));
  const authority = openAuthority(files, clock.now(), "certrenew mock");
  const office: Office = { clock, origin, authority, state, files, reviseOffer: offerWith(offer) };
  const trustAnchors = [authority.root];
  const scenario = createScenario([]);
  const log = createRequestLog(() => clock.now());
  const context = { office, scenario, log, serial: createSerial(), save: () => {} };
  const serve = createDesk({ ...context, closing: new AbortController().signal });
  const http = httpTransport({
    baseUrl: origin,
    trustAnchors,
    clock,
    fetch: inProcessFetch(serve),
  });
  const traits: TransportTraits = { ...http.traits, ...options.traits };
  const line = lineTo(options.faults ?? [], clock);

  return {
    ...http,
    name: "mock",
    traits,
    trustAnchors,
    issue: (wanted) => issueTo(office, wanted),
    desk: mockDesk(office, scenario),
    admin: createAdmin(context),
    calls: line.log,
    fault: line.plan.arm,

    send: (exchange, reference, call = {}) =>
      line.carry({ method: "send", purpose: exchange.purpose }, call.signal, () =>
        http.send(exchange, reference, call),
      ),
    recover: (exchange, reference, call = {}) =>
      line.carry({ method: "recover", purpose: exchange.purpose }, call.signal, () =>
        http.recover(exchange, reference, call),
      ),
    progress: (reference, call = {}) =>
      line.carry({ method: "progress" }, call.signal, async () => {
        if (traits.polling === "signed") await identify(office, reference, call.signer);
        return http.progress(reference, call);
      }),
    collect: (reference, call = {}) =>
      line.carry({ method: "collect" }, call.signal, () => http.collect(reference, call)),

    business: {
      ...http.business,
      offer: (certificate, call = {}) =>
        line.carry({ method: "offer" }, call.signal, () => http.business.offer(certificate, call)),
      upload: (reference, document, call = {}) =>
        line.carry({ method: "upload" }, call.signal, () =>
          http.business.upload(reference, document, call),
        ),
      lookUp: (content, signer, call = {}) =>
        line.carry({ method: "lookUp" }, call.signal, () =>
          http.business.lookUp(content, signer, call),
        ),
    },
  };
}
