import { SIGNATURE_ALGORITHMS } from "../domain/key-algorithm.js";
import { type PaymentLedger, paymentStatus } from "../domain/ledger.js";
import { parseCertificate } from "../pki/certificate.js";
import type { Installation, RenewalRecord, RequestedKey } from "../record.js";
import { closeReason, deriveState, stageOf } from "../transitions.js";
import type {
  SupportBundle,
  SupportCertificate,
  SupportInstallation,
  SupportKey,
  SupportPayment,
} from "./support-bundle.js";

/**
 * Field by field, from what is known to be harmless: numbers, times, flags and words of our own tables. Nothing is taken away
 * from a record, so that a field it gets later is in no bundle before somebody puts it here.
 */

type Described = Omit<SupportBundle, "format" | "version" | "madeAt" | "environment" | "error">;

export function describeRenewal(record: RenewalRecord): Described {
  const { payment, order, outbox, announcement } = record;
  return {
    renewal: progressOf(record),
    certificates: certificatesOf(record),
    offer: offerOf(record),
    application: applicationOf(record),
    payment: payment && paymentOf(payment, announcement !== undefined),
    businessStatus: order?.businessStatus,
    issuance: issuanceOf(record),
    outbox: outbox.map(({ purpose, preparedAt, expiresAt, signed }) => ({
      purpose,
      preparedAt,
      expiresAt,
      signed: signed !== undefined,
    })),
  };
}

function progressOf(record: RenewalRecord): Described["renewal"] {
  const { id, createdAt, updatedAt, dueAt, pollNotBefore, fence, claim } = record;
  const state = deriveState(record);
  return {
    id,
    state,
    stage: stageOf(state),
    closed: closeReason(record),
    createdAt,
    updatedAt,
    dueAt,
    pollNotBefore,
    claims: fence,
    claimedSince: claim?.takenAt,
  };
}

function certificatesOf({ previous, encryption, issuance }: RenewalRecord) {
  const { collected } = issuance;
  const changes = [...(collected?.changes ?? []), ...(collected?.encryption?.changes ?? [])];
  return {
    previous: certificateOf(previous.der),
    encryption: encryption && certificateOf(encryption.der),
    renewed: collected && certificateOf(collected.certificate),
    renewedEncryption: collected?.encryption && certificateOf(collected.encryption.certificate),
    changes: changes.map(({ field }) => field),
  };
}

function certificateOf(der: Uint8Array): SupportCertificate {
  const { keyAlgorithm, keyUsage, notBefore, notAfter } = parseCertificate(der);
  return { keyAlgorithm, keyUsage, notBefore, notAfter, size: der.length };
}

function offerOf({ offer: { offer, document } }: RenewalRecord): Described["offer"] {
  const { createdAt, expiresAt, terms, guards, attachments, encryption } = offer;
  const { keyModes, keyAlgorithms, previous, requestAt, payment } = terms;
  const { window, notAfterRule, amendableUntil, collectUntil } = terms;
  return {
    signed: document !== undefined,
    createdAt,
    expiresAt,
    years: terms.years.map(({ years }) => years),
    guards: guards.length,
    attachments: attachments.length,
    encryption: encryption?.renewal,
    keyModes,
    keyAlgorithms,
    previous,
    requestAt,
    payment,
    window: { opensAt: window.opensAt, closesAt: window.closesAt },
    notAfterRule: {
      basis: notAfterRule.basis,
      toleranceSeconds: notAfterRule.toleranceSeconds,
    },
    amendableUntil,
    collectUntil,
  };
}

function applicationOf({ application }: RenewalRecord): Described["application"] {
  const { status, revision, reasons, choice, requestedKey, request, encryption } = application;
  const { signed, receipt, submittedAt, amendableUntil, abandonedKeys } = application;
  return {
    status,
    revision,
    reasons: reasons.length,
    choice: choice && {
      acceptedAt: choice.acceptedAt,
      years: choice.years,
      keyMode: choice.keyMode,
      keyAlgorithm: choice.keyAlgorithm,
      acknowledged: choice.acknowledged.length,
      attachments: choice.attachments.length,
    },
    requestedKey: requestedKey && keyOf(requestedKey, request),
    encryptionKey: encryption && keyOf(encryption.key, encryption.request),
    signed: signed !== undefined,
    receipt: receipt !== undefined,
    submittedAt,
    amendableUntil,
    abandonedKeys: abandonedKeys?.length ?? 0,
  };
}

function keyOf({ algorithm, spki }: RequestedKey, request: Uint8Array | undefined): SupportKey {
  return { algorithm, made: spki !== undefined, request: request !== undefined };
}

function paymentOf(ledger: PaymentLedger, announced: boolean): SupportPayment {
  const { open, instructions, receipts, refunds } = ledger;
  return {
    status: paymentStatus(ledger),
    open,
    announced,
    instructions: instructions.map(({ kind, status, createdAt }) => ({ kind, status, createdAt })),
    receipts: receipts.map(({ receivedAt }) => receivedAt),
    refunds: refunds.map(({ status, dueAt, sentAt }) => ({ status, dueAt, sentAt })),
  };
}

function issuanceOf({ issuance }: RenewalRecord): Described["issuance"] {
  const { status, collectUntil, reissues = 0, keyRequest, collected, installation } = issuance;
  return {
    status,
    collectUntil,
    reissues,
    keyRequest: keyRequest?.reason,
    collected: collected !== undefined,
    confirmBy: collected?.confirmBy,
    installation: installation && installationOf(installation),
  };
}

function installationOf(installation: Installation): SupportInstallation {
  const { begunAt, provenAt, confirmedAt, proof, continuity, confirmation } = installation;
  const rebindings = installation.rebindings ?? [];
  const count = (wanted: string) => rebindings.filter(({ status }) => status === wanted).length;
  return {
    begunAt,
    provenAt,
    confirmedAt,
    // The record takes any text here.
    proof: SIGNATURE_ALGORITHMS.find((name) => name === proof?.algorithm),
    continuity: continuity !== undefined,
    receipt: confirmation?.receipt !== undefined,
    rebindings: { moved: count("moved"), left: count("left") },
  };
}
