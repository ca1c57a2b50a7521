import type { StepContext } from "./context.js";
import { RenewalError } from "./errors.js";
import { given, givenOrNone } from "./given.js";
import { offeredQuestions, shownQuestions } from "./guards.js";
import type { Renewal, RenewalBase, State } from "./lifecycle.js";
import { type HandleState, runStep, type StepBody } from "./machine.js";
import type { RenewalRecord } from "./record.js";
import { redactRecord } from "./record-codec.js";
import type { Runtime } from "./runtime.js";
import { estimateReviewEnd } from "./schedule.js";
import type {
  ContinueOptions,
  OnlinePayment,
  ReissueOptions,
  UnlockingStepOptions,
} from "./step-options.js";
import { amend, attach } from "./steps/amend.js";
import { continueSubmitting } from "./steps/apply.js";
import { cancel } from "./steps/cancel.js";
import { continueConfirming } from "./steps/confirm.js";
import { discard, refreshOffer } from "./steps/draft.js";
import { continueInstalling, install } from "./steps/install.js";
import { payByBankTransfer } from "./steps/pay.js";
import { payOnline } from "./steps/pay-online.js";
import { rebindAll } from "./steps/rebind.js";
import { refresh } from "./steps/refresh.js";
import { requestReissue } from "./steps/reissue.js";
import { retirePrevious } from "./steps/retire.js";
import { submit } from "./steps/submit.js";
import { reportOf, summarize, viewPayment } from "./summaries.js";
import { closeReason, deriveState, stageOf } from "./transitions.js";
import { waitForChange } from "./wait.js";

/** A record becomes the handle of its state: the data, and only the steps that are legal there. */
export async function createHandle(
  runtime: Runtime,
  record: RenewalRecord,
  carrier?: "event",
): Promise<Renewal> {
  const handle: HandleState = { id: record.id, state: deriveState(record), spent: false };
  const guards =
    carrier === "event" ? offeredQuestions(record) : await shownQuestions(runtime, record);
  const base = describe(record, guards);
  const run: Run = (step, options, body) => runStep(runtime, handle, step, options, body);
  return HANDLES[handle.state](base, run, { runtime, handle, record });
}

type Run = <R extends Renewal>(
  step: Parameters<typeof runStep>[2],
  options: ContinueOptions | undefined,
  body: StepBody,
) => Promise<R>;

interface Behind {
  readonly runtime: Runtime;
  readonly handle: HandleState;
  readonly record: RenewalRecord;
}

type Base = Omit<RenewalBase<State>, "state">;

const cancellable = (run: Run) => ({
  cancel: (options?: ContinueOptions) =>
    run<never>("cancel", options, (context) => cancel(context, givenOrNone(options))),
});

const refreshable = (run: Run) => ({
  refresh: (options?: ContinueOptions) =>
    run<never>("refresh", options, (context) => refresh(context, givenOrNone(options))),
});

const HANDLES: {
  [S in State]: (base: Base, run: Run, behind: Behind) => Extract<Renewal, { state: S }>;
} = {
  draft: (base, run) => ({
    ...base,
    state: "draft",
    submit: (options) => run("submit", options, (context) => submit(context, given(options))),
    refresh: (options) => run("refresh", options, refreshOffer),
    discard: (options) => run("discard", options, discard),
  }),
  submitting: (base, run) => ({
    ...base,
    state: "submitting",
    continue: (options) =>
      run("continue", options, (context) => continueSubmitting(context, givenOrNone(options))),
  }),
  "awaiting-payment": (base, run, behind) => ({
    ...base,
    state: "awaiting-payment",
    ...refreshable(run),
    ...cancellable(run),
    ...payable(run),
    wait: (options) => waitForChange(behind.runtime, behind.handle, options),
  }),
  "awaiting-review": (base, run, behind) => ({
    ...base,
    state: "awaiting-review",
    ...refreshable(run),
    ...cancellable(run),
    wait: (options) => waitForChange(behind.runtime, behind.handle, options),
  }),
  "action-required": (base, run) => ({
    ...base,
    state: "action-required",
    ...refreshable(run),
    ...cancellable(run),
    ...payable(run),
    amend: (options) => run("amend", options, (context) => amend(context, given(options))),
    attach: (options) => run("attach", options, (context) => attach(context, given(options))),
  }),
  "ready-to-install": (base, run) => ({
    ...base,
    state: "ready-to-install",
    ...cancellable(run),
    ...reissuable(run),
    install: (options) =>
      run("install", options, (context) => install(context, givenOrNone(options))),
  }),
  installing: (base, run) => ({
    ...base,
    state: "installing",
    ...reissuable(run),
    continue: (options) =>
      run("continue", options, (context) => continueInstalling(context, givenOrNone(options))),
  }),
  confirming: (base, run) => ({
    ...base,
    state: "confirming",
    continue: (options) =>
      run("continue", options, (context) => continueConfirming(context, givenOrNone(options))),
  }),
  completed: (base, run, { record }) => {
    const report = reportOf(record);
    if (!report) {
      throw new RenewalError("ERR_RECORD_CORRUPT", {
        details: { id: record.id, reason: "completed without a report" },
      });
    }
    return {
      ...base,
      state: "completed",
      report,
      refresh: (options) =>
        run("refresh", options, (context) => refreshWhatIsLeft(context, givenOrNone(options))),
      rebind: (options) => run("rebind", options, rebindAll),
      retirePrevious: (options) =>
        run("retirePrevious", options, (context) => retirePrevious(context, given(options))),
    };
  },
  closed: (base, run, { record }) => ({
    ...base,
    state: "closed",
    reason: closeReason(record) ?? "cancelled",
    refresh: (options) =>
      run("refresh", options, (context) => refreshWhatIsLeft(context, givenOrNone(options))),
  }),
};

/** After the end: without the secret there is nothing left to follow at the RA. */
async function refreshWhatIsLeft(
  context: StepContext,
  options: UnlockingStepOptions,
): Promise<void> {
  if (context.record.secrets.followSecret) await refresh(context, options);
}

function reissuable(run: Run) {
  return {
    requestReissue: (options: ReissueOptions) =>
      run<never>("requestReissue", options, (context) => requestReissue(context, given(options))),
  };
}

function payable(run: Run) {
  return {
    payByBankTransfer: (transfer: Parameters<typeof payByBankTransfer>[1]) =>
      run<never>("payByBankTransfer", transfer, (context) =>
        payByBankTransfer(context, given(transfer, "ERR_PAYMENT_INVALID")),
      ),
    payOnline: (payment: OnlinePayment) =>
      run<never>("payOnline", payment, (context) =>
        payOnline(context, given(payment, "ERR_PAYMENT_INVALID")),
      ),
  };
}

function describe(record: RenewalRecord, guards: Base["guards"]): Base {
  const { id, token, application, order, payment, createdAt, updatedAt } = record;
  const state = deriveState(record);
  return {
    id,
    stage: stageOf(state),
    token,
    previous: summarize(record.previous),
    offer: record.offer.offer,
    order,
    payment: payment && viewPayment(payment),
    reasons: application.reasons,
    guards,
    due: dueOf(record),
    createdAt,
    updatedAt,
    toJSON: () => redactRecord(record),
  };
}

function dueOf(record: RenewalRecord): Base["due"] {
  const { dueAt, issuance, application } = record;
  const { collectUntil, collected } = issuance;
  switch (deriveState(record)) {
    case "ready-to-install":
      return told(collectUntil ?? dueAt);
    case "installing":
    case "confirming":
      return told(collected?.confirmBy ?? collectUntil);
    case "completed":
    case "closed":
      return undefined;
    case "action-required":
      return told(amendmentDeadline(record) ?? dueAt);
    case "awaiting-review":
      return told(dueAt) ?? estimated(application.submittedAt);
    default:
      return told(dueAt);
  }
}

/** None where only the rest of the money is asked for. */
function amendmentDeadline({ application, offer }: RenewalRecord): Date | undefined {
  if (application.status !== "returned") return undefined;
  return application.amendableUntil ?? offer.offer.terms.amendableUntil;
}

const told = (at: Date | undefined): Base["due"] => at && { at, estimated: false };

const estimated = (since: Date | undefined): Base["due"] =>
  since && { at: estimateReviewEnd(since), estimated: true };
