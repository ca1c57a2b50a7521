import { setImmediate as turn } from "node:timers/promises";
import { untilAborted } from "../../core/abort.js";
import type { Clock } from "../../core/clock.js";
import { type ErrorCode, errorCode, RenewalError, throwIfAborted } from "../../core/errors.js";
import type { FaultPlan } from "../../testing/fault-plan.js";
import type { Fault, MockMethod } from "./faults.js";
import type { Insertion, Reader } from "./reader.js";

/** One call that a driver or its sessions were given. */
export interface MockCall {
  readonly method: MockMethod;
  /** Of the session's token. */
  readonly serialNumber?: string | undefined;
  /** `rejected`: with an error that is not ours, thrown by `onHost`. */
  readonly outcome: "under way" | "ok" | ErrorCode | "rejected";
}

interface CallRequest<T> {
  readonly method: MockMethod;
  readonly insertion?: Insertion | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Throws when there is nothing to call any more. */
  assertUsable(): void;
  /** What takes time and changes nothing; what it resolves to makes the change, and is not called after an abort. */
  prepare(): Promise<() => T>;
}

export type Calls = <T>(request: CallRequest<T>) => Promise<T>;

export interface CallEnvironment {
  readonly log: MockCall[];
  readonly plan: FaultPlan<Fault, MockMethod>;
  readonly reader: Reader;
  readonly clock: Clock;
  readonly deadlineMs: number;
}

/** Runs calls the way a host would: logged, with faults, abortable at any moment, never within the caller's turn. */
export function callsIn({ log, plan, reader, clock, deadlineMs }: CallEnvironment): Calls {
  async function suffer(fault: Fault, request: CallRequest<unknown>): Promise<void> {
    switch (fault.type) {
      case "remove": {
        const token = request.insertion?.token ?? reader.insertions[0]?.token;
        reader.remove(token);
        const next = fault.thenInsert === "same" ? token : fault.thenInsert;
        if (next) reader.insert(next);
        return;
      }
      case "fail":
        throw new RenewalError(fault.code);
      case "crash":
        throw new RenewalError("ERR_MODULE_CRASHED");
      case "hang":
      case "slow": {
        const ms = fault.type === "slow" ? fault.ms : deadlineMs;
        await clock.sleep(Math.min(ms, deadlineMs), request.signal);
        if (ms >= deadlineMs)
          throw new RenewalError("ERR_MODULE_HUNG", { details: { deadlineMs } });
      }
    }
  }

  async function perform<T>(request: CallRequest<T>): Promise<T> {
    const { method, signal } = request;
    const faults = plan.strike(method);
    const check = () => {
      throwIfAborted(signal);
      request.assertUsable();
    };
    check();
    await turn();
    for (const fault of faults.before) await suffer(fault, request);
    check();
    const commit = await untilAborted(request.prepare(), signal);
    check();
    const result = commit();
    for (const fault of faults.after) await suffer(fault, request);
    check();
    return result;
  }

  return async (request) => {
    const { method, insertion } = request;
    const entry = { method, serialNumber: insertion?.token.identity.serialNumber };
    const index = log.push({ ...entry, outcome: "under way" }) - 1;
    try {
      const result = await perform(request);
      log[index] = { ...entry, outcome: "ok" };
      return result;
    } catch (error) {
      log[index] = { ...entry, outcome: errorCode(error) ?? "rejected" };
      throw error;
    }
  };
}
