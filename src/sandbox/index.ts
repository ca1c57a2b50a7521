import { z } from "zod";
import { type Clock, systemClock } from "../core/clock.js";
import { RenewalError } from "../core/errors.js";
import { sha256Hex, toPem } from "../core/pki/certificate.js";
import { bytesEqual } from "../core/pki/der.js";
import { problemsOf } from "../core/problems.js";
import { createAdmin, type SandboxAdmin } from "./admin.js";
import { openAdminPort } from "./admin-port.js";
import { ENCRYPTION_EXTENSIONS, openAuthority, SUBSCRIBER_EXTENSIONS } from "./authority.js";
import { createDesk } from "./desk.js";
import { createScenario, type ScenarioStep, scenarioSchema } from "./faults.js";
import { type Files, memoryFiles, openFolder } from "./files.js";
import { createGateway } from "./gateway.js";
import { encodeName, type SubjectFields } from "./name.js";
import type { Office } from "./office.js";
import { changePolicy, DEMONSTRATION_POLICY, type SandboxPolicy } from "./policy.js";
import { createRequestLog } from "./request-log.js";
import { createSerial } from "./serial.js";
import { HOST, type RunningServer, serveRoutes } from "./server.js";
import { openState } from "./state.js";

export type { AdminApplication, AdminCertificate, SandboxAdmin } from "./admin.js";
export type { CertificateFlaw, DocumentFlaw, Fault, ScenarioStep } from "./faults.js";
export type { Dispatch } from "./invoices.js";
export type { SubjectFields } from "./name.js";
export type { GatewayPayment } from "./online-payments.js";
export { DEMONSTRATION_POLICY, type IssuerName, type SandboxPolicy } from "./policy.js";
export type { LoggedRequest } from "./request-log.js";
export type { Reason } from "./review.js";

/** What {@link createSandbox} takes: all of it optional. */
export interface SandboxOptions {
  /**
   * Keys, certificates and state are kept here and found again, each saved before it is answered for. One process at a
   * time. Default: in memory.
   */
  readonly folder?: string | undefined;
  /** Default: the one that the folder was served at, else any. Signed messages name it, so it should stay. */
  readonly port?: number | undefined;
  /** Serves the admin functions over HTTP as well. 0: any port. Default: not at all. */
  readonly adminPort?: number | undefined;
  readonly clock?: Pick<Clock, "now"> | undefined;
  /** What differs from {@link DEMONSTRATION_POLICY}, or from the folder's own. */
  readonly policy?: Partial<SandboxPolicy> | undefined;
  readonly scenario?: readonly ScenarioStep[] | undefined;
}

/** What a counter would issue to a new customer. */
export interface SubscriberRequest {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly subject: SubjectFields;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** What its key is for. Default: `signing`. */
  readonly use?: "signing" | "encryption" | undefined;
}

/** A registration authority and its CA, to develop and test against. Not for production: nobody is identified here. */
export interface Sandbox extends AsyncDisposable {
  /** For `httpTransport`. */
  readonly baseUrl: string;
  /** Where the admin port is, and what opens it: `POST <url>/<function>` with `Authorization: Bearer <token>`. */
  readonly adminEndpoint: { readonly url: string; readonly token: string } | undefined;
  /** DER; for `httpTransport` and `createRenewalClient`. Another root joins them where the policy issues under one. */
  readonly trustAnchors: readonly Uint8Array[];
  /** The issuing CA and the root, PEM: for `openssl verify`. */
  readonly chainPem: string;
  readonly admin: SandboxAdmin;
  /** Provisions a subscriber's certificate, DER. The CA knows it from now on, and it can be renewed. */
  issue(request: SubscriberRequest): Promise<Uint8Array>;
  /** Ends everything; the folder can be opened again. Safe to repeat. */
  close(): Promise<void>;
}

/**
 * Starts a sandbox on loopback: a root and an issuing CA, and an RA with a business side over real HTTP, which checks what
 * a real one would. By default bank and reviewer take a moment, so that a whole renewal ends in seconds; `policy` and
 * `scenario` make it otherwise. Time moves with the clock alone: there are no timers.
 *
 * Needs the optional dependencies `hono` and `@hono/node-server`.
 *
 * @throws ERR_UNSUPPORTED without them, ERR_STORE_CONFLICT while another process has the folder, ERR_STORE_FAILURE,
 *   ERR_RECORD_CORRUPT, ERR_ARGUMENT when an option is not valid or a port is taken
 * @example
 * await using sandbox = await createSandbox();
 * const transport = httpTransport({ baseUrl: sandbox.baseUrl, trustAnchors: sandbox.trustAnchors });
 */
export async function createSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const files = options.folder === undefined ? memoryFiles() : await openFolder(options.folder);
  try {
    return await open(options, files);
  } catch (error) {
    files.close();
    throw error;
  }
}

/** @throws ERR_ARGUMENT naming what is wrong with the option */
function checked<T>(option: keyof SandboxOptions, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof z.ZodError)) throw cause;
    const problems = problemsOf(cause).map(({ pointer, message }) => ({
      pointer: `/${option}${pointer}`,
      message,
    }));
    throw new RenewalError("ERR_ARGUMENT", { cause, problems });
  }
}

async function open(options: SandboxOptions, files: Files): Promise<Sandbox> {
  const { clock = systemClock } = options;
  const authority = openAuthority(files, clock.now());
  const { state, save } = openState(files, changePolicy(DEMONSTRATION_POLICY, {}));
  state.policy = checked("policy", () => changePolicy(state.policy, options.policy ?? {}));

  const office: Office & { origin: string } = { clock, authority, state, files, origin: "" };
  const steps = checked("scenario", () => scenarioSchema.parse(options.scenario ?? []));
  const scenario = createScenario(steps);
  const log = createRequestLog(() => clock.now());
  const serial = createSerial();
  const closing = new AbortController();
  const desk = createDesk({ office, save, scenario, log, serial, closing: closing.signal });
  const gateway = createGateway({ office, save, serial });
  const server = await serveRoutes(desk, gateway, options.port ?? state.port ?? 0);
  office.origin = `http://${HOST}:${server.port}`;
  state.port = server.port;
  save();

  const context = { office, save, scenario, log, serial };
  const adminPort = await openAdminPort(context, options.adminPort).catch(async (error) => {
    await server.close();
    throw error;
  });
  const close = async () => {
    closing.abort();
    await Promise.all(
      [server, adminPort?.server].map((running?: RunningServer) => running?.close()),
    );
    // Whoever is at work still saves; only then may another process open the folder.
    await serial(() => files.close());
  };
  const chains = () => [authority.chain(), authority.chain(state.policy.issuedBy)];
  return {
    baseUrl: office.origin,
    adminEndpoint: adminPort && { url: adminPort.url, token: adminPort.token },
    get trustAnchors() {
      return chains()
        .flatMap(([, root]) => [root])
        .filter(isFirst);
    },
    get chainPem() {
      const all = chains().flat().filter(isFirst);
      return all.map((der) => toPem(der, "CERTIFICATE")).join("");
    },
    admin: createAdmin(context),
    issue: ({ spki, subject, notBefore, notAfter, use = "signing" }) =>
      serial(() => {
        const subjectDer = encodeName(subject);
        const extensions = use === "signing" ? SUBSCRIBER_EXTENSIONS : ENCRYPTION_EXTENSIONS;
        const der = authority.issue({ spki, subjectDer, notBefore, notAfter, extensions });
        state.certificates[sha256Hex(der)] = { der };
        save();
        return der;
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

const isFirst = (der: Uint8Array, index: number, all: readonly Uint8Array[]): boolean =>
  all.findIndex((other) => bytesEqual(other, der)) === index;
