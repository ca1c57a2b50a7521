import { createHash } from "node:crypto";
import type { StepContext } from "../context.js";
import { parseCertificate } from "../pki/certificate.js";
import type { Choice, RenewalRecord, RequestedKey } from "../record.js";
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
  const choice = await decide(context, options, token);
  preflight(token, choice);
  await context.save((record) => ({
    ...record,
    application: {
      ...record.application,
      status: "submitting",
      choice,
      requestedKey: requestedKey(record, choice),
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
  await apply(context, options satisfies UnlockingStepOptions);
}

/**
 * With `renew` the old key. With `re-key` a CKA_ID of our own, the same for the whole renewal whatever else is chosen in
 * between, so that what an interrupted try left on the token is found again.
 */
function requestedKey(
  { id, createdAt, previous }: RenewalRecord,
  { keyMode, keyAlgorithm }: Choice,
): RequestedKey {
  if (keyMode === "renew") {
    const { spki } = parseCertificate(previous.der);
    return { keyId: previous.keyId, label: previous.label, algorithm: keyAlgorithm, spki };
  }
  const digest = createHash("sha256").update(`certrenew key pair ${id}`).digest();
  const month = createdAt.toISOString().slice(0, 7);
  return {
    keyId: new Uint8Array(digest.subarray(0, 20)),
    label: `${previous.label || "certificate"} ${month}`,
    algorithm: keyAlgorithm,
  };
}
