import { assertCredential, assertId, assertRenewArguments, inOurWords } from "./arguments.js";
import {
  type CanDecryptOptions,
  canDecrypt,
  type DecryptionOutlook,
  type Envelope,
} from "./can-decrypt.js";
import { knownRenewal, renewalIdFor } from "./certificate-claim.js";
import { type Credential, type KnownRenewal, toCredentials } from "./credentials.js";
import { errorCode, RenewalError, throwIfAborted } from "./errors.js";
import type { ClientEvents } from "./events.js";
import { type Evidence, makeEvidence } from "./evidence/evidence.js";
import { makeSupportBundle, type SupportBundleOptions } from "./evidence/make-support-bundle.js";
import type { SupportBundle } from "./evidence/support-bundle.js";
import { forget } from "./forget.js";
import type { Draft, Renewal } from "./lifecycle.js";
import { type LookUpResult, lookUp } from "./look-up.js";
import { createRuntime, type RenewalClientOptions } from "./options.js";
import type { TokenEvent } from "./ports/driver.js";
import { listRenewalIds, loadRecord } from "./record-store.js";
import { type RenewOptions, type RenewResult, renewAll } from "./renew.js";
import type { Runtime } from "./runtime.js";
import { startRenewal } from "./start.js";
import type { StepOptions, UnlockingStepOptions } from "./step-options.js";

/** The renewals of a store: those that can be read, and those that cannot, each by itself. */
export interface StoredRenewals {
  readonly renewals: readonly Renewal[];
  readonly unreadable: readonly { readonly id: string; readonly error: RenewalError }[];
}

export interface ForgetOptions extends StepOptions {
  /** Erase it although it is not over, or cannot be read: what is open at the RA can then no longer be followed from here. */
  readonly evenIfOpen?: boolean | undefined;
}

/** The entry: everything begins here. Whatever goes wrong, an adapter included, what is thrown is a `RenewalError`. */
export interface RenewalClient extends AsyncDisposable {
  /**
   * The credentials on the tokens plugged in, each with its eligibility: soonest to end first, and last those beside which
   * a newer one stands. Local, no PIN, changes nothing.
   * @throws ERR_MODULE_*, ERR_NATIVE_UNAVAILABLE, ERR_STORE_FAILURE
   */
  credentials(options?: StepOptions): Promise<Credential[]>;
  /**
   * Fetches the RA's offer for a credential and stores a draft. Nothing is sent but its certificates. Not to be repeated
   * after it succeeded: the draft is the renewal in progress.
   * @throws ERR_CERTIFICATE_EXPIRED, ERR_CERTIFICATE_INELIGIBLE, ERR_PIN_LOCKED, ERR_RA_*; ERR_RENEWAL_IN_PROGRESS, whose
   *   `renewal` is the one to go on with; ERR_RECORD_CORRUPT where the store cannot tell which that is
   */
  start(credential: Credential, options?: StepOptions): Promise<Draft>;
  /**
   * A stored renewal, in this process or another than the one that began it. Local: asks neither token nor RA.
   * @throws ERR_RECORD_NOT_FOUND, ERR_RECORD_CORRUPT, ERR_RECORD_VERSION
   */
  resume(id: string, options?: StepOptions): Promise<Renewal>;
  /** All renewals of the store. One that cannot be read does not hide the others. */
  renewals(options?: StepOptions): Promise<StoredRenewals>;
  /**
   * 查询进度: the renewal of this credential in the store, after asking the RA where it can be asked without the token.
   * `undefined` when there is none. Works for an expired certificate too.
   */
  progress(credential: Credential, options?: StepOptions): Promise<Renewal | undefined>;
  /**
   * The whole way, on nothing but the steps: starts, or goes on with, the renewal of a credential, and stops where only a
   * person can go on.
   */
  renew(
    credential: Credential | { readonly id: string },
    options: RenewOptions,
  ): Promise<RenewResult>;
  /**
   * Asks the RA what was applied for with this credential's certificate, on whatever computer: signed by its key, bound to the
   * RA and its nonce. What is under way is stored here and can be gone on with; what is over is told. Works for an expired
   * certificate too. Asks for the PIN once; nothing is written to the token. Safe to repeat.
   * @throws ERR_UNSUPPORTED, ERR_RENEWAL_IN_PROGRESS where a draft of another renewal of it stands here, ERR_KEY_NOT_FOUND,
   *   ERR_RA_*, ERR_TOKEN_*, ERR_PIN_*, ERR_MODULE_*
   */
  lookUp(credential: Credential, options?: UnlockingStepOptions): Promise<LookUpResult>;
  /**
   * Whether a CMS envelope (RFC 5652 EnvelopedData, RFC 5083 AuthEnvelopedData), such as an uploaded bid, can be opened still:
   * with the key of any certificate on the tokens plugged in, expired and superseded ones too. Local; asks for no PIN unless
   * `unlock` says so, and is `unknown` where keys show only after a login. Changes nothing, sends nothing; safe to repeat.
   * Do not tell the answer with `unlock` to whoever made the envelope: many answers would open another one (RFC 8017 §7.2).
   * @throws ERR_ARGUMENT when it is no envelope, ERR_MODULE_*, ERR_STORE_FAILURE; with `unlock` ERR_TOKEN_*, ERR_PIN_*
   */
  canDecrypt(envelope: Envelope, options?: CanDecryptOptions): Promise<DecryptionOutlook>;
  /**
   * One ZIP archive of what a renewal proves, which openssl verifies offline by the commands of its README.txt. In every state:
   * - always: the offer (as the RA signed it, where it does), the agreement's bytes, the previous certificates, the trust anchors;
   * - from `submitting` on: the application as signed, each revision of it, the certification requests; then the RA's receipts;
   * - from `installing` on: the new certificates with their chain;
   * - from `confirming` on: the installation's proof, the continuity statement, the confirmation;
   * - `completed`: the RA's receipt for the confirmation.
   *
   * What is absent is named in the manifest, with the reason. It holds the form and other personal data, and no secret. Local;
   * changes nothing; the same record gives the same bytes.
   * @throws ERR_RECORD_NOT_FOUND, ERR_RECORD_CORRUPT, ERR_RECORD_VERSION
   */
  evidence(id: string, options?: StepOptions): Promise<Evidence>;
  /**
   * Where a renewal stands and on what it runs, for a support desk: no personal data, no serial number, no secret. In every
   * state. Local; changes nothing.
   * @throws ERR_RECORD_NOT_FOUND, ERR_RECORD_CORRUPT, ERR_RECORD_VERSION
   */
  supportBundle(id: string, options?: SupportBundleOptions): Promise<SupportBundle>;
  /**
   * Erases a renewal that is over from the store, and frees its certificate. The token and the RA are not touched. Safe to
   * repeat.
   * @throws ERR_ARGUMENT when it is not over and `evenIfOpen` is not given, ERR_RECORD_CORRUPT when that cannot be told and
   *   it is not given, ERR_RECORD_CLAIMED while another works on it
   */
  forget(id: string, options?: ForgetOptions): Promise<void>;
  /** Returns the function that ends the listening. A listener that throws changes nothing. */
  on<E extends keyof ClientEvents>(
    event: E,
    listener: (payload: ClientEvents[E]) => void,
  ): () => void;
  /** Tells of tokens plugged in and pulled out, until the returned function is called or the signal aborts. */
  watchTokens(listener: (event: TokenEvent) => void, options?: StepOptions): () => void;
  /**
   * Closes the driver that the client was given, and so ends its processes: another client on the same driver could not work
   * any more. What is stored stays.
   */
  close(): Promise<void>;
}

/** @throws ERR_ARGUMENT */
export function createRenewalClient(options: RenewalClientOptions): RenewalClient {
  const runtime = createRuntime(options);
  const close = () => inOurWords(() => runtime.driver.close());
  const client: RenewalClient = {
    credentials: (given = {}) => inOurWords(() => listCredentials(runtime, given)),
    start: (credential, given = {}) =>
      inOurWords(() => {
        assertCredential(credential);
        return startRenewal(runtime, credential, given);
      }),
    resume: (id, given = {}) => inOurWords(() => resume(runtime, id, given)),
    renewals: (given = {}) => inOurWords(() => listRenewals(runtime, given)),
    progress: (credential, given = {}) =>
      inOurWords(() => {
        assertCredential(credential);
        return queryProgress(runtime, credential, given);
      }),
    renew: (credential, given) =>
      inOurWords(() => {
        assertRenewArguments(credential, given);
        return renewAll(client, credential, given);
      }),
    lookUp: (credential, given = {}) =>
      inOurWords(() => {
        assertCredential(credential);
        return lookUp(runtime, credential, given);
      }),
    canDecrypt: (envelope, given = {}) => inOurWords(() => canDecrypt(runtime, envelope, given)),
    evidence: (id, given = {}) =>
      inOurWords(() => {
        assertId(id);
        return makeEvidence(runtime, id, given);
      }),
    supportBundle: (id, given = {}) =>
      inOurWords(() => {
        assertId(id);
        return makeSupportBundle(runtime, id, given);
      }),
    forget: (id, given = {}) =>
      inOurWords(() => {
        assertId(id);
        return forget(runtime, id, given);
      }),
    on: (event, listener) => runtime.emitter.on(event, listener),
    watchTokens: (listener, given) => runtime.driver.watch(listener, given),
    close,
    [Symbol.asyncDispose]: close,
  };
  return client;
}

async function listCredentials(runtime: Runtime, { signal }: StepOptions): Promise<Credential[]> {
  const contents = await runtime.driver.certificates({ signal });
  const now = runtime.clock.now();
  const known = new Map<string, KnownRenewal>();
  for (const { signing } of toCredentials(contents, () => undefined, now)) {
    const renewal = await knownRenewal(runtime, signing.sha256);
    if (renewal) known.set(signing.sha256, renewal);
  }
  return toCredentials(contents, (sha256) => known.get(sha256), now);
}

async function resume(runtime: Runtime, id: string, { signal }: StepOptions): Promise<Renewal> {
  assertId(id);
  throwIfAborted(signal);
  const { record } = await loadRecord(runtime.store, id);
  return runtime.handleOf(record);
}

async function listRenewals(runtime: Runtime, { signal }: StepOptions): Promise<StoredRenewals> {
  throwIfAborted(signal);
  const renewals: Renewal[] = [];
  const unreadable: { id: string; error: RenewalError }[] = [];
  for (const id of await listRenewalIds(runtime.store)) {
    try {
      const { record } = await loadRecord(runtime.store, id);
      renewals.push(await runtime.handleOf(record));
    } catch (error) {
      // Erased by another process between the listing and the reading.
      if (errorCode(error) === "ERR_RECORD_NOT_FOUND") continue;
      if (!(error instanceof RenewalError)) throw error;
      unreadable.push({ id, error });
    }
  }
  renewals.sort((left, right) => left.createdAt.getTime() - right.createdAt.getTime());
  return { renewals, unreadable };
}

async function queryProgress(
  runtime: Runtime,
  { signing, token }: Credential,
  options: StepOptions,
): Promise<Renewal | undefined> {
  throwIfAborted(options.signal);
  const id = await renewalIdFor(runtime, signing.sha256);
  const renewal = id && (await resumeIfThere(runtime, id));
  if (!renewal) return undefined;
  const free = runtime.transportFor({ token, signing }).traits.polling === "free";
  const asks =
    renewal.state === "awaiting-payment" ||
    renewal.state === "awaiting-review" ||
    renewal.state === "action-required" ||
    renewal.state === "completed" ||
    renewal.state === "closed";
  return free && asks ? renewal.refresh(options) : renewal;
}

/** `undefined` when it was forgotten, and has left its name with the certificate. */
async function resumeIfThere(runtime: Runtime, id: string): Promise<Renewal | undefined> {
  try {
    return await resume(runtime, id, {});
  } catch (error) {
    if (errorCode(error) === "ERR_RECORD_NOT_FOUND") return undefined;
    throw error;
  }
}
