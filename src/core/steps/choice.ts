import { checkAttachments } from "../attachments.js";
import type { StepContext } from "../context.js";
import type { KeyAlgorithm } from "../domain/key-algorithm.js";
import type { Offer } from "../domain/offer.js";
import type { JsonObject } from "../domain/scalars.js";
import { type Problem, RenewalError } from "../errors.js";
import { checkFormSchema, validateForm } from "../form.js";
import { assertAcknowledged, guardQuestions } from "../guards.js";
import { parseCertificate } from "../pki/certificate.js";
import type { Token } from "../ports/driver.js";
import type { AttachmentDocument } from "../ports/transport.js";
import type { Choice } from "../record.js";
import type { SubmitOptions } from "../step-options.js";

/**
 * What the holder decided, checked against the offer before anything is sent or written.
 * @throws ERR_CERTIFICATE_EXPIRED, ERR_OFFER_STALE, ERR_AGREEMENT_MISMATCH, ERR_GUARD_UNACKNOWLEDGED, ERR_FORM_INVALID,
 *   ERR_ATTACHMENT_INVALID, ERR_ARGUMENT, ERR_ALGORITHM_UNSUPPORTED
 */
export async function decide(
  context: StepContext,
  options: SubmitOptions,
  token: Token,
): Promise<{ readonly choice: Choice; readonly documents: readonly AttachmentDocument[] }> {
  const { record } = context;
  const { offer } = record.offer;
  const now = context.now();
  const { notAfter } = parseCertificate(record.previous.der);
  // An RA may take applications for some time after the end; only its offer tells.
  if (notAfter <= now && offer.terms.window.closesAt <= now) {
    throw new RenewalError("ERR_CERTIFICATE_EXPIRED", {
      details: { notAfter: notAfter.toISOString() },
    });
  }
  if (offer.expiresAt <= now) {
    throw new RenewalError("ERR_OFFER_STALE", {
      details: { expiresAt: offer.expiresAt.toISOString() },
    });
  }
  assertAccepted(offer, options);
  const problems = argumentProblems(offer, options);
  if (problems.length > 0) throw new RenewalError("ERR_ARGUMENT", { problems });
  const form = { ...offer.form.values, ...options.form };
  assertForm(offer, form);
  const { attachments, documents } = checkAttachments(offer.attachments, options.attachments);
  const questions = await guardQuestions(context.runtime, record, context.signal);
  assertAcknowledged(questions, options.acknowledge);
  const keyMode = options.keyMode ?? (offer.terms.keyModes.includes("re-key") ? "re-key" : "renew");
  const choice = {
    acceptedAt: now,
    years: options.years,
    form,
    attachments,
    acknowledged: questions.map(({ id }) => id),
    keyMode,
    keyAlgorithm: chooseKeyAlgorithm(record.previous.der, offer, token, { ...options, keyMode }),
  };
  return { choice, documents };
}

/** @throws ERR_FORM_SCHEMA, ERR_FORM_INVALID */
export function assertForm({ form: { schema } }: Offer, form: JsonObject): void {
  checkFormSchema(schema);
  const problems = validateForm(schema, form);
  if (problems.length > 0) throw new RenewalError("ERR_FORM_INVALID", { problems });
}

function assertAccepted({ agreement }: Offer, { accept }: SubmitOptions): void {
  if (accept?.sha256 === agreement.sha256 && accept.version === agreement.version) return;
  throw new RenewalError("ERR_AGREEMENT_MISMATCH", {
    details: { version: agreement.version, sha256: agreement.sha256 },
  });
}

function argumentProblems({ terms }: Offer, options: SubmitOptions): Problem[] {
  const problems: Problem[] = [];
  const years = terms.years.map((term) => term.years);
  if (!years.includes(options.years)) {
    problems.push({ pointer: "/years", message: `must be one of ${years.join(", ")}` });
  }
  if (options.keyMode && !terms.keyModes.includes(options.keyMode)) {
    problems.push({ pointer: "/keyMode", message: `must be one of ${terms.keyModes.join(", ")}` });
  }
  return [...problems, ...formProblems(options.form)];
}

/** Of what a caller gave as the form's values, which TypeScript may not have seen. */
export function formProblems(form: unknown): Problem[] {
  const isObject = typeof form === "object" && form !== null && !Array.isArray(form);
  return form === undefined || isObject ? [] : [{ pointer: "/form", message: "must be an object" }];
}

function chooseKeyAlgorithm(
  previous: Uint8Array,
  { terms }: Offer,
  token: Token,
  options: SubmitOptions,
): KeyAlgorithm {
  const present = parseCertificate(previous).keyAlgorithm;
  if (options.keyMode === "renew") {
    if (present && (options.keyAlgorithm ?? present) === present) return present;
    if (present) {
      const message = `must be ${present}, the present key's, or be left out`;
      throw new RenewalError("ERR_ARGUMENT", { problems: [{ pointer: "/keyAlgorithm", message }] });
    }
    throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED", {
      details: { algorithm: "of the present key" },
    });
  }
  const usable = terms.keyAlgorithms.filter((name) => token.keyAlgorithms.includes(name));
  const wanted =
    options.keyAlgorithm ?? (present && usable.includes(present) ? present : usable[0]);
  if (wanted && usable.includes(wanted)) return wanted;
  throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED", {
    details: {
      algorithm: wanted ?? "of a new key",
      offered: [...terms.keyAlgorithms],
      token: [...token.keyAlgorithms],
    },
  });
}
