import { SIGNATURE_ALGORITHMS } from "../domain/key-algorithm.js";
import { parseCertificate, toPem } from "../pki/certificate.js";
import type { CollectedCertificate, Proof, RenewalRecord } from "../record.js";
import { notYet } from "./application.js";
import { type Collection, MEDIA_TYPE } from "./collection.js";
import { certificateTarget, NAME } from "./names.js";
import { certificateIsFor, verifySignatureOf } from "./openssl.js";
import { linkConfirmationReceipt } from "./receipt.js";
import { ABOUT, REASON, TITLE } from "./texts.js";

const STATEMENT = "installation/proof.json";
const SIGNATURE = "installation/proof.sig";
const CONFIRMATION = "installation/confirmation.p7m";

/** How what was issued is known to be on the token: the proof, the confirmation, the continuity statement. */
export function addInstallation(collection: Collection, record: RenewalRecord): void {
  const { collected, installation } = record.issuance;
  const absent = notYet(record);
  if (!collected) collection.missing(NAME.renewed, ABOUT.renewed, absent);
  if (collected && installation?.proof) addProof(collection, collected, installation.proof);
  else collection.missing(STATEMENT, ABOUT.proofStatement, absent);
  addConfirmation(collection, record);
  addContinuity(collection, record);
}

function addProof(
  collection: Collection,
  { certificate }: CollectedCertificate,
  { statement, signature, algorithm: name }: Proof,
): void {
  const { spki } = parseCertificate(certificate);
  const { publicKey } = NAME;
  collection.file(publicKey, MEDIA_TYPE.publicKey, ABOUT.publicKey, toPem(spki, "PUBLIC KEY"));
  collection.file(STATEMENT, MEDIA_TYPE.json, ABOUT.proofStatement, statement);
  collection.file(SIGNATURE, MEDIA_TYPE.octets, ABOUT.proofSignature, signature);
  const title = TITLE.sameKey(NAME.renewed, publicKey);
  collection.check(title, certificateIsFor(NAME.renewed, publicKey));
  const algorithm = SIGNATURE_ALGORITHMS.find((each) => each === name);
  if (algorithm) {
    const files = { signature: SIGNATURE, publicKey, algorithm };
    const command = verifySignatureOf(STATEMENT, files);
    collection.check(TITLE.signature(SIGNATURE, STATEMENT), command);
  }
  const opened = { name: STATEMENT, content: statement };
  collection.link(opened, certificateTarget(NAME.renewed, certificate));
}

function addConfirmation(collection: Collection, record: RenewalRecord): void {
  const { issuance, outbox, previous } = record;
  const { collected, installation } = issuance;
  const absent = installation?.confirmedAt ? REASON.notSigned : notYet(record);
  // Signed together with the proof, it waits in the outbox until the RA has it.
  const pending = outbox.find(({ purpose }) => purpose === "confirmation")?.signed;
  const signed = installation?.confirmation?.signed ?? pending;
  const opened = collection.message(signed, {
    name: CONFIRMATION,
    opened: "opened/confirmation.json",
    about: ABOUT.confirmation,
    absent,
  });
  if (opened) {
    collection.link(opened, certificateTarget(NAME.previous, previous.der));
    if (collected) collection.link(opened, certificateTarget(NAME.renewed, collected.certificate));
    if (collected?.encryption) {
      const { certificate } = collected.encryption;
      collection.link(opened, certificateTarget(NAME.renewedEncryption, certificate));
    }
  }
  const receipt = collection.message(installation?.confirmation?.receipt, {
    name: "installation/confirmation-receipt.p7m",
    opened: "opened/confirmation-receipt.json",
    about: ABOUT.confirmationReceipt,
    absent,
  });
  if (receipt && signed) linkConfirmationReceipt(collection, receipt, CONFIRMATION, signed);
}

/** The outer message is the new key's; what is in it is a message of the old key's. */
function addContinuity(collection: Collection, record: RenewalRecord): void {
  const { collected, installation } = record.issuance;
  const outer = collection.message(installation?.continuity, {
    name: "installation/continuity.p7m",
    opened: "opened/continuity.p7m",
    about: ABOUT.continuity,
    absent: installation?.provenAt ? REASON.oldKeyGone : notYet(record),
  });
  if (!outer) return;
  const inner = collection.opened(outer, "opened/continuity.json");
  if (!inner) return;
  collection.link(inner, certificateTarget(NAME.previous, record.previous.der));
  if (collected) collection.link(inner, certificateTarget(NAME.renewed, collected.certificate));
}
