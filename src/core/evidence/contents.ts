import type { RenewalRecord } from "../record.js";
import { addApplications, addRequests, notYet } from "./application.js";
import {
  type AbsentEvidence,
  type Check,
  createCollection,
  type EvidenceFile,
} from "./collection.js";
import { addInstallation } from "./installation.js";
import { NAME } from "./names.js";
import { addOffer } from "./offer.js";
import { ABOUT, REASON } from "./texts.js";
import { addHolderCertificates, addTrust } from "./trust.js";

export interface Contents {
  readonly files: readonly EvidenceFile[];
  readonly absent: readonly AbsentEvidence[];
  readonly checks: readonly Check[];
}

/** All that a record proves, and how; the trust anchors are the client's. The same record always gives the same bytes. */
export function collectContents(
  record: RenewalRecord,
  trustAnchors: readonly Uint8Array[],
): Contents {
  const collection = createCollection({ at: record.createdAt });
  addHolderCertificates(collection, record);
  addOffer(collection, record);
  addApplications(collection, record);
  addRequests(collection, record);
  addInstallation(collection, record);
  addEncryptionAbsence(collection, record);
  const { collected } = record.issuance;
  const pool = [...(collected?.chain ?? []), ...(collected?.encryption?.chain ?? [])];
  const chains = addTrust(collection, trustAnchors, pool);
  const { files, absent, checks } = collection;
  const inOrder = [...files].sort(({ name: left }, { name: right }) => (left < right ? -1 : 1));
  return { files: inOrder, absent, checks: [...chains, ...checks] };
}

/** Only who has an encryption certificate misses a new one. */
function addEncryptionAbsence(
  collection: ReturnType<typeof createCollection>,
  record: RenewalRecord,
): void {
  if (!record.encryption || record.issuance.collected?.encryption) return;
  const isRenewed = record.application.encryption !== undefined;
  const reason = isRenewed ? notYet(record) : REASON.encryptionKept;
  collection.missing(NAME.renewedEncryption, ABOUT.renewedEncryption, reason);
}
