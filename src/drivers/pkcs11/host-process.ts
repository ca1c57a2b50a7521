import { type ChildProcess, type ForkOptions, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { untilAborted } from "../../core/abort.js";
import type { JsonObject } from "../../core/domain/scalars.js";
import { RenewalError, throwIfAborted } from "../../core/errors.js";
import type { CallOptions } from "../../core/ports/driver.js";
import { type Deadlines, deadlineOf } from "./deadlines.js";
import {
  type CallName,
  fromFailure,
  type ModuleSettings,
  type Params,
  type Reply,
  type Result,
} from "./rpc.js";
import { stderrTail } from "./stderr-tail.js";

export interface HostSettings extends ModuleSettings {
  readonly hostPath: string;
  readonly execPath: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly deadlines: Deadlines;
}

export interface HostCallOptions extends CallOptions {
  /**
   * What becomes of a request under way when the signal aborts. `end`: the host is ended, so that nothing of it goes on.
   * `forget`: it goes on, and its result is dropped.
   */
  readonly onAbort: "end" | "forget";
  /** The PIN is typed at the reader, so that some calls wait for the holder. */
  readonly holderTypesPin?: boolean | undefined;
}

/** How long an ended process may take to be gone before its end is reported regardless: it can hang in the kernel. */
const EXIT_GRACE_MS = 2_000;

/**
 * One child process with one module. Requests go to it one by one, each with a deadline. It keeps this process alive only
 * while a request is under way.
 */
export class HostProcess {
  readonly #child: ChildProcess;
  readonly #settings: HostSettings;
  readonly #exited: Promise<void>;
  readonly #stderr: ReturnType<typeof stderrTail>;
  #last: Promise<unknown> = Promise.resolve();
  #pending: Pending | undefined;
  /** Why the host is of no further use. */
  #fate: RenewalError | undefined;
  #isReady = false;

  /** @throws ERR_MODULE_MISSING when the host or the module cannot be started, ERR_NATIVE_UNAVAILABLE */
  static async start(settings: HostSettings, options: CallOptions = {}): Promise<HostProcess> {
    throwIfAborted(options.signal);
    if (!existsSync(settings.hostPath)) throw unstartable(settings, "the host file is missing");
    const host = new HostProcess(settings);
    try {
      const { module, libraryParameters, rsaPadding } = settings;
      const load = { module, libraryParameters, rsaPadding };
      await host.call("load", load, { ...options, onAbort: "end" });
      return host;
    } catch (error) {
      await host.end();
      throw error;
    }
  }

  /**
   * Whether a host starts here and the native binding loads in it; no module is loaded.
   * @throws ERR_MODULE_MISSING when the host cannot be started, ERR_NATIVE_UNAVAILABLE
   */
  static async tryBinding(settings: HostSettings, options: CallOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
    if (!existsSync(settings.hostPath)) throw unstartable(settings, "the host file is missing");
    const host = new HostProcess(settings);
    try {
      await host.call("binding", undefined, { ...options, onAbort: "end" });
    } finally {
      await host.end();
    }
  }

  private constructor(settings: HostSettings) {
    this.#settings = settings;
    // `windowsHide` is missing in the types of fork, which hands it on to spawn.
    const options: ForkOptions & { readonly windowsHide: boolean } = {
      execPath: settings.execPath,
      execArgv: [],
      env: { ...settings.environment },
      serialization: "advanced",
      // A module that prints must not print into what our caller prints.
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      windowsHide: true,
    };
    this.#child = fork(settings.hostPath, [], options);
    this.#stderr = stderrTail(this.#child.stderr);
    this.#exited = new Promise((resolve) => {
      this.#child.once("exit", (exitCode, signal) => {
        this.#fail(this.#deathOf(exitCode, signal));
        resolve();
      });
      this.#child.once("error", (cause) => {
        this.#fail(unstartable(this.#settings, cause.message, cause));
        if (this.#child.pid === undefined) resolve();
      });
    });
    this.#child.on("message", (reply: Reply) => this.#receive(reply));
    this.#hold(false);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether it can take requests. */
  get isAlive(): boolean {
    return this.#fate === undefined;
  }

  /** Whether no request is under way or waiting. */
  get isIdle(): boolean {
    return this.#pending === undefined;
  }

  /** Words that must not show in what is kept of the module's error output. */
  conceal(secret: string): void {
    this.#stderr.conceal(secret);
  }

  /** @throws what the host reports, ERR_MODULE_HUNG, ERR_MODULE_CRASHED, ERR_ABORTED */
  async call<K extends CallName>(
    call: K,
    params: Params<K>,
    options: HostCallOptions,
  ): Promise<Result<K>> {
    const { signal, onAbort } = options;
    throwIfAborted(signal);
    let isSent = false;
    const answer = this.#last.then(() => {
      isSent = true;
      return this.#send(call, params, options);
    });
    this.#last = answer.catch(() => undefined);
    // A request under way that has to end with its signal is settled by the end of the host.
    const mayLeave = () => onAbort === "forget" || !isSent;
    return (await untilAborted(answer, signal, mayLeave)) as Result<K>;
  }

  /** SIGKILL, and waits until it is gone. Safe to repeat. */
  async end(reason?: RenewalError): Promise<void> {
    this.#fail(reason ?? closed());
    this.#child.kill("SIGKILL");
    await this.#gone();
  }

  /**
   * Lets the module log out and finalise first; a request that is still under way after that time is cut off. Never
   * rejects.
   */
  async close(): Promise<void> {
    const patience = setTimeout(() => void this.end(), this.#settings.deadlines.close);
    await this.call("close", undefined, { onAbort: "end" }).catch(() => undefined);
    clearTimeout(patience);
    this.#fail(closed());
    if (this.#child.connected) this.#child.disconnect();
    if (!(await this.#gone())) await this.end();
  }

  async #send(
    call: CallName,
    params: unknown,
    { signal, onAbort, holderTypesPin = false }: HostCallOptions,
  ): Promise<unknown> {
    throwIfAborted(signal);
    if (this.#fate) throw again(this.#fate);
    const deadlineMs = deadlineOf(call, this.#settings.deadlines, holderTypesPin);
    const { module } = this.#settings;
    const expire = () =>
      void this.end(
        new RenewalError("ERR_MODULE_HUNG", {
          details: { module, request: call, deadlineMs },
          cause: this.#stderr.asCause(),
        }),
      );
    const abort = () => void this.end(new RenewalError("ERR_ABORTED", { cause: signal?.reason }));
    const timer = setTimeout(expire, deadlineMs);
    if (onAbort === "end") signal?.addEventListener("abort", abort, { once: true });
    this.#hold(true);
    try {
      return await new Promise<unknown>((resolve, reject) => {
        this.#pending = { call, resolve, reject };
        this.#child.send({ call, params }, (error) => {
          // The exit that follows tells more.
          if (error !== null && !this.#child.connected) this.#child.kill("SIGKILL");
        });
      });
    } catch (error) {
      // When the caller hears of it, nothing of the request is going on any more.
      if (this.#fate) await this.#gone();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#pending = undefined;
      this.#hold(false);
    }
  }

  #receive(reply: Reply): void {
    if ("ready" in reply) this.#isReady = true;
    else if ("failure" in reply) this.#pending?.reject(fromFailure(reply.failure));
    else this.#pending?.resolve(reply.result);
  }

  #fail(fate: RenewalError): void {
    this.#fate ??= fate;
    this.#pending?.reject(this.#fate);
  }

  #deathOf(exitCode: number | null, signal: string | null): RenewalError {
    if (!this.#isReady) {
      const reason =
        this.#stderr.firstError() ?? `the host process ended with ${exitCode ?? signal}`;
      return unstartable(this.#settings, reason, this.#stderr.asCause());
    }
    const details: Record<string, JsonObject[string]> = { module: this.#settings.module };
    if (this.#pending) details["request"] = this.#pending.call;
    if (exitCode !== null) details["exitCode"] = exitCode;
    if (signal !== null) details["signal"] = signal;
    return new RenewalError("ERR_MODULE_CRASHED", { details, cause: this.#stderr.asCause() });
  }

  /** Whether the process is gone, waiting for it a little. */
  async #gone(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, EXIT_GRACE_MS, false);
    });
    this.#hold(true);
    const isGone = await Promise.race([this.#exited.then(() => true), patience]);
    clearTimeout(timer);
    this.#hold(false);
    return isGone;
  }

  /** An idle host must not keep a program from ending. */
  #hold(isHeld: boolean): void {
    const channel = this.#child.channel;
    if (isHeld) {
      this.#child.ref();
      channel?.ref();
    } else {
      this.#child.unref();
      channel?.unref();
      const { stderr } = this.#child;
      if (stderr && "unref" in stderr && typeof stderr.unref === "function") stderr.unref();
    }
  }
}

interface Pending {
  readonly call: CallName;
  resolve(result: unknown): void;
  reject(error: RenewalError): void;
}

/** The same failure for the next caller, with a stack of its own. */
function again({ code, details, cause }: RenewalError): RenewalError {
  return new RenewalError(code, { details, cause });
}

function closed(): RenewalError {
  return new RenewalError("ERR_ARGUMENT", { details: { reason: "the session is closed" } });
}

function unstartable({ module }: HostSettings, reason: string, cause?: unknown): RenewalError {
  return new RenewalError("ERR_MODULE_MISSING", { cause, details: { module, reason } });
}
