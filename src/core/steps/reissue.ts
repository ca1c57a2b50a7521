import type { StepContext } from "../context.js";
import { identityOf, sameToken } from "../domain/token-identity.js";
import { RenewalError } from "../errors.js";
import { deliver, drop, intoOutbox, pendingExchange, reconcile, settle } from "../outbox.js";
import { parseCertificate } from "../pki/certificate.js";
import type { Session, TokenIdentity } from "../ports/driver.js";
import type { Exchange, Signer } from "../ports/transport.js";
import type {
  Choice,
  HeldCertificate,
  KeyRequest,
  RenewalRecord,
  RequestedKey,
} from "../record.js";
import { withReply } from "../replies.js";
import { type KeyPurpose, requestedKeyFor } from "../requested-key.js";
import { freshId } from "../runtime.js";
import { tokenSigner } from "../signers.js";
import type { ContinueOptions, ReissueOptions } from "../step-options.js";
import { deriveState } from "../transitions.js";
import { type TokenAccess, tokenAccess } from "../unlock.js";
import { makeCertificationRequest } from "./certification-requests.js";
import { assertNotClosed } from "./confirm.js";
import { businessOf } from "./pay.js";
import { encryptionChoice } from "./submit.js";

const REASONS: ReadonlySet<string> = new Set<ReissueOptions["reason"]>([
  "key-lost",
  "token-replaced",
  "certificate-unusable",
]);

/** ready-to-install, installing → ready-to-install, awaiting-review: another certificate in the place of one of no use. */
export async function requestReissue(context: StepContext, options: ReissueOptions): Promise<void> {
  const token = checkReissue(context, options);
  await handIn(context, { reason: options.reason, token }, options, (plan) =>
    tokenAccess({ ...unlocking(context), token: plan.token }, "reissue", options),
  );
}

/** The certification request of an application whose terms want it at installation. */
export async function requestAtInstallation(
  context: StepContext,
  access: TokenAccess,
  options: ContinueOptions,
): Promise<void> {
  const { token } = context.record;
  await handIn(context, { reason: "installation", token }, options, () => access);
}

/**
 * Plans the key, saves the plan, makes the key, and hands in its request. One of an earlier try whose outcome is open is
 * cleared up first.
 */
async function handIn(
  context: StepContext,
  wanted: Pick<KeyRequest, "reason" | "token">,
  options: ContinueOptions,
  accessTo: (plan: KeyRequest) => TokenAccess,
): Promise<void> {
  if ((await clearUp(context, wanted, options)) === "done") return;
  // What was cleared up was another one, and is too old to be sent: there is nothing that the terms still want.
  if (wanted.reason === "installation" && context.record.application.request) return;
  const plan = resumed(context, wanted) ?? planFor(context, wanted);
  await context.save((record) => ({
    ...record,
    issuance: { ...record.issuance, keyRequest: plan },
  }));
  const exchange = await accessTo(plan).use((session) => sign(context, session, plan));
  await deliver(context, exchange);
}

/**
 * Sends again what was to be handed in for the same purpose. What was to be handed in for another one, the holder has thought
 * better of, unless the RA has it: then it counts, and this one follows where the RA takes it now.
 */
async function clearUp(
  context: StepContext,
  wanted: Pick<KeyRequest, "reason" | "token">,
  options: ContinueOptions,
): Promise<"done" | "open"> {
  const pending = pendingExchange(context.record, "certification-request");
  // At installation any request will do.
  const isSame = wanted.reason === "installation" || isPlanned(context.record, wanted);
  if (pending && isSame && (await settle(context, pending, options)) === "done") return "done";
  const unclear = await reconcile(context);
  assertNotClosed(context);
  const left = pendingExchange(context.record, "certification-request");
  if (left && unclear.includes(left) && !options.repeat) {
    throw new RenewalError("ERR_OUTCOME_UNCLEAR", { details: { purpose: left.purpose } });
  }
  if (left) await drop(context, left);
  if (wanted.reason !== "installation") await assertStillOpen(context);
  return deriveState(context.record) === "awaiting-review" ? "done" : "open";
}

/** The RA may have ended it meanwhile: better seen before a key pair is made. Where asking costs a PIN, its refusal tells. */
async function assertStillOpen(context: StepContext): Promise<void> {
  const { transport, signal } = context;
  if (transport.traits.polling !== "free") return;
  const reply = await transport.progress(context.reference(), { signal });
  await context.save((record) => withReply(record, reply, context.now()));
  assertNotClosed(context);
}

function isPlanned(
  { issuance: { keyRequest } }: RenewalRecord,
  { reason, token }: Pick<KeyRequest, "reason" | "token">,
): boolean {
  return keyRequest?.reason === reason && sameToken(keyRequest.token, token);
}

/** What an interrupted try planned for the same purpose: the key that it may have made is found again. */
function resumed(
  { record }: StepContext,
  wanted: Pick<KeyRequest, "reason" | "token">,
): KeyRequest | undefined {
  const { keyRequest } = record.issuance;
  if (!keyRequest || !isPlanned(record, wanted)) return undefined;
  const { reason } = wanted;
  if (reason === "certificate-unusable") return keyRequest;
  // The key may be lost once more: it is looked for, and made where it is not there.
  const { key, encryptionKey } = keyRequest;
  const unmade = (made: RequestedKey): RequestedKey =>
    record.application.choice?.keyMode === "renew" && reason === "installation"
      ? made
      : { ...made, spki: undefined };
  return { ...keyRequest, key: unmade(key), encryptionKey: encryptionKey && unmade(encryptionKey) };
}

function planFor(
  { record }: StepContext,
  { reason, token }: Pick<KeyRequest, "reason" | "token">,
): KeyRequest {
  const { application, previous, encryption, issuance } = record;
  const { choice, requestedKey } = application;
  if (!choice || !requestedKey) {
    throw new RenewalError("ERR_RECORD_CORRUPT", {
      details: { reason: "nothing was applied for" },
    });
  }
  // The key is good where only the certificate is not, and is not made yet at installation.
  if (reason === "installation" || reason === "certificate-unusable") {
    return { reason, token, key: requestedKey, encryptionKey: application.encryption?.key };
  }
  const issue = (issuance.reissues ?? 0) + 1;
  const fresh = (use: KeyPurpose["use"], held: HeldCertificate, wanted: Choice): RequestedKey =>
    requestedKeyFor(record, { ...wanted, keyMode: "re-key" }, held, { use, issue });
  return {
    reason,
    token,
    key: fresh("signing", previous, choice),
    encryptionKey:
      application.encryption &&
      encryption &&
      fresh("encryption", encryption, encryptionChoice(record, choice, encryption)),
  };
}

async function sign(context: StepContext, session: Session, plan: KeyRequest): Promise<Exchange> {
  const { record, runtime, signal } = context;
  const { previous, encryption } = record;
  const business = businessOf(context);
  const first = await makeCertificationRequest(context, session, plan.key, previous);
  const second =
    plan.encryptionKey && encryption
      ? await makeCertificationRequest(context, session, plan.encryptionKey, encryption)
      : undefined;
  if (!business.prepareCertificationRequest) throw unsupported(context);
  const exchange = await business.prepareCertificationRequest(
    {
      idempotencyKey: freshId(runtime),
      reference: context.reference(),
      reason: plan.reason,
      request: first.request,
      encryptionRequest: second?.request,
    },
    await previousSignerIfThere(context, session),
    { signal },
  );
  const signed: KeyRequest = {
    ...plan,
    key: first.key,
    encryptionKey: second?.key,
    request: first.request,
    encryptionRequest: second?.request,
  };
  await context.save((current) => ({
    ...intoOutbox(current, exchange),
    issuance: { ...current.issuance, keyRequest: signed },
  }));
  return exchange;
}

/** On a token that was wiped or replaced the old key is gone, and the follow secret has to do. */
async function previousSignerIfThere(
  context: StepContext,
  session: Session,
): Promise<Signer | undefined> {
  const { der, keyId } = context.record.previous;
  const key = { keyId, spki: parseCertificate(der).spki };
  const found = await session.findKeyPair(key, { signal: context.signal });
  return found && tokenSigner(context, session, key, der);
}

/** @throws ERR_ARGUMENT, ERR_UNSUPPORTED */
function checkReissue(context: StepContext, { reason, token }: ReissueOptions): TokenIdentity {
  const { record } = context;
  const fail = (pointer: string, message: string) =>
    new RenewalError("ERR_ARGUMENT", { problems: [{ pointer, message }] });
  if (!REASONS.has(reason)) throw fail("/reason", `must be one of ${[...REASONS].join(", ")}`);
  if ((reason === "token-replaced") !== (token !== undefined)) {
    throw fail("/token", "goes with the reason token-replaced, and with no other");
  }
  if (!context.transport.business?.prepareCertificationRequest) throw unsupported(context);
  const { keyModes } = record.offer.offer.terms;
  if (reason !== "certificate-unusable" && !keyModes.includes("re-key")) {
    const details = {
      transport: context.transport.name,
      reason: "the terms allow no new key pair",
    };
    throw new RenewalError("ERR_UNSUPPORTED", { details });
  }
  return token ? identityOf(token) : record.token;
}

const unsupported = ({ transport }: StepContext) =>
  new RenewalError("ERR_UNSUPPORTED", {
    details: { transport: transport.name, reason: "it takes no certification request afterwards" },
  });

/** What unlocking needs of a step, for a token that is not the record's. */
function unlocking({ runtime, signal, activity, onHost }: StepContext) {
  return { runtime, signal, activity, onHost };
}
