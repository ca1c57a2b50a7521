import { z } from "zod";
import { shortText } from "../core/domain/scalars.js";
import { ROUTE_NAMES, type RouteName } from "../transport/http/wire/route-names.js";

/** What is wrong with a certificate that is handed out. `too-short`: it ends a year before what was agreed. */
export type CertificateFlaw = (typeof CERTIFICATE_FLAWS)[number];

const CERTIFICATE_FLAWS = [
  "wrong-key",
  "wrong-chain",
  "expired",
  "too-short",
  "other-subject",
] as const;

/** What is wrong with a document of the RA. `subscriber-signed`: by a certificate of the same CA that is no RA's. */
export type DocumentFlaw = "unsigned" | "bad-signature" | "subscriber-signed";

/** One thing that goes wrong. */
export type Fault =
  /** The answer takes this long. */
  | { readonly kind: "latency"; readonly ms: number }
  /** This status instead of any work; 429 and 503 may carry `Retry-After`, seconds or a date. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: string | undefined }
  /** The connection is cut before any work. */
  | { readonly kind: "dropped-request" }
  /** The work is done and saved, and the connection cut before the answer. */
  | { readonly kind: "lost-response" }
  /** The work is done, and half the answer arrives. */
  | { readonly kind: "truncated-body" }
  /** The work is done, and the answer is this text instead. */
  | { readonly kind: "malformed-body"; readonly body?: string | undefined }
  /** Of an offer or a receipt. */
  | { readonly kind: "document"; readonly flaw: DocumentFlaw }
  /** Of a certificate that is collected. */
  | { readonly kind: "certificate"; readonly flaw: CertificateFlaw }
  /** This application is reviewed after this time, whatever the policy says. */
  | { readonly kind: "slow-review"; readonly ms: number }
  /** This application is returned with these reasons once, before it is approved. */
  | { readonly kind: "returned-first"; readonly reasons: readonly string[] };

/** A fault and the calls that it befalls. */
export interface ScenarioStep {
  readonly route: RouteName | "*";
  /** The first call of the route that it befalls, counted from 1 since the scenario was set. Default: 1. */
  readonly nth?: number | undefined;
  /** How many calls in a row. Default: 1. */
  readonly times?: number | undefined;
  readonly fault: Fault;
}

const faultSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("latency"), ms: z.int().min(0).max(600_000) }),
  z.strictObject({
    kind: z.literal("status"),
    status: z.int().min(400).max(599),
    retryAfter: shortText.optional(),
  }),
  z.strictObject({ kind: z.literal("dropped-request") }),
  z.strictObject({ kind: z.literal("lost-response") }),
  z.strictObject({ kind: z.literal("truncated-body") }),
  z.strictObject({ kind: z.literal("malformed-body"), body: z.string().optional() }),
  z.strictObject({
    kind: z.literal("document"),
    flaw: z.enum(["unsigned", "bad-signature", "subscriber-signed"]),
  }),
  z.strictObject({
    kind: z.literal("certificate"),
    flaw: z.enum(CERTIFICATE_FLAWS),
  }),
  z.strictObject({ kind: z.literal("slow-review"), ms: z.int().min(0) }),
  z.strictObject({ kind: z.literal("returned-first"), reasons: z.array(shortText).min(1) }),
]);

export const scenarioSchema = z.array(
  z.strictObject({
    route: z.enum([...ROUTE_NAMES, "*"]),
    nth: z.int().min(1).optional(),
    times: z.int().min(1).optional(),
    fault: faultSchema,
  }),
) satisfies z.ZodType<readonly ScenarioStep[], unknown>;

/** The faults of one call, by kind. */
export type Faults = { readonly [K in Fault["kind"]]?: Extract<Fault, { kind: K }> };

export interface Scenario {
  set(steps: readonly ScenarioStep[]): void;
  /** Counts a call, and tells what befalls it. */
  next(route: RouteName): Faults;
}

export function createScenario(initial: readonly ScenarioStep[]): Scenario {
  let steps: readonly (ScenarioStep & { readonly seen: { calls: number } })[] = [];
  const scenario: Scenario = {
    set(next) {
      steps = next.map((step) => ({ ...step, seen: { calls: 0 } }));
    },
    next(route) {
      const faults = steps
        .filter((step) => step.route === route || step.route === "*")
        .filter(({ nth = 1, times = 1, seen }) => {
          seen.calls += 1;
          return seen.calls >= nth && seen.calls < nth + times;
        })
        .map(({ fault }) => [fault.kind, fault]);
      return Object.fromEntries(faults) as Faults;
    },
  };
  scenario.set(initial);
  return scenario;
}
