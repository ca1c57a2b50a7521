import type { JsonObject } from "../core/domain/scalars.js";
import type { BusinessFacet, Signer, Transport } from "../core/ports/transport.js";
import type { ContractCase } from "./contract.js";
import { applicationCases } from "./transport/applications.js";
import { issuanceCases } from "./transport/issuance.js";
import { offerCases } from "./transport/offers.js";
import { paymentCases } from "./transport/payments.js";

/**
 * What every transport with a business side has to do, together with its RA, as cases for any test runner.
 *
 * @example
 * for (const { name, run } of transportContract(fixture)) test(name, run);
 */
export function transportContract(fixture: TransportFixture): readonly ContractCase[] {
  return CASES.map(({ name, run }) => ({
    name,
    run: async () => {
      await using setting = await fixture.create();
      await run(setting);
    },
  }));
}

export interface TransportFixture {
  /**
   * Makes a fresh RA and a transport to it. The RA takes payment before the review, by bank transfer in CNY, and
   * neither finds money nor reviews by itself. Every case takes one and disposes of it.
   */
  create(): Promise<TransportSetting>;
}

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
  };
}

/** A case as it is written down: it is given its setting. */
export interface TransportCase {
  readonly name: string;
  run(setting: TransportSetting): Promise<void>;
}

const CASES: readonly TransportCase[] = [
  ...offerCases,
  ...applicationCases,
  ...paymentCases,
  ...issuanceCases,
];
