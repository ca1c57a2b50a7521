import { RSA_PADDINGS, type RsaPadding } from "../../core/domain/key-algorithm.js";
import { identityOf } from "../../core/domain/token-identity.js";
import { RenewalError, throwIfAborted } from "../../core/errors.js";
import type {
  CallOptions,
  Driver,
  Session,
  TokenIdentity,
  UnlockOptions,
} from "../../core/ports/driver.js";
import { identifyRunningProcess } from "../../core/process-identity.js";
import { type DeadlineOptions, withDefaults } from "./deadlines.js";
import { endHost } from "./end-host.js";
import { hostEnvironment } from "./host-environment.js";
import { defaultHostPath } from "./host-path.js";
import { HostProcess, type HostSettings } from "./host-process.js";
import { nameOf } from "./identity.js";
import { createListing, driverClosed } from "./listing.js";
import { createSession, judgeFailure } from "./session.js";
import { watchTokens } from "./watch.js";

/** What {@link pkcs11Driver} takes. Only `module` is required. */
export interface Pkcs11DriverOptions {
  /** The PKCS#11 module: the path of a shared library, or a name that the dynamic linker finds. */
  readonly module: string;
  /** CK_C_INITIALIZE_ARGS.LibraryParameters, as NSS wants it: `configdir='sql:/path'`. */
  readonly libraryParameters?: string | undefined;
  /**
   * The file that runs in child processes: `dist/drivers/pkcs11/host.js` of this package. Needed where a bundler moved the
   * driver out of the package.
   */
  readonly hostPath?: string | undefined;
  /** The executable that runs it; `process.execPath` by default. */
  readonly execPath?: string | undefined;
  /**
   * Variables for the child processes, besides the few that they inherit: paths, language, and where known modules look for
   * their settings, such as SOFTHSM2_CONF. NODE_OPTIONS is never passed on.
   */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Which RSA signatures are made where the token makes both: RSASSA-PKCS1-v1_5 (`pkcs1`, the default) or RSASSA-PSS. The
   * other is taken where the token has no mechanism for this one.
   */
  readonly rsaPadding?: RsaPadding | undefined;
  /** How long the module may take, in milliseconds, where the defaults do not fit. */
  readonly deadlines?: DeadlineOptions | undefined;
}

/** The driver under the name of the token or library that it reaches. */
export function createPkcs11Driver(name: string, options: Pkcs11DriverOptions): Driver {
  const settings = settingsOf(options);
  const listing = createListing(settings);
  const sessions = new Set<HostProcess>();
  const watches = new Set<() => void>();
  let isClosed = false;

  const assertOpen = () => {
    if (isClosed) throw driverClosed();
  };
  const close = async () => {
    isClosed = true;
    for (const stop of watches) stop();
    await Promise.all([listing.close(), ...[...sessions].map((host) => host.close())]);
  };

  return {
    name,
    async tokens({ signal } = {}) {
      assertOpen();
      return listing.tokens(signal);
    },
    async certificates({ signal } = {}) {
      assertOpen();
      return listing.contents(signal);
    },
    watch(listener, watchOptions = {}) {
      assertOpen();
      const stopWatching = watchTokens(listing, listener, watchOptions);
      const stop = () => {
        watches.delete(stop);
        stopWatching();
      };
      watches.add(stop);
      return stop;
    },
    async unlock(token, unlockOptions = {}) {
      assertOpen();
      const { signal } = unlockOptions;
      const host = await HostProcess.start(settings, { signal });
      sessions.add(host);
      try {
        // It may have been closed while the host started.
        assertOpen();
        return await unlockIn(host, token, unlockOptions, {
          presentTokens: () => listing.tokens(undefined),
          onClose: () => sessions.delete(host),
        });
      } catch (error) {
        await host.end();
        sessions.delete(host);
        throw error;
      }
    },
    endHost: (host, { signal } = {}) =>
      endHost(host, { signal, deadlineMs: settings.deadlines.start }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function unlockIn(
  host: HostProcess,
  token: TokenIdentity,
  { pin, onHost, signal }: UnlockOptions,
  environment: { presentTokens(): Promise<readonly TokenIdentity[]>; onClose(): void },
): Promise<Session> {
  const opened = await openToken(host, token, { signal });
  const parts = { ...environment, host, token: opened.token, neighbours: opened.present };
  if (onHost !== undefined) {
    // A host that died in the meantime is told of by the next call.
    if (host.pid !== undefined) await onHost(await identifyRunningProcess(host.pid));
    throwIfAborted(signal);
  }
  host.conceal(pin ?? "");
  try {
    const holderTypesPin = opened.token.protectedAuthenticationPath;
    await host.call("login", { pin }, { signal, onAbort: "end", holderTypesPin });
  } catch (error) {
    throw await judgeFailure(error, parts);
  }
  return createSession(parts);
}

async function openToken(host: HostProcess, token: TokenIdentity, { signal }: CallOptions) {
  try {
    return await host.call("open", identityOf(token), { signal, onAbort: "end" });
  } catch (error) {
    if (!(error instanceof RenewalError)) throw error;
    const { code, cause, details } = error;
    throw new RenewalError(code, { cause, details: { token: nameOf(token), ...details } });
  }
}

/** @throws ERR_ARGUMENT where an option is wrong, or the host file cannot be found */
export function settingsOf(options: Pkcs11DriverOptions): HostSettings {
  const { module, libraryParameters, rsaPadding } = options;
  if (typeof module !== "string" || module === "") {
    const problems = [{ pointer: "/module", message: "the path of a PKCS#11 module is needed" }];
    throw new RenewalError("ERR_ARGUMENT", { problems });
  }
  if (rsaPadding !== undefined && !RSA_PADDINGS.includes(rsaPadding)) {
    const problems = [{ pointer: "/rsaPadding", message: `one of ${RSA_PADDINGS.join(", ")}` }];
    throw new RenewalError("ERR_ARGUMENT", { problems });
  }
  return {
    module,
    libraryParameters,
    rsaPadding,
    hostPath: options.hostPath ?? defaultHostPath(),
    execPath: options.execPath ?? process.execPath,
    environment: hostEnvironment(process.env, options.env ?? {}),
    deadlines: withDefaults(options.deadlines),
  };
}
