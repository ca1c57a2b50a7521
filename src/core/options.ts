import { randomBytes } from "node:crypto";
import { type Clock, systemClock } from "./clock.js";
import { identifier } from "./domain/scalars.js";
import { type Problem, RenewalError } from "./errors.js";
import { createEmitter } from "./events.js";
import { createHandle } from "./handles.js";
import { fromPem, parseCertificate } from "./pki/certificate.js";
import type { Driver } from "./ports/driver.js";
import type { Store } from "./ports/store.js";
import type { Transport } from "./ports/transport.js";
import type {
  CredentialReference,
  GuardsCallback,
  PinCallback,
  RebindHook,
  Runtime,
} from "./runtime.js";

/** What {@link createRenewalClient} takes: the three ports and the trust anchors, and what else it may ask for. */
export interface RenewalClientOptions {
  /**
   * How the token is reached: `pkcs11Driver()`, `softHsmDriver()`, `mockDriver()` or an own one. It is the client's from now
   * on, and is closed with it: give each client a driver of its own.
   */
  readonly driver: Driver;
  /** How the RA is reached; a function where it depends on the certificate. */
  readonly transport: Transport | ((credential: CredentialReference) => Transport);
  /** Where renewals are kept between processes: `fileStore()`, or `memoryStore()` for tests. */
  readonly store: Store;
  /** The CA certificates that the caller trusts, as PEM (one text may hold several) or DER. Nothing else is ever trusted. */
  readonly trustAnchors: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Asks the holder for the PIN: once a step, kept no longer than the step. */
  readonly pin?: PinCallback | undefined;
  /** Questions that only the embedding platform knows to ask. */
  readonly guards?: GuardsCallback | undefined;
  /** What moves logins and seals to the new certificate once it is confirmed. */
  readonly rebind?: readonly RebindHook[] | undefined;
  readonly clock?: Clock | undefined;
  readonly randomBytes?: ((count: number) => Uint8Array) | undefined;
  /** How often `wait` asks an RA that names no time, in milliseconds. Default: from 5 s, growing to 15 min. */
  readonly wait?:
    | { readonly minimumMs?: number | undefined; readonly maximumMs?: number | undefined }
    | undefined;
  /** After this time a claim may be taken from a living owner that is stuck, in milliseconds. Default: 30 min. */
  readonly claimLeaseMs?: number | undefined;
}

const DEFAULT_WAIT = { minimumMs: 5_000, maximumMs: 15 * 60_000 };
const DEFAULT_LEASE_MS = 30 * 60_000;

/** @throws ERR_ARGUMENT naming every option that is wrong */
export function createRuntime(options: RenewalClientOptions): Runtime {
  const problems: Problem[] = [];
  for (const port of ["driver", "transport", "store"] as const) {
    if (!options?.[port]) problems.push({ pointer: `/${port}`, message: "is required" });
  }
  const trustAnchors = readAnchors(options?.trustAnchors, problems);
  problems.push(...rebindProblems(options?.rebind));
  if (problems.length > 0) throw new RenewalError("ERR_ARGUMENT", { problems });
  const { transport } = options;
  const random = options.randomBytes ?? ((count: number) => new Uint8Array(randomBytes(count)));
  const runtime: Runtime = {
    driver: options.driver,
    transportFor: typeof transport === "function" ? transport : () => transport,
    store: options.store,
    trustAnchors,
    pin: options.pin,
    guards: options.guards,
    rebindHooks: options.rebind ?? [],
    clock: options.clock ?? systemClock,
    randomBytes: random,
    emitter: createEmitter(),
    atWork: new Map(),
    claimLeaseMs: options.claimLeaseMs ?? DEFAULT_LEASE_MS,
    handleOf: (record, carrier) => createHandle(runtime, record, carrier),
    wait: {
      minimumMs: options.wait?.minimumMs ?? DEFAULT_WAIT.minimumMs,
      maximumMs: options.wait?.maximumMs ?? DEFAULT_WAIT.maximumMs,
    },
  };
  return runtime;
}

function rebindProblems(hooks: RenewalClientOptions["rebind"] = []): Problem[] {
  if (!Array.isArray(hooks)) return [{ pointer: "/rebind", message: "must be a list of hooks" }];
  const ids = hooks.map((hook) => hook?.id);
  return hooks.flatMap((hook, index) => {
    const isValid =
      identifier.safeParse(hook?.id).success &&
      typeof hook.title === "string" &&
      typeof hook.rebind === "function" &&
      ids.indexOf(hook.id) === index;
    const message = "must have an id of its own, a title and a function rebind";
    return isValid ? [] : [{ pointer: `/rebind/${index}`, message }];
  });
}

function readAnchors(
  given: RenewalClientOptions["trustAnchors"] | undefined,
  problems: Problem[],
): readonly Uint8Array[] {
  const list = given === undefined ? [] : isList(given) ? given : [given];
  const anchors = list.flatMap((item, index) => {
    try {
      const certificates = typeof item === "string" ? fromPem(item) : [item];
      if (certificates.length === 0) throw new TypeError("no PEM block");
      return certificates.map((der) => parseCertificate(der).der);
    } catch {
      problems.push({
        pointer: `/trustAnchors/${index}`,
        message: "is not a certificate in PEM or DER",
      });
      return [];
    }
  });
  if (
    anchors.length === 0 &&
    problems.every(({ pointer }) => !pointer.startsWith("/trustAnchors"))
  ) {
    problems.push({ pointer: "/trustAnchors", message: "must hold at least one CA certificate" });
  }
  return anchors;
}

function isList(
  given: RenewalClientOptions["trustAnchors"],
): given is readonly (string | Uint8Array)[] {
  return Array.isArray(given);
}
