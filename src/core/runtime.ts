import type { Clock } from "./clock.js";
import type { Guard } from "./domain/offer.js";
import type { Emitter } from "./events.js";
import type { Renewal } from "./lifecycle.js";
import type { Driver, PinState, TokenIdentity } from "./ports/driver.js";
import type { Store } from "./ports/store.js";
import type { Transport } from "./ports/transport.js";
import type { RenewalRecord } from "./record.js";
import type { CertificateSummary } from "./views.js";

/** Which certificate on which token is meant. */
export interface CredentialReference {
  readonly token: TokenIdentity;
  readonly signing: CertificateSummary;
}

/** Why a PIN is asked for. */
export type PinReason = "submit" | "install" | "confirm" | "cancel" | "poll" | "retire";

export interface PinRequest {
  readonly token: TokenIdentity;
  readonly reason: PinReason;
  readonly pinState: PinState;
  readonly signal?: AbortSignal | undefined;
}

/** Asks the holder. `undefined` means that none is given: the step ends with ERR_PIN_REQUIRED. */
export type PinCallback = (request: PinRequest) => Promise<string | undefined> | string | undefined;

/** What the embedding platform wants to be asked, such as whether bids are encrypted to the old certificate. */
export type GuardsCallback = (
  credential: CredentialReference,
  /** Aborts when the answer is no longer waited for. */
  options: { readonly signal?: AbortSignal | undefined },
) => readonly Guard[] | Promise<readonly Guard[]>;

/** What every step is given: the ports, and what must be injectable. */
export interface Runtime {
  readonly driver: Driver;
  readonly transportFor: (credential: CredentialReference) => Transport;
  readonly store: Store;
  /** DER. */
  readonly trustAnchors: readonly Uint8Array[];
  readonly pin?: PinCallback | undefined;
  readonly guards?: GuardsCallback | undefined;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly emitter: Emitter;
  /** The renewals that steps of this client are working on, each with the mark of its claims. */
  readonly atWork: Map<string, string>;
  /** A claim older than this may be taken from a living owner: it is stuck. */
  readonly claimLeaseMs: number;
  /**
   * A record becomes the handle of its state. The roof hands it down: steps and events need it, and it needs them. An event
   * waits for nobody, so the handle that it carries is made without asking the platform.
   */
  readonly handleOf: (record: RenewalRecord, carrier?: "event") => Promise<Renewal>;
  readonly wait: { readonly minimumMs: number; readonly maximumMs: number };
}

/** A fresh identifier of 128 random bits, hexadecimal. */
export function freshId(runtime: Pick<Runtime, "randomBytes">): string {
  return Buffer.from(runtime.randomBytes(16)).toString("hex");
}
