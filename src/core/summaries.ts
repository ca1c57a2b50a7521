import {
  openOnlinePayment,
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

/** The way back. */
export function heldOf({ der, keyId, label }: CertificateSummary): HeldCertificate {
  return { der, keyId: new Uint8Array(Buffer.from(keyId, "hex")), label };
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
    online: openOnlinePayment(ledger),
  };
}

/** `undefined` until the renewal is completed. */
export function reportOf(record: RenewalRecord): RenewalReport | undefined {
  const { application, issuance } = record;
  const { collected, installation } = issuance;
  const { requestedKey, choice } = application;
  if (!collected || !requestedKey || !choice) return undefined;
  if (!installation?.provenAt || !installation.confirmedAt) return undefined;
  const renewed = summarize({ der: collected.certificate, ...requestedKey });
  return {
    renewalId: record.id,
    businessNumber: record.order?.businessNumber,
    token: record.token,
    previous: summarize(record.previous),
    renewed,
    encryption: encryptionOutcome(record),
    validFrom: renewed.notBefore,
    keyMode: choice.keyMode,
    changes: collected.changes,
    bindAgain:
      choice.keyMode === "re-key"
        ? ["serialNumber", "thumbprint", "publicKey"]
        : ["serialNumber", "thumbprint"],
    continuity: installation.continuity,
    rebindings: installation.rebindings ?? [],
    provenAt: installation.provenAt,
    confirmedAt: installation.confirmedAt,
  };
}

function encryptionOutcome(record: RenewalRecord): RenewalReport["encryption"] {
  const { encryption: held, offer, application, issuance } = record;
  if (!held) return undefined;
  const previous = summarize(held);
  const { collected } = issuance;
  if (application.encryption && collected?.encryption) {
    const { keyId, label } = application.encryption.key;
    const der = collected.encryption.certificate;
    const { changes } = collected.encryption;
    const renewed = summarize({ der, keyId, label });
    return { outcome: "renewed", previous, renewed, changes };
  }
  const terms = offer.offer.encryption;
  const reason = terms?.note ?? "the RA did not offer to renew it";
  return { outcome: "kept", previous, reason };
}
