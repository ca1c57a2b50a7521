/** Which call a fault of a mock is for. */
export interface FaultTrigger {
  /** The n-th matching call from now on, 1 being the next. Default 1. `every`: all of them, for ever. */
  readonly call?: number | "every" | undefined;
  /** Before the call has an effect, or after it while its answer is still to come. Default `before`. */
  readonly when?: "before" | "after" | undefined;
}

export interface FaultPlan<Fault extends FaultTrigger, Call> {
  arm(fault: Fault): void;
  /** Counts a call, and gives what strikes it. */
  strike(call: Call): { readonly before: readonly Fault[]; readonly after: readonly Fault[] };
}

/** Faults that wait for their call; each strikes once, or for ever. */
export function faultPlan<Fault extends FaultTrigger, Call>(
  initial: readonly Fault[],
  matches: (fault: Fault, call: Call) => boolean,
): FaultPlan<Fault, Call> {
  let armed: { readonly fault: Fault; calls: number }[] = [];
  const arm = (fault: Fault) => {
    armed.push({ fault, calls: 0 });
  };
  for (const fault of initial) arm(fault);
  return {
    arm,
    strike(call) {
      const matching = armed.filter(({ fault }) => matches(fault, call));
      for (const each of matching) each.calls += 1;
      const striking = matching.filter(
        ({ fault, calls }) => fault.call === "every" || calls === (fault.call ?? 1),
      );
      armed = armed.filter((each) => each.fault.call === "every" || !striking.includes(each));
      const at = (moment: FaultTrigger["when"]) =>
        striking.map(({ fault }) => fault).filter(({ when = "before" }) => when === moment);
      return { before: at("before"), after: at("after") };
    },
  };
}
