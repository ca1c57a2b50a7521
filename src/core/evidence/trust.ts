import { parseCertificate, toPem } from "../pki/certificate.js";
import { CMC_RA } from "../pki/extensions.js";
import { verifyChain } from "../pki/verify.js";
import type { RenewalRecord } from "../record.js";
import { printable } from "../text.js";
import { type Check, type CollectedSigner, type Collection, MEDIA_TYPE } from "./collection.js";
import { NAME } from "./names.js";
import { ANCHORS, INTERMEDIATES, isRegistrationAuthority, verifyCertificate } from "./openssl.js";
import { ABOUT, TITLE } from "./texts.js";

/** The holder's own certificates, before what they signed comes in. */
export function addHolderCertificates(collection: Collection, record: RenewalRecord): void {
  const { previous, encryption, application, issuance, createdAt } = record;
  const { collected, installation } = issuance;
  const appliedAt = application.choice?.acceptedAt ?? createdAt;
  collection.certificate(previous.der, NAME.previous, ABOUT.previous, appliedAt);
  if (encryption) {
    const { previousEncryption } = NAME;
    collection.certificate(encryption.der, previousEncryption, ABOUT.previousEncryption, appliedAt);
  }
  if (!collected) return;
  const installedAt = installation?.provenAt ?? record.updatedAt;
  collection.certificate(collected.certificate, NAME.renewed, ABOUT.renewed, installedAt);
  if (!collected.encryption) return;
  const { certificate } = collected.encryption;
  const about = ABOUT.renewedEncryption;
  collection.certificate(certificate, NAME.renewedEncryption, about, installedAt);
}

/** The anchors, the intermediates that lead to them, and the check of every certificate, now that all of them are known. */
export function addTrust(
  collection: Collection,
  trustAnchors: readonly Uint8Array[],
  pool: readonly Uint8Array[],
): readonly Check[] {
  const results = collection.signers.map((signer) => ({
    ...signer,
    at: withinValidity(signer),
    result: verifyChain({
      certificate: signer.certificate.der,
      intermediates: [...pool, ...collection.passengers],
      trustAnchors,
      at: withinValidity(signer),
    }),
  }));
  const used = results.flatMap(({ result }) => result.chain?.slice(1, -1) ?? []);
  const intermediates = [...new Map(used.map(({ sha256, der }) => [sha256, der])).values()];
  const { certificates } = MEDIA_TYPE;
  collection.file(ANCHORS, certificates, ABOUT.anchors, pemOf(trustAnchors));
  if (intermediates.length > 0) {
    collection.file(INTERMEDIATES, certificates, ABOUT.intermediates, pemOf(intermediates));
  }
  const chains = results.map(({ name, at, result: { problem } }) =>
    problem === undefined
      ? {
          title: TITLE.chain(name, at),
          commands: [verifyCertificate(name, at, intermediates.length > 0)],
        }
      : { title: TITLE.noChain(name, printable(problem)), commands: [] },
  );
  return [...chains, ...authorityChecks(collection)];
}

/** Who is not the holder speaks for the RA, and must be entitled to: others have certificates of the same CA as well. */
function authorityChecks({ signers }: Collection): Check[] {
  const holders: readonly string[] = Object.values(NAME);
  const others = signers.filter(({ name }) => !holders.includes(name));
  return others.map(({ name, certificate }) =>
    certificate.extendedKeyUsage.includes(CMC_RA)
      ? { title: TITLE.authority(name), commands: [isRegistrationAuthority(name)] }
      : { title: TITLE.noAuthority(name), commands: [] },
  );
}

/** Issued for a time to come, or expired since: then as of its first, or last, moment. */
function withinValidity({ certificate: { notBefore, notAfter }, at }: CollectedSigner): Date {
  return new Date(Math.min(Math.max(at.getTime(), notBefore.getTime()), notAfter.getTime()));
}

function pemOf(certificates: readonly Uint8Array[]): string {
  return certificates.map((der) => toPem(parseCertificate(der).der, "CERTIFICATE")).join("");
}
