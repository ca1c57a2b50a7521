import type { DecryptionOutlook, Envelope } from "./can-decrypt.js";
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
export type PinReason =
  | "submit"
  | "amend"
  | "install"
  | "reissue"
  | "confirm"
  | "cancel"
  | "poll"
  | "look-up"
  | "decrypt"
  | "retire";

/** What the holder should be shown when asked for the PIN: which token, what for, and how many tries may be left. */
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
  options: {
    /** Aborts when the answer is no longer waited for. */
    readonly signal?: AbortSignal | undefined;
    /** `client.canDecrypt`, without a PIN: whether an uploaded bid, say, can be opened still. */
    readonly canDecrypt: (envelope: Envelope) => Promise<DecryptionOutlook>;
  },
) => readonly Guard[] | Promise<readonly Guard[]>;

/** What was renewed, for a platform that bound something to the old certificate. */
export interface Continuity {
  readonly renewalId: string;
  readonly previous: CertificateSummary;
  readonly renewed: CertificateSummary;
  /**
   * CMS SignedData (RFC 5652), DER: by the new key around one by the old key, around JSON that names both certificates. Absent
   * where the old key was lost.
   */
  readonly statement: Uint8Array | undefined;
}

/** Moves a login, a seal or another binding from the old certificate to the new one. */
export interface RebindHook {
  /** Letters, digits, `-` and `_`: under it the report tells what became of it. */
  readonly id: string;
  /** What is bound, for people. */
  readonly title: string;
  /** `moved`, or `left` where a person has to do it; what is thrown is told in the report. Safe to be called again. */
  rebind(
    continuity: Continuity,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<"moved" | "left"> | "moved" | "left";
}

/** What every step is given: the ports, and what must be injectable. */
export interface Runtime {
  readonly driver: Driver;
  readonly transportFor: (credential: CredentialReference) => Transport;
  readonly store: Store;
  /** DER. */
  readonly trustAnchors: readonly Uint8Array[];
  readonly pin?: PinCallback | undefined;
  readonly guards?: GuardsCallback | undefined;
  readonly rebindHooks: readonly RebindHook[];
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
