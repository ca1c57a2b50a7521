import type { RouteName } from "../transport/http/wire/route-names.js";
import type { Answer } from "./answers.js";
import type { Call } from "./desk.js";
import type { Fault, Faults } from "./faults.js";

/** One call as the RA saw it. No bodies, and no follow secret. */
export interface LoggedRequest {
  readonly at: Date;
  readonly route: RouteName;
  readonly renewalId?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** 0 where there was no answer. */
  readonly status: number;
  readonly faults: readonly Fault["kind"][];
}

export interface RequestLog {
  add(call: Call, answer: Answer, faults: Faults): void;
  /** The last ones, the oldest first. */
  list(): readonly LoggedRequest[];
}

const SIZE = 1000;

export function createRequestLog(now: () => Date): RequestLog {
  let entries: LoggedRequest[] = [];
  return {
    add({ route, renewalId, header, idempotencyKey }, { status, cut }, faults) {
      const entry: LoggedRequest = {
        at: now(),
        route,
        renewalId: renewalId || undefined,
        idempotencyKey: header("idempotency-key") ?? idempotencyKey,
        status: cut === "nothing" ? 0 : status,
        faults: Object.keys(faults) as Fault["kind"][],
      };
      entries = [...entries, entry].slice(-SIZE);
    },
    list: () => entries,
  };
}
