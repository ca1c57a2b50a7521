import { RenewalError } from "./errors.js";
import type { RenewalRecord } from "./record.js";
import type { Runtime } from "./runtime.js";
import { credentialOf } from "./summaries.js";
import type { GuardQuestion } from "./views.js";

/** Always asked where the old certificate ends before the new one is on the token. */
const REVOKED_AT_ISSUANCE: GuardQuestion = {
  id: "previous-revoked-at-issuance",
  from: "terms",
  en: "The present certificate is revoked the moment the new one is issued, before it is installed. Is that acceptable?",
  zh: "新证书一经签发,现有证书即被吊销(此时新证书尚未安装)。是否接受?",
};

/**
 * The questions to be answered now: the RA's, the terms', and the platform's, which is asked anew each time.
 * @throws ERR_UNEXPECTED when the platform's callback fails: a question that cannot be asked is not a question answered
 */
export async function guardQuestions(
  runtime: Runtime,
  record: RenewalRecord,
): Promise<readonly GuardQuestion[]> {
  const { offer } = record.offer;
  const fromRa = offer.guards.map((guard) => ({ ...guard, from: "ra" as const }));
  const fromTerms = offer.terms.previous === "revoke-at-issuance" ? [REVOKED_AT_ISSUANCE] : [];
  try {
    const asked = (await runtime.guards?.(credentialOf(record))) ?? [];
    const fromPlatform = asked.map(({ id, en, zh }) => ({ id, en, zh, from: "platform" as const }));
    return [...fromRa, ...fromTerms, ...fromPlatform];
  } catch (cause) {
    throw new RenewalError("ERR_UNEXPECTED", {
      cause,
      details: { reason: "the client's guards callback failed" },
    });
  }
}

/** @throws ERR_GUARD_UNACKNOWLEDGED naming each question that is open */
export function assertAcknowledged(
  questions: readonly GuardQuestion[],
  acknowledged: readonly string[] = [],
): void {
  const open = questions.filter(({ id }) => !acknowledged.includes(id));
  if (open.length === 0) return;
  throw new RenewalError("ERR_GUARD_UNACKNOWLEDGED", {
    details: { guards: open.map(({ id }) => id) },
    problems: open.map(({ id, en }) => ({ pointer: "/acknowledge", message: `${id}: ${en}` })),
  });
}
