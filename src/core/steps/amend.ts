import { checkAttachments, keepDocuments } from "../attachments.js";
import type { StepContext } from "../context.js";
import { type Problem, RenewalError } from "../errors.js";
import { reconcile } from "../outbox.js";
import type { Choice } from "../record.js";
import { nextRevision } from "../revisions.js";
import type { AmendOptions, AttachOptions } from "../step-options.js";
import { apply } from "./apply.js";
import { assertForm, formProblems } from "./choice.js";

/** action-required → submitting → where the RA's answer leads: the next revision, with what is corrected. */
export async function amend(context: StepContext, options: AmendOptions): Promise<void> {
  const { form, attachments } = options;
  const problems = argumentProblems(options);
  if (problems.length > 0) throw new RenewalError("ERR_ARGUMENT", { problems });
  const before = returnedChoice(context);
  const { offer } = context.record.offer;
  const corrected = { ...before.form, ...form };
  assertForm(offer, corrected);
  const checked = checkAttachments(offer.attachments, attachments, before.attachments);
  await reconcile(context);
  await keepDocuments(context, checked.documents);
  const choice = { ...before, form: corrected, attachments: checked.attachments };
  await context.save((record) => nextRevision(record, choice));
  await apply(context, "amend", options);
}

/** Documents alone. */
export async function attach(context: StepContext, options: AttachOptions): Promise<void> {
  const { attachments } = options;
  if (!Array.isArray(attachments) || attachments.length === 0) {
    const problems = [{ pointer: "/attachments", message: "must be a list of documents" }];
    throw new RenewalError("ERR_ATTACHMENT_INVALID", { problems });
  }
  await amend(context, { ...options, form: undefined, attachments });
}

function argumentProblems({ form, attachments }: AmendOptions): Problem[] {
  if (form !== undefined || attachments !== undefined) return formProblems(form);
  return [{ pointer: "", message: "must name form fields or attachments to change" }];
}

/** @throws ERR_TRANSITION where only money is asked for, ERR_DEADLINE_PASSED */
function returnedChoice({ record, step, now }: StepContext): Choice {
  const { status, choice, amendableUntil } = record.application;
  if (status !== "returned" || !choice) {
    const reason = "the application was not returned: only the rest of the money is asked for";
    const details = { from: "action-required", to: "submitting", step, reason };
    throw new RenewalError("ERR_TRANSITION", { details });
  }
  const until = amendableUntil ?? record.offer.offer.terms.amendableUntil;
  if (until && until <= now()) {
    throw new RenewalError("ERR_DEADLINE_PASSED", { details: { until: until.toISOString() } });
  }
  return choice;
}
