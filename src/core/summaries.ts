import {
  outstandingAmount,
  type PaymentLedger,
  paymentStatus,
  receivedAmount,
  uncoveredAmount,
} from "./domain/ledger.js";
import { parseCertificate } from "./pki/certificate.js";
import type { HeldCertificate, RenewalRecord } from "./record.js";
import type { CredentialReference } from "./runtime.js";
import type { CertificateSummary, PaymentView, RenewalReport } from "./views.js";

/** Views for people and programs, computed from what is stored. */

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function summarize({ der, keyId, label }: HeldCertificate): CertificateSummary {
  const { subject, issuer, serialNumber, notBefore, notAfter, sha256 } = parseCertificate(der);
  return {
    subject,
    issuer,
    serialNumber,
    notBefore,
    notAfter,
    sha256,
    keyId: hex(keyId),
    label,
    der,
  };
}

export function credentialOf(record: RenewalRecord): CredentialReference {
  return { token: record.token, signing: summarize(record.previous) };
}

export function viewPayment(ledger: PaymentLedger): PaymentView {
  return {
    ...ledger,
    status: paymentStatus(ledger),
    received: receivedAmount(ledger),
    outstanding: outstandingAmount(ledger),
    uncovered: uncoveredAmount(ledger),
  };
}

/** `undefined` until the renewal is completed. */
export function reportOf(record: RenewalRecord): RenewalReport | undefined {
  const { application, issuance } = record;
  const { collected, installation } = issuance;
  const { requestedKey, choice } = application;
  if (!collected || !requestedKey || !choice) return undefined;
  if (!installation?.provenAt || !installation.confirmedAt) return undefined;
  return {
    renewalId: record.id,
    businessNumber: record.order?.businessNumber,
    token: record.token,
    previous: summarize(record.previous),
    renewed: summarize({ der: collected.certificate, ...requestedKey }),
    keyMode: choice.keyMode,
    changes: collected.changes,
    bindAgain:
      choice.keyMode === "re-key"
        ? ["serialNumber", "thumbprint", "publicKey"]
        : ["serialNumber", "thumbprint"],
    provenAt: installation.provenAt,
    confirmedAt: installation.confirmedAt,
  };
}
