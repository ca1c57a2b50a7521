import { EventEmitter } from "eventemitter3";
import type { Renewal, Stage, State, StepName } from "./lifecycle.js";

/** What a step is doing now, for a line of progress. */
export type Activity =
  | "checking-token"
  | "asking-pin"
  | "unlocking"
  | "generating-key-pair"
  | "signing"
  | "uploading"
  | "sending"
  | "asking-outcome"
  | "collecting"
  | "verifying"
  | "writing"
  | "proving"
  | "confirming"
  | "rebinding";

/** Events observe: what a listener does or throws changes nothing. */
export interface ClientEvents {
  /** The renewal went into another of the guide's five stages. */
  stage: { readonly renewal: Renewal; readonly stage: Stage; readonly previous: Stage | undefined };
  state: { readonly renewal: Renewal; readonly state: State; readonly previous: State | undefined };
  /** A step does something that may take time. */
  activity: { readonly id: string; readonly step: StepName; readonly activity: Activity };
  /** `wait` asks again after `delayMs`. */
  waiting: {
    readonly renewal: Renewal;
    readonly delayMs: number;
    /** The failure of the last look, when there was one: the RA is asked again all the same. */
    readonly error?: Error | undefined;
  };
  /** A listener threw. */
  "listener-error": { readonly event: string; readonly error: unknown };
}

export interface Emitter {
  emit<E extends keyof ClientEvents>(event: E, payload: ClientEvents[E]): void;
  /** Returns the function that ends the listening. */
  on<E extends keyof ClientEvents>(
    event: E,
    listener: (payload: ClientEvents[E]) => void,
  ): () => void;
}

export function createEmitter(): Emitter {
  const emitter = new EventEmitter<{
    [E in keyof ClientEvents]: (payload: ClientEvents[E]) => void;
  }>();
  return {
    emit(event, payload) {
      // One listener at a time: emit() would stop at the first that throws.
      const report = (error: unknown) => {
        if (event !== "listener-error") this.emit("listener-error", { event, error });
      };
      for (const listener of emitter.listeners(event)) {
        try {
          // A listener may be an async function; its rejection would end the process.
          const result = (listener as (payload: unknown) => unknown)(payload);
          Promise.resolve(result).catch(report);
        } catch (error) {
          report(error);
        }
      }
    },
    on(event, listener) {
      // A wrapper of its own, so that the same function can be registered twice and each undo ends one of them.
      const own = (payload: never) => listener(payload);
      emitter.on(event, own as never);
      return () => void emitter.off(event, own as never);
    },
  };
}
