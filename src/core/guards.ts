import { setImmediate as nextTurn } from "node:timers/promises";
import { untilAborted } from "./abort.js";
import { canDecrypt, type Envelope } from "./can-decrypt.js";
import { errorCode, RenewalError } from "./errors.js";
import type { State } from "./lifecycle.js";
import { opensFiles, parseCertificate } from "./pki/certificate.js";
import type { RenewalRecord } from "./record.js";
import type { Runtime } from "./runtime.js";
import { credentialOf } from "./summaries.js";
import { deriveState } from "./transitions.js";
import type { GuardQuestion } from "./views.js";

/** Always asked where the old certificate ends before the new one is on the token. */
const REVOKED_AT_ISSUANCE: GuardQuestion = {
  id: "previous-revoked-at-issuance",
  from: "terms",
  en: "The present certificate is revoked the moment the new one is issued, before it is installed. Is that acceptable?",
  zh: "新证书一经签发,现有证书即被吊销(此时新证书尚未安装)。是否接受?",
};

/** Asked where what is encrypted to the credential is encrypted to another certificate from then on. */
const FILES_ENCRYPTED_TO_PREVIOUS: GuardQuestion = {
  id: "files-encrypted-to-previous",
  from: "token",
  en: "Files that were encrypted to the present certificate, such as bids already uploaded, are opened only with its present key. That key stays on the token, and must not be removed while they are needed. What is uploaded after the renewal is to be encrypted to the new certificate, and a platform may want bids to be encrypted and uploaded again. Are you aware of that?",
  zh: "用现有证书加密的文件(例如已上传的投标文件)只能用现有密钥解密。该密钥会继续保留在 USB Key 中,在这些文件开启之前请勿删除。更新之后上传的文件应使用新证书加密;部分平台可能要求重新加密并上传投标文件。是否已知悉?",
};

/** Where the next step wants them answered. */
const ANSWERED_IN: ReadonlySet<State> = new Set<State>(["draft", "ready-to-install"]);

/** How long a handle waits for the platform. A step waits as long as its signal lets it. */
const PATIENCE_MS = 5_000;

/** The questions that follow from the record: the RA's, the terms', and the token's. */
export function offeredQuestions(record: RenewalRecord): readonly GuardQuestion[] {
  const { offer } = record.offer;
  return [
    ...offer.guards.map((guard) => ({ ...guard, from: "ra" as const })),
    ...(offer.terms.previous === "revoke-at-issuance" ? [REVOKED_AT_ISSUANCE] : []),
    ...(changesDecryptionCertificate(record) ? [FILES_ENCRYPTED_TO_PREVIOUS] : []),
  ];
}

function changesDecryptionCertificate({ previous, encryption, offer }: RenewalRecord): boolean {
  const renewsEncryption = encryption && offer.offer.encryption?.renewal === "together";
  return renewsEncryption === true || opensFiles(parseCertificate(previous.der));
}

/**
 * All questions to be answered now; the platform is asked anew each time.
 * @throws ERR_UNEXPECTED when the platform's callback fails: a question that cannot be asked is not a question answered;
 *   ERR_ABORTED
 */
export async function guardQuestions(
  runtime: Runtime,
  record: RenewalRecord,
  signal?: AbortSignal,
): Promise<readonly GuardQuestion[]> {
  return [...offeredQuestions(record), ...(await platformQuestions(runtime, record, signal))];
}

/**
 * What a handle shows. A platform that fails, or takes its time, hides neither the handle nor the other questions: its own
 * are missing then, and the step, which asks again, names them.
 */
export async function shownQuestions(
  runtime: Runtime,
  record: RenewalRecord,
): Promise<readonly GuardQuestion[]> {
  const offered = offeredQuestions(record);
  if (!runtime.guards || !ANSWERED_IN.has(deriveState(record))) return offered;
  const stop = new AbortController();
  // Time is taken only from one that does not answer at once.
  const late = nextTurn()
    .then(() => runtime.clock.sleep(PATIENCE_MS, stop.signal))
    .then(() => offered);
  try {
    return await Promise.race([guardQuestions(runtime, record, stop.signal), late]);
  } catch {
    return offered;
  } finally {
    stop.abort();
  }
}

/** @throws ERR_ARGUMENT when the answer is no list of ids, ERR_GUARD_UNACKNOWLEDGED naming each question that is open */
export function assertAcknowledged(
  questions: readonly GuardQuestion[],
  acknowledged: readonly string[] = [],
): void {
  if (!Array.isArray(acknowledged) || !acknowledged.every((id) => typeof id === "string")) {
    const message = "must be a list of the guards' ids";
    throw new RenewalError("ERR_ARGUMENT", { problems: [{ pointer: "/acknowledge", message }] });
  }
  const open = questions.filter(({ id }) => !acknowledged.includes(id));
  if (open.length === 0) return;
  throw new RenewalError("ERR_GUARD_UNACKNOWLEDGED", {
    details: { guards: open.map(({ id }) => id) },
    problems: open.map(({ id, en }) => ({ pointer: "/acknowledge", message: `${id}: ${en}` })),
  });
}

async function platformQuestions(
  runtime: Runtime,
  record: RenewalRecord,
  signal: AbortSignal | undefined,
): Promise<readonly GuardQuestion[]> {
  const { guards } = runtime;
  if (!guards) return [];
  try {
    const options = {
      signal,
      canDecrypt: (envelope: Envelope) => canDecrypt(runtime, envelope, { signal }),
    };
    const asked = (async () => guards(credentialOf(record), options))();
    const questions = await untilAborted(asked, signal);
    return questions.map(({ id, en, zh }) => ({ id, en, zh, from: "platform" as const }));
  } catch (cause) {
    if (errorCode(cause) === "ERR_ABORTED" && signal?.aborted) throw cause;
    throw new RenewalError("ERR_UNEXPECTED", {
      cause,
      details: { reason: "the client's guards callback failed" },
    });
  }
}
