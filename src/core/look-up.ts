import { claimCertificate } from "./certificate-claim.js";
import { whileMarked } from "./claim.js";
import type { Credential } from "./credentials.js";
import type { Order } from "./domain/order.js";
import type { Progress } from "./domain/progress.js";
import { identityOf } from "./domain/token-identity.js";
import { errorCode, RenewalError } from "./errors.js";
import type { Renewal } from "./lifecycle.js";
import { parseRequest } from "./pki/request.js";
import type { Session } from "./ports/driver.js";
import type { FoundApplication } from "./ports/transport.js";
import type { HeldCertificate, RenewalRecord, RequestedKey } from "./record.js";
import { loadRecord, saveRecord } from "./record-store.js";
import { withReply } from "./replies.js";
import { type KeyPurpose, requestedKeyFor } from "./requested-key.js";
import type { Runtime } from "./runtime.js";
import { certificateSigner } from "./signers.js";
import type { UnlockingStepOptions } from "./step-options.js";
import { encryptionChoice } from "./steps/submit.js";
import { heldOf } from "./summaries.js";
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
  const followSecret = Buffer.from(runtime.randomBytes(32)).toString("base64url");
  // No record belongs to the question, so there is nowhere to keep the host; one whose parent dies ends by itself.
  const context = { runtime, token, signal, activity: () => {}, onHost: async () => {} };
  const found = await tokenAccess(context, "look-up", options).use(async (session) => {
    const signer = await certificateSigner(context, session, heldOf(signing));
    const { trustAnchors } = runtime;
    const content = { certificate: signing.der, followSecret };
    const applications = await ask(content, signer, { signal, trustAnchors });
    return recordsOf(runtime, session, credential, followSecret, applications);
  });
  const renewals: Renewal[] = [];
  for (const { record } of found.filter(({ isOpen }) => isOpen)) {
    renewals.push(await adopt(runtime, signing.sha256, record));
  }
  const finished = found.filter(({ isOpen }) => !isOpen).map(({ order }) => order);
  return { renewals, finished };
}

interface Found {
  readonly record: RenewalRecord;
  readonly isOpen: boolean;
  readonly order: FinishedOrder;
}

async function recordsOf(
  runtime: Runtime,
  session: Session,
  credential: Credential,
  followSecret: string,
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
    const record = await recordOf(runtime, session, credential, followSecret, application);
    found.push({ record, isOpen, order: { renewalId, status, reasons, payment, order } });
  }
  return found;
}

/** The record as it would stand here, had the application been made here. */
async function recordOf(
  runtime: Runtime,
  session: Session,
  { token, signing, encryption }: Credential,
  followSecret: string,
  { renewalId: id, offer, applied, handedIn, reply }: FoundApplication,
): Promise<RenewalRecord> {
  const now = runtime.clock.now();
  const { revision, agreement, years, keyMode, keyAlgorithm, form, acknowledged } = applied;
  const previous = heldOf(signing);
  const choice = {
    acceptedAt: agreement.acceptedAt,
    ...{ years, keyMode, keyAlgorithm, form, acknowledged },
    attachments: applied.attachments,
  };
  const base: RenewalRecord = {
    id,
    createdAt: reply.progress.order?.appliedAt ?? now,
    updatedAt: now,
    token: identityOf(token),
    previous,
    encryption: encryption && heldOf(encryption),
    offer,
    application: { status: "received", revision, reasons: [], choice, signed: applied.signed },
    issuance: { status: "none" },
    outbox: [],
    fence: 0,
    secrets: { followSecret },
  };
  const request = handedIn?.request ?? applied.request;
  const first = await keyOf(session, base, previous, "signing", request);
  const second =
    applied.encryption && base.encryption
      ? await keyOf(
          session,
          base,
          base.encryption,
          "encryption",
          handedIn?.encryptionRequest ?? applied.encryption.request,
        )
      : undefined;
  const record: RenewalRecord = {
    ...base,
    application: {
      ...base.application,
      requestedKey: first.key,
      request,
      encryption: second && {
        key: second.key,
        request: handedIn?.encryptionRequest ?? applied.encryption?.request,
      },
    },
    issuance: { ...base.issuance, reissues: first.issue },
  };
  return withReply(record, reply, now);
}

/** Further key pairs that one renewal may have made, one after the other. */
const MOST_ISSUES = 8;

/** The key of a request, found by its public half under the names that this renewal gives its keys. */
async function keyOf(
  session: Session,
  record: RenewalRecord,
  previous: HeldCertificate,
  use: KeyPurpose["use"],
  request: Uint8Array | undefined,
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
  const { spki } = parseRequest(request);
  for (let issue = 0; issue <= MOST_ISSUES; issue += 1) {
    const key = { ...named(issue), spki };
    if (await session.findKeyPair({ keyId: key.keyId, spki })) return { key, issue };
  }
  // It was made on another token, or is lost: the renewal can be followed, and `requestReissue` helps.
  return { key: { ...named(0), spki }, issue: 0 };
}

/** Stores it, unless it is here already. @throws ERR_RENEWAL_IN_PROGRESS where another one of this certificate is */
async function adopt(runtime: Runtime, sha256: string, record: RenewalRecord): Promise<Renewal> {
  const present = await loadRecord(runtime.store, record.id).catch((error: unknown) => {
    if (errorCode(error) === "ERR_RECORD_NOT_FOUND") return undefined;
    throw error;
  });
  if (present) return runtime.handleOf(present.record);
  return whileMarked(async (mark) => {
    const claim = await claimCertificate(runtime, sha256, record.id, mark);
    try {
      return await runtime.handleOf((await saveRecord(runtime.store, record, 0)).record);
    } catch (error) {
      await runtime.store.remove(claim.key, claim.revision).catch(() => undefined);
      throw error;
    }
  });
}
