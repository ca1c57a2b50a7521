import { type Credential, toCredentials } from "./credentials.js";
import { type ErrorCode, errorCode, RenewalError } from "./errors.js";
import type { ClientEvents } from "./events.js";
import type { Draft, Renewal } from "./lifecycle.js";
import { createRuntime, type RenewalClientOptions } from "./options.js";
import type { TokenEvent } from "./ports/driver.js";
import { listRenewalIds, loadRecord, storeKeys } from "./record-store.js";
import { type RenewOptions, type RenewResult, renewAll } from "./renew.js";
import type { Runtime } from "./runtime.js";
import { isUnderWay, releaseCertificate, renewalIdFor, startRenewal } from "./start.js";
import type { StepOptions } from "./step-options.js";
import { deriveState } from "./transitions.js";

/** The renewals of a store: those that can be read, and those that cannot, each by itself. */
export interface StoredRenewals {
  readonly renewals: readonly Renewal[];
  readonly unreadable: readonly { readonly id: string; readonly error: RenewalError }[];
}

export interface ForgetOptions {
  /** Erase it although it is not over: what is open at the RA can then no longer be followed from here. */
  readonly evenIfOpen?: boolean | undefined;
}

/** The entry: everything begins here. */
export interface RenewalClient extends AsyncDisposable {
  /**
   * The credentials on the tokens plugged in, soonest to end first, each with its eligibility. Local, no PIN, changes nothing.
   * @throws ERR_MODULE_*, ERR_NATIVE_UNAVAILABLE
   */
  credentials(options?: StepOptions): Promise<Credential[]>;
  /**
   * Fetches the RA's offer for a credential and stores a draft. Nothing is sent but the certificate.
   * @throws ERR_CERTIFICATE_EXPIRED, ERR_CERTIFICATE_INELIGIBLE, ERR_PIN_LOCKED, ERR_RA_*, and ERR_RENEWAL_IN_PROGRESS, whose
   *   `renewal` is the one to go on with
   */
  start(credential: Credential, options?: StepOptions): Promise<Draft>;
  /**
   * A stored renewal, in this process or another than the one that began it. Local: asks neither token nor RA.
   * @throws ERR_RECORD_NOT_FOUND, ERR_RECORD_CORRUPT, ERR_RECORD_VERSION
   */
  resume(id: string): Promise<Renewal>;
  /** All renewals of the store. One that cannot be read does not hide the others. */
  renewals(): Promise<StoredRenewals>;
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
   * Erases a renewal that is over from the store. The token and the RA are not touched.
   * @throws ERR_ARGUMENT when it is not over and `evenIfOpen` is not given
   */
  forget(id: string, options?: ForgetOptions): Promise<void>;
  /** Returns the function that ends the listening. A listener that throws changes nothing. */
  on<E extends keyof ClientEvents>(
    event: E,
    listener: (payload: ClientEvents[E]) => void,
  ): () => void;
  /** Tells of tokens plugged in and pulled out, until the returned function is called or the signal aborts. */
  watchTokens(listener: (event: TokenEvent) => void, options?: StepOptions): () => void;
  /** Ends the driver's processes. What is stored stays. */
  close(): Promise<void>;
}

/** @throws ERR_ARGUMENT */
export function createRenewalClient(options: RenewalClientOptions): RenewalClient {
  const runtime = createRuntime(options);
  const client: RenewalClient = {
    credentials: (given) => listCredentials(runtime, given),
    async start(credential, given = {}) {
      await assertEligible(runtime, credential);
      return startRenewal(runtime, credential, given);
    },
    async resume(id) {
      const { record } = await loadRecord(runtime.store, id);
      return runtime.handleOf(record);
    },
    renewals: () => listRenewals(runtime),
    progress: (credential, given = {}) => queryProgress(runtime, credential, given),
    renew: (credential, given) => renewAll(client, credential, given),
    forget: (id, given = {}) => forget(runtime, id, given),
    on: (event, listener) => runtime.emitter.on(event, listener),
    watchTokens: (listener, given) => runtime.driver.watch(listener, given),
    close: () => runtime.driver.close(),
    [Symbol.asyncDispose]: () => runtime.driver.close(),
  };
  return client;
}

async function listCredentials(
  runtime: Runtime,
  { signal }: StepOptions = {},
): Promise<Credential[]> {
  const contents = await runtime.driver.certificates({ signal });
  const now = runtime.clock.now();
  const found = toCredentials(contents, () => undefined, now);
  const underWay = new Map<string, string>();
  for (const { signing } of found) {
    const id = await renewalIdFor(runtime, signing.sha256);
    if (id && (await isUnderWay(runtime, id))) underWay.set(signing.sha256, id);
  }
  return underWay.size === 0
    ? found
    : toCredentials(contents, (sha256) => underWay.get(sha256), now);
}

/** A credential may have been listed a while ago: what can be seen without the token is looked at again. */
async function assertEligible(
  runtime: Runtime,
  { eligibility, signing, token }: Credential,
): Promise<void> {
  const { reasons } = eligibility;
  const fail = (code: ErrorCode, details = {}) => {
    throw new RenewalError(code, { details: { ...details, reasons: [...reasons] } });
  };
  if (reasons.includes("expired") || signing.notAfter <= runtime.clock.now()) {
    fail("ERR_CERTIFICATE_EXPIRED", { notAfter: signing.notAfter.toISOString() });
  }
  if (reasons.includes("pin-locked")) fail("ERR_PIN_LOCKED", { token: token.label });
  // The store is asked by the start itself.
  const others = reasons.filter((reason) => reason !== "renewal-in-progress");
  if (others.length > 0) fail("ERR_CERTIFICATE_INELIGIBLE", { reason: others.join(", ") });
}

async function listRenewals(runtime: Runtime): Promise<StoredRenewals> {
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
  const id = await renewalIdFor(runtime, signing.sha256);
  // One that was forgotten has left its name with the certificate.
  if (!id || !(await runtime.store.load(storeKeys.renewal(id)))) return undefined;
  const { record } = await loadRecord(runtime.store, id);
  const renewal = await runtime.handleOf(record);
  const free = runtime.transportFor({ token, signing }).traits.polling === "free";
  const asks =
    renewal.state === "awaiting-payment" ||
    renewal.state === "awaiting-review" ||
    renewal.state === "action-required" ||
    renewal.state === "closed";
  return free && asks ? renewal.refresh(options) : renewal;
}

async function forget(
  runtime: Runtime,
  id: string,
  { evenIfOpen = false }: ForgetOptions,
): Promise<void> {
  const { store } = runtime;
  const key = storeKeys.renewal(id);
  const stored = await store.load(key);
  if (!stored) return;
  if (!evenIfOpen) {
    const { record } = await loadRecord(store, id);
    const state = deriveState(record);
    if (state !== "completed" && state !== "closed") {
      throw new RenewalError("ERR_ARGUMENT", {
        details: { id, state },
        problems: [{ pointer: "/evenIfOpen", message: `the renewal is ${state}, not over` }],
      });
    }
  }
  // In this order: a certificate that were free while its record stands could be applied for a second time.
  await store.remove(key, stored.revision);
  await releaseCertificate(runtime, id);
}
