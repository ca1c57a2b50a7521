import { uncoveredAmount } from "./domain/ledger.js";
import { RenewalError } from "./errors.js";
import type { CloseReason, Stage, State, StepName } from "./lifecycle.js";
import type { RenewalRecord } from "./record.js";

/** Where a step can lead; `closed` is told apart by its reason, since not every state may be refused or lapse. */
type Target = Exclude<State, "closed"> | `closed:${CloseReason}`;

/**
 * What the RA can have done between two looks at it: a client that asks once a day sees the sum of several moves, so each
 * row holds all that is reachable by the RA's and the bank's doing.
 */
const REMOTE: Partial<Record<State, readonly Target[]>> = {
  "awaiting-payment": [
    "awaiting-review",
    "ready-to-install",
    "action-required",
    "closed:lapsed",
    "closed:refused",
    "closed:cancelled",
    "closed:elsewhere",
  ],
  "awaiting-review": [
    "awaiting-payment",
    "ready-to-install",
    "action-required",
    "closed:refused",
    "closed:lapsed",
    "closed:cancelled",
    "closed:elsewhere",
  ],
  "action-required": [
    "awaiting-payment",
    "awaiting-review",
    "ready-to-install",
    "closed:refused",
    "closed:lapsed",
    "closed:cancelled",
    "closed:elsewhere",
  ],
  // An RA may withdraw what it approved; it does not go back to ask for more.
  "ready-to-install": ["closed:lapsed", "closed:refused", "closed:cancelled", "closed:elsewhere"],
};

/** While the certificate is written and not confirmed, the RA may revoke it. */
const WITHDRAWN: readonly Target[] = [
  "closed:lapsed",
  "closed:refused",
  "closed:cancelled",
  "closed:elsewhere",
];

const ACCEPTED: readonly Target[] = [
  "awaiting-payment",
  "awaiting-review",
  "ready-to-install",
  "draft",
];

/** The transition table: from a state, by a step, to these states. What is not in it is refused as ERR_TRANSITION. */
export const TRANSITIONS: Record<State, Partial<Record<StepName, readonly Target[]>>> = {
  draft: { submit: ["submitting"], refresh: [], discard: ["closed:discarded"] },
  submitting: {
    submit: ACCEPTED,
    // What could not be signed, or was refused, leaves the application returned as it was.
    amend: [...ACCEPTED, "action-required"],
    attach: [...ACCEPTED, "action-required"],
    // Days may pass before an interrupted `submit` is continued, and the RA did not wait.
    continue: [
      ...ACCEPTED,
      "action-required",
      "closed:refused",
      "closed:lapsed",
      "closed:cancelled",
      "closed:elsewhere",
    ],
  },
  "awaiting-payment": remoteSteps("awaiting-payment", [
    "refresh",
    "wait",
    "payByBankTransfer",
    "payOnline",
    "cancel",
  ]),
  "awaiting-review": remoteSteps("awaiting-review", ["refresh", "wait", "cancel"]),
  "action-required": {
    ...remoteSteps("action-required", ["refresh", "payByBankTransfer", "payOnline", "cancel"]),
    amend: ["submitting"],
    attach: ["submitting"],
  },
  "ready-to-install": {
    ...remoteSteps("ready-to-install", ["cancel"]),
    install: ["installing", ...WITHDRAWN],
    // Where a reissue that `continue` cleared up is ready at once.
    continue: ["installing", ...WITHDRAWN],
    requestReissue: ["awaiting-review", ...WITHDRAWN],
  },
  installing: {
    install: ["confirming", ...WITHDRAWN],
    continue: ["confirming", ...WITHDRAWN],
    requestReissue: ["awaiting-review", "ready-to-install", ...WITHDRAWN],
  },
  confirming: {
    install: ["completed", ...WITHDRAWN],
    continue: ["completed", ...WITHDRAWN],
  },
  completed: { retirePrevious: [], refresh: [], rebind: [] },
  // What is over stays over, for the reason that it was closed with.
  closed: { refresh: [] },
};

/**
 * Where a certification request that takes the place of another leads besides, whichever step learns of it: its answer may
 * have been lost. Only then does an RA take an approval back.
 */
const AFTER_REISSUE: readonly Target[] = [
  "ready-to-install",
  "awaiting-review",
  "action-required",
  "closed:refused",
];

const REISSUABLE: ReadonlySet<State> = new Set<State>(["ready-to-install", "installing"]);

function remoteSteps(
  from: State,
  steps: readonly StepName[],
): Partial<Record<StepName, readonly Target[]>> {
  return Object.fromEntries(steps.map((step) => [step, REMOTE[from] ?? []]));
}

/** The state follows from the three facts: application, payment, issuance. Nothing else decides it. */
export function deriveState(record: RenewalRecord): State {
  const { application, payment, issuance } = record;
  const { installation } = issuance;
  if (installation?.confirmedAt) return "completed";
  // Once writing has begun it is the pair that counts, whatever becomes of the order: only its revocation ends it.
  if (issuance.status === "revoked") return "closed";
  if (installation?.provenAt) return "confirming";
  if (installation?.begunAt) return "installing";
  // Confirmed, and not by us.
  if (issuance.status === "confirmed") return "closed";
  if (closeReason(record)) return "closed";
  if (application.status === "draft") return "draft";
  if (application.status === "submitting") return "submitting";
  if (application.status === "returned") return "action-required";
  if (issuance.status === "ready") return "ready-to-install";
  if (payment?.open && uncoveredAmount(payment).amount > 0) {
    const looked =
      payment.receipts.length > 0 ||
      payment.instructions.some(({ status }) => status === "rejected");
    return looked ? "action-required" : "awaiting-payment";
  }
  return "awaiting-review";
}

export function closeReason({ application, issuance }: RenewalRecord): CloseReason | undefined {
  switch (application.status) {
    case "discarded":
    case "cancelled":
    case "refused":
    case "lapsed":
      return application.status;
    default:
      if (issuance.status === "confirmed" && !issuance.installation) return "elsewhere";
      // Not collected or confirmed in time.
      return issuance.status === "revoked" && !issuance.installation?.confirmedAt
        ? "lapsed"
        : undefined;
  }
}

const STAGES: Record<State, Stage | undefined> = {
  draft: "application",
  submitting: "application",
  "awaiting-payment": "payment",
  "awaiting-review": "review",
  "action-required": "review",
  "ready-to-install": "installation",
  installing: "installation",
  confirming: "installation",
  completed: "completed",
  closed: undefined,
};

export function stageOf(state: State): Stage | undefined {
  return STAGES[state];
}

/** @throws ERR_TRANSITION when the table has no way from one record to the other by this step */
export function assertTransition(from: RenewalRecord, to: RenewalRecord, step: StepName): void {
  const source = deriveState(from);
  const target = targetOf(to);
  // To stay is no transition: a step may save more than once on its way.
  if (target === targetOf(from)) return;
  const allowed = TRANSITIONS[source][step] ?? [];
  const isAsking = REISSUABLE.has(source) && from.issuance.keyRequest !== undefined;
  if (!allowed.includes(target) && !(isAsking && AFTER_REISSUE.includes(target))) {
    throw new RenewalError("ERR_TRANSITION", { details: { from: source, to: target, step } });
  }
}

function targetOf(record: RenewalRecord): Target {
  const state = deriveState(record);
  return state === "closed" ? `closed:${closeReason(record) ?? "cancelled"}` : state;
}
