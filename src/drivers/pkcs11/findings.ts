import { printable } from "../../core/text.js";
import type {
  DiagnosedFailure,
  DiagnosedModule,
  DiagnosedProgram,
  DiagnosedSlot,
  DiagnosedToken,
} from "./diagnosis.js";
import { FINDINGS, type FindingCode, type Severity } from "./finding-texts.js";
import { formatFor } from "./library-file.js";
import { findingsOfToken, hasRenewable, isOfModule } from "./token-findings.js";

/** Something that somebody should know, and what to do about it. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** What was found and what to do, fit for a terminal. */
  readonly en: string;
  readonly zh: string;
  /** The facts in the texts. */
  readonly details: Readonly<Record<string, string | number>>;
}

export type Note = (
  code: FindingCode,
  details?: Finding["details"],
  severity?: Severity,
) => Finding;

/** What the facts mean: the gravest first, and each finding once, however many modules show the same token. */
export function findingsOf(
  at: Date,
  program: DiagnosedProgram,
  modules: readonly DiagnosedModule[],
): readonly Finding[] {
  const tokens = distinctTokens(modules);
  const findings = [
    ...ofProgram(program),
    ...modules.flatMap((module) => ofModule(module, program, tokens.length > 0)),
    ...ofPresence(modules, tokens),
    ...tokens.flatMap((token) => findingsOfToken(token, at, note)),
  ];
  const isReady =
    tokens.some((token) => hasRenewable(token, at)) &&
    findings.every(({ severity }) => severity !== "error");
  const all = isReady ? [...findings, note("ready")] : findings;
  return SEVERITIES.flatMap((severity) => all.filter((each) => each.severity === severity));
}

const SEVERITIES: readonly Severity[] = ["error", "warning", "info"];

function note(
  code: FindingCode,
  details: Finding["details"] = {},
  severity: Severity = FINDINGS[code].severity,
): Finding {
  const { en, zh } = FINDINGS[code];
  return { code, severity, en: filled(en, details), zh: filled(zh, details), details };
}

function ofProgram({ binding }: DiagnosedProgram): Finding[] {
  if (binding === "available") return [];
  const { code, reason } = binding;
  return [
    note(code === "ERR_NATIVE_UNAVAILABLE" ? "native-unavailable" : "host-unavailable", { reason }),
  ];
}

/** A located module that nobody named is no obstacle where another one reaches the token. */
function ofModule(
  module: DiagnosedModule,
  program: DiagnosedProgram,
  isReached: boolean,
): Finding[] {
  const { path, file, state, failure, named, slots } = module;
  const facts = { module: path };
  const grave = (code: FindingCode, details: Finding["details"] = facts) =>
    note(code, details, !named && isReached ? "info" : FINDINGS[code].severity);

  if (file?.found === false) return [grave("module-missing")];
  if (state === "usable") {
    if (slots.length === 0) return [grave("no-slot")];
    return slots.flatMap((slot) => ofSlot(slot, path, grave));
  }
  if (file !== undefined && file.header === undefined) return [grave("module-unreadable")];
  const { header, fits } = file ?? {};
  if (header !== undefined && fits === false) {
    if (header.format !== formatFor(program.platform)) return [grave("module-no-library")];
    const built = header.architectures.join(", ");
    return [grave("module-architecture", { ...facts, built, program: program.arch })];
  }
  if (failure !== undefined) return [grave(...ofFailure(path, failure))];
  return program.binding === "available" ? [grave("not-tried")] : [];
}

function ofSlot(slot: DiagnosedSlot, module: string, grave: Note): Finding[] {
  const { state, description, ckr = "", token } = slot;
  if (state === "uninitialised") return [note("token-uninitialised", { slot: description })];
  if (state === "unreadable") {
    return [grave("token-unreadable", { module, slot: description, reason: ckr })];
  }
  // Another module may read the same token: that this one failed is its own matter.
  const { failure } = token ?? {};
  return failure && isOfModule(failure) ? [grave(...ofFailure(module, failure))] : [];
}

/** What a module was asked, in the words of its vendor. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  load: "C_Initialize",
  library: "C_GetInfo",
  slots: "C_GetSlotList",
  objects: "C_FindObjects",
};

function ofFailure(module: string, failure: DiagnosedFailure): [FindingCode, Finding["details"]] {
  const { code, reason } = failure;
  const during = FUNCTIONS[failure.during ?? ""] ?? "C_Initialize";
  if (code === "ERR_MODULE_CRASHED") return ["module-crashed", { module, reason, during }];
  if (code === "ERR_MODULE_HUNG") return ["module-hung", { module, during }];
  return ["module-unloadable", { module, reason }];
}

function ofPresence(
  modules: readonly DiagnosedModule[],
  tokens: readonly DiagnosedToken[],
): Finding[] {
  if (modules.length === 0) return [note("no-module")];
  const areUsable = modules.some(({ state }) => state === "usable");
  if (tokens.length === 0) return areUsable ? [note("no-token")] : [];
  if (tokens.length === 1) return [];
  const names = tokens.map(({ label, serialNumber }) => label || serialNumber).join(", ");
  return [note("several-tokens", { count: tokens.length, tokens: names })];
}

/** One token may show in the vendor's module, in OpenSC's and in another one. The best reading of it counts. */
function distinctTokens(modules: readonly DiagnosedModule[]): readonly DiagnosedToken[] {
  const tokens = modules.flatMap(({ slots }) => slots.flatMap(({ token }) => token ?? []));
  const byIdentity = new Map<string, DiagnosedToken>();
  for (const token of tokens) {
    const { serialNumber, label, model, manufacturer } = token;
    const identity = JSON.stringify([serialNumber, label, model, manufacturer]);
    const known = byIdentity.get(identity);
    if (known?.objects === undefined) byIdentity.set(identity, token);
  }
  return [...byIdentity.values()];
}

function filled(text: string, details: Finding["details"]): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => printable(String(details[name] ?? "–")));
}
