import type { Offer, OfferTerms } from "../core/domain/offer.js";
import type { JsonObject } from "../core/domain/scalars.js";
import type { BusinessFacet, Signer, Transport } from "../core/ports/transport.js";
import type { ContractCase } from "./contract.js";
import { applicationCases } from "./transport/applications.js";
import { attachmentCases } from "./transport/attachments.js";
import { certificationRequestCases } from "./transport/certification-requests.js";
import { issuanceCases } from "./transport/issuance.js";
import { lookUpCases } from "./transport/look-ups.js";
import { offerCases } from "./transport/offers.js";
import { onlinePaymentCases } from "./transport/online-payments.js";
import { paymentCases } from "./transport/payments.js";

/**
 * What every transport with a business side has to do, together with its RA, as cases for any test runner.
 *
 * @example
 * for (const { name, run } of transportContract(fixture)) test(name, run);
 */
export function transportContract(fixture: TransportFixture): readonly ContractCase[] {
  const { facets = [] } = fixture;
  const cases = [...CASES, ...facets.flatMap((facet) => FACET_CASES[facet])];
  return cases.map(({ name, wanted, run }) => ({
    name,
    run: async () => {
      await using setting = await fixture.create(wanted);
      await run(setting);
    },
  }));
}

/** An optional part of a transport's business facet. */
export type TransportFacet =
  | "online-payment"
  | "attachments"
  | "certification-requests"
  | "look-up";

/** What a case of an optional part wants of the RA. */
export type WantedTerms = Partial<Pick<OfferTerms, "requestAt"> & Pick<Offer, "attachments">>;

/** Your transport and its RA, as {@link transportContract} is given them. */
export interface TransportFixture {
  /** Which optional parts it has, and its RA too: their cases are added. Default: none. */
  readonly facets?: readonly TransportFacet[] | undefined;
  /**
   * Makes a fresh RA and a transport to it. The RA takes payment before the review, by bank transfer in CNY, and
   * neither finds money nor reviews by itself. Every case takes one and disposes of it. With `wanted`, which only cases
   * of optional parts have, the RA's terms are these.
   */
  create(wanted?: WantedTerms): Promise<TransportSetting>;
}

/** One transport and its RA, made for one case. */
export interface TransportSetting extends AsyncDisposable {
  readonly transport: Transport & { readonly business: BusinessFacet };
  /** Another instance of the transport, as another process has it. */
  another?(): Transport;
  /** A certificate that can be renewed now, with its key. */
  readonly previous: Signer & { readonly certificate: Uint8Array };
  /** Root certificates of the CA, DER. */
  readonly trustAnchors: readonly Uint8Array[];
  /** The form, filled in correctly. */
  readonly form: JsonObject;
  readonly desk: {
    /** Finds the announced transfers at the bank. */
    bookTransfers(renewalId: string): Promise<void>;
    approve(renewalId: string): Promise<void>;
    returnForCorrection(renewalId: string, text: string): Promise<void>;
    /** For `online-payment`: the payer pays, once, what was opened last; in time or not. */
    payOnline?(renewalId: string): Promise<void>;
  };
}

/** A case as it is written down: it is given its setting. */
export interface TransportCase {
  readonly name: string;
  readonly wanted?: WantedTerms | undefined;
  run(setting: TransportSetting): Promise<void>;
}

const CASES: readonly TransportCase[] = [
  ...offerCases,
  ...applicationCases,
  ...paymentCases,
  ...issuanceCases,
];

const FACET_CASES: Readonly<Record<TransportFacet, readonly TransportCase[]>> = {
  "online-payment": onlinePaymentCases,
  attachments: attachmentCases,
  "certification-requests": certificationRequestCases,
  "look-up": lookUpCases,
};
