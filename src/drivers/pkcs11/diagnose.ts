import { type Clock, systemClock } from "../../core/clock.js";
import { RenewalError, throwIfAborted } from "../../core/errors.js";
import type { CallOptions } from "../../core/ports/driver.js";
import { withDefaults } from "./deadlines.js";
import type { DiagnosedModule, DiagnosedProgram, Diagnosis } from "./diagnosis.js";
import { type Pkcs11DriverOptions, settingsOf } from "./driver.js";
import { type Examination, examineFile, examineModule, failureOf } from "./examine-module.js";
import { findingsOf } from "./findings.js";
import { HostProcess } from "./host-process.js";
import { type LocateOptions, locate } from "./locate.js";
import { redactDiagnosis } from "./redact-diagnosis.js";

/** What {@link diagnose} looks at: by default, every known module that is on this machine. */
export interface DiagnoseOptions extends Omit<Pkcs11DriverOptions, "module">, CallOptions {
  /** Modules to look at, in place of those that `locate` finds: paths, or names that the dynamic linker finds. */
  readonly modules?: readonly string[] | undefined;
  /** How modules are located. */
  readonly locate?: Omit<LocateOptions, "signal"> | undefined;
  /** Leaves out names of people, serial numbers, labels, key identifiers and home directories. Default false. */
  readonly redact?: boolean | undefined;
  /** For all of it, in milliseconds; modules that are not reached in that time are reported as not tried. Default 90 s. */
  readonly timeLimitMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

const TIME_LIMIT_MS = 90_000;

/**
 * What a support desk asks, in one call: whether the native binding loads, the driver's file is there and fits, it loads, sees
 * readers and tokens; the state of the PIN, free memory, certificates and what shows of their keys; and what to do. Works
 * where there is no token, no module and no pkcs11js. Changes nothing, and asks for no PIN. A module that hangs or crashes is
 * a finding: each runs in child processes of its own, one module after the other.
 *
 * @throws RenewalError ERR_ARGUMENT where an option is wrong, ERR_ABORTED when `signal` aborts
 */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const { signal, timeLimitMs = TIME_LIMIT_MS, clock = systemClock } = options;
  assertOptions(options);
  throwIfAborted(signal);
  const timeOver = AbortSignal.timeout(timeLimitMs);
  const stop = AbortSignal.any([timeOver, ...(signal ? [signal] : [])]);
  /** `undefined` where the time was over first. */
  const inTime = async <T>(action: () => Promise<T>): Promise<T | undefined> => {
    try {
      return stop.aborted ? undefined : await action();
    } catch (error) {
      if (!isAborted(error) || !timeOver.aborted) throw error;
      return undefined;
    } finally {
      throwIfAborted(signal);
    }
  };

  const at = clock.now();
  const program = await examineProgram(options, inTime, stop);
  const modules: DiagnosedModule[] = [];
  for (const candidate of await candidates(options)) {
    const { path } = candidate;
    const file = await examineFile(path);
    const mayLoad = program.binding === "available" && file?.found !== false;
    const examined = mayLoad
      ? await inTime(() => examineModule(settingsOf({ ...options, module: path }), stop))
      : undefined;
    modules.push({ ...candidate, file, ...(examined ?? NOT_TRIED) });
  }
  const diagnosis = { at, program, modules, findings: findingsOf(at, program, modules) };
  return options.redact ? redactDiagnosis(diagnosis) : diagnosis;
}

type Candidate = Pick<DiagnosedModule, "name" | "path" | "source" | "named">;

const NOT_TRIED: Omit<Examination, "state"> & Pick<DiagnosedModule, "state"> = {
  state: "not-tried",
  slots: [],
};

/** Each file once, whatever links lead to it. A proxy shows the tokens of the others again. */
async function candidates({ modules, locate: how, signal }: DiagnoseOptions): Promise<Candidate[]> {
  if (modules !== undefined) return modules.map((path) => ({ path, named: true }));
  const found = (await locate({ ...how, signal })).filter((each) => each.found);
  return found
    .filter(({ kind }) => kind !== "other")
    .filter(({ target }, index, all) => all.findIndex((each) => each.target === target) === index)
    .map(({ name, path, source }) => ({ name, path, source, named: false }));
}

async function examineProgram(
  options: DiagnoseOptions,
  inTime: <T>(action: () => Promise<T>) => Promise<T | undefined>,
  stop: AbortSignal,
): Promise<DiagnosedProgram> {
  const { platform, arch, version: node } = process;
  const binding = await inTime(async () => {
    try {
      // No module is loaded: the name only stands where settings want one.
      await HostProcess.tryBinding(settingsOf({ ...options, module: "none" }), { signal: stop });
      return "available" as const;
    } catch (error) {
      return failureOf(error);
    }
  });
  const late = { code: "ERR_MODULE_HUNG", reason: "the time was over" } as const;
  return { platform, arch, node, binding: binding ?? late };
}

function assertOptions({ deadlines, modules, timeLimitMs }: DiagnoseOptions): void {
  withDefaults(deadlines);
  const problems = [
    ...(timeLimitMs === undefined || (timeLimitMs > 0 && timeLimitMs < 2 ** 31)
      ? []
      : [{ pointer: "/timeLimitMs", message: `no time in ms: ${timeLimitMs}` }]),
    ...(modules ?? []).flatMap((path: unknown, index) =>
      typeof path === "string" && path !== ""
        ? []
        : [{ pointer: `/modules/${index}`, message: "the path of a PKCS#11 module is needed" }],
    ),
  ];
  if (problems.length > 0) throw new RenewalError("ERR_ARGUMENT", { problems });
}

function isAborted(error: unknown): boolean {
  return error instanceof RenewalError && error.code === "ERR_ABORTED";
}
