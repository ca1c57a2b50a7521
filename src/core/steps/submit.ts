import { keepDocuments } from "../attachments.js";
import type { StepContext } from "../context.js";
import { parseCertificate } from "../pki/certificate.js";
import type { Choice, HeldCertificate, RenewalRecord } from "../record.js";
import { requestedKeyFor } from "../requested-key.js";
import type { SubmitOptions, UnlockingStepOptions } from "../step-options.js";
import { findToken } from "../unlock.js";
import { apply } from "./apply.js";
import { decide } from "./choice.js";
import { preflight } from "./preflight.js";

/**
 * draft → submitting → where the RA's answer leads. The holder's choice and all identifiers are saved first: from then on
 * `continue` needs no arguments.
 */
export async function submit(context: StepContext, options: SubmitOptions): Promise<void> {
  context.activity("checking-token");
  const token = await findToken(context.runtime, context.record.token, context.signal);
  const { choice, documents } = await decide(context, options, token);
  const keys = requestedKeys(context.record, choice);
  preflight(token, choice, keys.encryption?.key);
  await keepDocuments(context, documents);
  await context.save((record) => ({
    ...record,
    application: {
      ...record.application,
      status: "submitting",
      choice,
      ...keys,
      // A draft that came back from an earlier try signs anew: the choice may be another.
      request: undefined,
      signed: undefined,
    },
    secrets: {
      followSecret:
        record.secrets.followSecret ??
        Buffer.from(context.runtime.randomBytes(32)).toString("base64url"),
    },
  }));
  await apply(context, "submit", options satisfies UnlockingStepOptions);
}

/** The encryption key may be of another kind than the signing one: then it stays of its kind, where the terms allow it. */
export function encryptionChoice(
  { offer }: RenewalRecord,
  choice: Choice,
  { der }: HeldCertificate,
): Choice {
  const { keyAlgorithm } = parseCertificate(der);
  const isOffered = keyAlgorithm && offer.offer.terms.keyAlgorithms.includes(keyAlgorithm);
  return isOffered ? { ...choice, keyAlgorithm } : choice;
}

/** The keys for which certificates are asked: for signing, and for encryption where both are renewed together. */
function requestedKeys(
  record: RenewalRecord,
  choice: Choice,
): Pick<RenewalRecord["application"], "requestedKey" | "encryption"> {
  const { previous, offer, encryption } = record;
  const together = offer.offer.encryption?.renewal === "together" ? encryption : undefined;
  return {
    requestedKey: requestedKeyFor(record, choice, previous, { use: "signing", issue: 0 }),
    encryption: together && {
      key: requestedKeyFor(record, encryptionChoice(record, choice, together), together, {
        use: "encryption",
        issue: 0,
      }),
    },
  };
}
