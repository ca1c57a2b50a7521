import { claimCertificate, renewalIdFor } from "./certificate-claim.js";
import { assertNotHeld, whileMarked } from "./claim.js";
import type { Credential } from "./credentials.js";
import type { Order } from "./domain/order.js";
import type { Progress } from "./domain/progress.js";
import { identityOf } from "./domain/token-identity.js";
import { errorCode, RenewalError } from "./errors.js";
import type { Renewal } from "./lifecycle.js";
import { inContext } from "./machine.js";
import { sha256Hex } from "./pki/certificate.js";
import { DerError } from "./pki/der-error.js";
import { parseRequest } from "./pki/request.js";
import type { Session, TokenCertificate } from "./ports/driver.js";
import type { FoundApplication } from "./ports/transport.js";
import type { HeldCertificate, RenewalRecord, RequestedKey } from "./record.js";
import { loadRecord, type OpenRecord, saveRecord } from "./record-store.js";
import { withReply } from "./replies.js";
import { type KeyPurpose, requestedKeyFor } from "./requested-key.js";
import type { Runtime } from "./runtime.js";
import { certificateSigner } from "./signers.js";
import type { UnlockingStepOptions } from "./step-options.js";
import { encryptionChoice } from "./steps/submit.js";
import { heldOf } from "./summaries.js";
import { deriveState } from "./transitions.js";
import { tokenAccess } from "./unlock.js";

/** An order of this certificate with which there is nothing to go on: it is completed or closed. */
export interface FinishedOrder {
  readonly renewalId: string;
  readonly status: Progress["application"]["status"];
  readonly reasons: Progress["application"]["reasons"];
  readonly payment: Progress["payment"];
  readonly order: Order | undefined;
}

/** What the RA has of one certificate. */
export interface LookUpResult {
  /** Under way, stored here now, and ready to be gone on with. */
  readonly renewals: readonly Renewal[];
  readonly finished: readonly FinishedOrder[];
}

/** Finds what was applied for elsewhere with nothing but the key, and stores what is under way. */
export async function lookUp(
  runtime: Runtime,
  credential: Credential,
  options: UnlockingStepOptions,
): Promise<LookUpResult> {
  const { signal } = options;
  const token = identityOf(credential.token);
  const { signing } = credential;
  const { name, business } = runtime.transportFor({ token, signing });
  if (!business?.lookUp) {
    const details = { transport: name, reason: "it cannot look anything up" };
    throw new RenewalError("ERR_UNSUPPORTED", { details });
  }
  const ask = business.lookUp.bind(business);
  await assertNoDraft(runtime, signing.sha256);
  const followSecret =
    (await knownSecret(runtime, signing.sha256)) ??
    Buffer.from(runtime.randomBytes(32)).toString("base64url");
  // No record belongs to the question, so there is nowhere to keep the host; one whose parent dies ends by itself.
  const context = { runtime, token, signal, activity: () => {}, onHost: async () => {} };
  const found = await tokenAccess(context, "look-up", options).use(async (session) => {
    const signer = await certificateSigner(context, session, heldOf(signing));
    const { trustAnchors } = runtime;
    const content = { certificate: signing.der, followSecret };
    const applications = await ask(content, signer, { signal, trustAnchors });
    const { certificates } = await session.certificates({ signal });
    const place = { runtime, session, credential, certificates, followSecret, signal };
    return recordsOf(place, applications);
  });
  const renewals: Renewal[] = [];
  for (const { record } of found) {
    if (record) renewals.push(await adopt(runtime, signing.sha256, record));
  }
  const finished = found.filter(({ record }) => !record).map(({ order }) => order);
  return { renewals, finished };
}

interface Found {
  /** Where it is under way. */
  readonly record: RenewalRecord | undefined;
  readonly order: FinishedOrder;
}

/** What the records are made with. */
interface Place {
  readonly runtime: Runtime;
  readonly session: Session;
  readonly credential: Credential;
  /** All that stand on the token. */
  readonly certificates: readonly TokenCertificate[];
  readonly followSecret: string;
  readonly signal: AbortSignal | undefined;
}

/** An RA remembers only so many: where the renewal is stored here, its own secret is told once more. */
async function knownSecret(runtime: Runtime, sha256: string): Promise<string | undefined> {
  const id = await renewalIdFor(runtime, sha256);
  return id && (await storedHere(runtime, id))?.record.secrets.followSecret;
}

async function storedHere({ store }: Runtime, id: string): Promise<OpenRecord | undefined> {
  try {
    return await loadRecord(store, id);
  } catch (error) {
    if (errorCode(error) === "ERR_RECORD_NOT_FOUND") return undefined;
    throw error;
  }
}

async function recordsOf(
  place: Place,
  applications: readonly FoundApplication[],
): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const application of applications) {
    const { renewalId, reply } = application;
    const { application: told, issuance, payment, order } = reply.progress;
    const { status, reasons } = told;
    const isOpen =
      ["received", "returned", "approved"].includes(status) &&
      issuance.status !== "confirmed" &&
      issuance.status !== "revoked";
    const record = isOpen ? await recordOf(place, application) : undefined;
    found.push({ record, order: { renewalId, status, reasons, payment, order } });
  }
  return found;
}

/** The record as it would stand here, had the application been made here. */
async function recordOf(
  place: Place,
  { renewalId: id, offer, applied, handedIn, reply }: FoundApplication,
): Promise<RenewalRecord> {
  const { token, signing } = place.credential;
  const now = place.runtime.clock.now();
  const appliedAt = reply.progress.order?.appliedAt ?? now;
  const { revision, agreement, years, keyMode, keyAlgorithm, form, acknowledged } = applied;
  const previous = heldOf(signing);
  const choice = {
    acceptedAt: agreement.acceptedAt,
    ...{ years, keyMode, keyAlgorithm, form, acknowledged },
    attachments: applied.attachments,
  };
  const base: RenewalRecord = {
    id,
    createdAt: appliedAt,
    updatedAt: now,
    token: identityOf(token),
    previous,
    encryption: encryptionBeside(place, { offer, applied }),
    offer,
    application: {
      ...{ status: "received", revision, reasons: [], choice },
      ...{ signed: applied.signed, submittedAt: appliedAt },
    },
    issuance: { status: "none" },
    outbox: [],
    fence: 0,
    secrets: { followSecret: place.followSecret },
  };
  const request = handedIn?.request ?? applied.request;
  const encryptionRequest = handedIn?.encryptionRequest ?? applied.encryption?.request;
  const first = await keyOf(place, base, { use: "signing", previous, request });
  const second =
    applied.encryption && base.encryption
      ? await keyOf(place, base, {
          use: "encryption",
          previous: base.encryption,
          request: encryptionRequest,
        })
      : undefined;
  const isReplaced = handedIn !== undefined && applied.request !== undefined;
  const record: RenewalRecord = {
    ...base,
    application: {
      ...base.application,
      requestedKey: first.key,
      request,
      choice: { ...choice, keyMode: first.issue > 0 ? "re-key" : keyMode },
      encryption: second && { key: second.key, request: encryptionRequest },
    },
    issuance: { ...base.issuance, reissues: Math.max(first.issue, isReplaced ? 1 : 0) },
  };
  return withReply(record, reply, now);
}

/**
 * The encryption certificate that was applied for, or that the offer speaks of. The newest on the token may be another one by
 * now: the one that is to take its place, written by a computer that stopped half way.
 */
function encryptionBeside(
  { certificates, credential: { encryption } }: Place,
  { offer, applied }: Pick<FoundApplication, "offer" | "applied">,
): HeldCertificate | undefined {
  const der = applied.encryption?.certificate;
  const sha256 = der ? sha256Hex(der) : offer.offer.encryption?.certificateSha256;
  const held = certificates.find((each) => sha256Hex(each.der) === sha256);
  if (held) return { der: held.der, keyId: held.keyId, label: held.label };
  // It was taken from the token meanwhile; its key has no name to go by.
  if (der) return { der, keyId: new Uint8Array(), label: "" };
  return encryption && heldOf(encryption);
}

/** Further key pairs that one renewal may have made, one after the other. */
const MOST_ISSUES = 8;

/** The key of a request, found by its public half under the names that this renewal gives its keys. */
async function keyOf(
  { session, signal }: Place,
  record: RenewalRecord,
  {
    use,
    previous,
    request,
  }: {
    readonly use: KeyPurpose["use"];
    readonly previous: HeldCertificate;
    readonly request: Uint8Array | undefined;
  },
): Promise<{ readonly key: RequestedKey; readonly issue: number }> {
  const { choice } = record.application;
  if (!choice) throw new RenewalError("ERR_RECORD_CORRUPT", { details: { reason: "no choice" } });
  const wanted = use === "encryption" ? encryptionChoice(record, choice, previous) : choice;
  const named = (issue: number): RequestedKey => {
    // After a reissue the key is a new one, whatever was signed for at first.
    const keyMode = issue > 0 ? "re-key" : wanted.keyMode;
    return requestedKeyFor(record, { ...wanted, keyMode }, previous, { use, issue });
  };
  if (!request) return { key: named(0), issue: 0 };
  const spki = keyRequestedBy(request);
  for (let issue = 0; issue <= MOST_ISSUES; issue += 1) {
    const key = { ...named(issue), spki };
    if (await session.findKeyPair({ keyId: key.keyId, spki }, { signal })) return { key, issue };
  }
  // It was made on another token, or is lost: the renewal can be followed, and `requestReissue` helps.
  return { key: { ...named(0), spki }, issue: 0 };
}

/** @throws ERR_RA_RESPONSE: what was handed in after the application is the RA's word alone */
function keyRequestedBy(request: Uint8Array): Uint8Array {
  try {
    return parseRequest(request).spki;
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    const reason = "a certification request that cannot be read";
    throw new RenewalError("ERR_RA_RESPONSE", { cause, details: { reason } });
  }
}

/**
 * Stores it. Where it is here already, what stands here is kept, unless another computer went on with it since.
 * @throws ERR_RENEWAL_IN_PROGRESS where another one of this certificate is, ERR_RECORD_CLAIMED
 */
async function adopt(runtime: Runtime, sha256: string, found: RenewalRecord): Promise<Renewal> {
  const present = await storedHere(runtime, found.id);
  if (present && !isOutdated(present.record, found)) return runtime.handleOf(present.record);
  if (present && deriveState(present.record) !== "closed") {
    await assertNotHeld(runtime, present.record);
    const { fence, application } = present.record;
    const { returned, abandonedKeys } = application;
    const record = {
      ...found,
      fence: fence + 1,
      application: { ...found.application, returned, abandonedKeys },
    };
    const saved = await saveRecord(runtime.store, record, present.revision);
    return runtime.handleOf(saved.record);
  }
  return whileMarked(async (mark) => {
    const claim = await claimCertificate(runtime, sha256, found.id, mark);
    try {
      const saved = await saveRecord(runtime.store, found, present?.revision ?? 0);
      return await runtime.handleOf(saved.record);
    } catch (error) {
      await runtime.store.remove(claim.key, claim.revision).catch(() => undefined);
      throw error;
    }
  });
}

/** Given up here, or amended or asked for anew from elsewhere. */
function isOutdated(present: RenewalRecord, found: RenewalRecord): boolean {
  const state = deriveState(present);
  if (state === "draft" || state === "closed") return true;
  // What is on its way from here may be what was found.
  if (present.outbox.length > 0 || present.issuance.keyRequest) return false;
  const { revision, request } = found.application;
  if (present.application.revision < revision) return true;
  const same = Buffer.compare(
    present.application.request ?? new Uint8Array(),
    request ?? new Uint8Array(),
  );
  return same !== 0;
}

/** A draft that was never sent is nothing that the RA could tell of, and is discarded or gone on with first. */
async function assertNoDraft(runtime: Runtime, sha256: string): Promise<void> {
  const id = await renewalIdFor(runtime, sha256);
  const stored = id && (await storedHere(runtime, id));
  if (!stored || deriveState(stored.record) !== "draft" || stored.record.secrets.followSecret)
    return;
  const error = new RenewalError("ERR_RENEWAL_IN_PROGRESS", { details: { id: stored.record.id } });
  throw await inContext(runtime, stored.record.id, error);
}
