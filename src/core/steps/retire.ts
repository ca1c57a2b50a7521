import type { StepContext } from "../context.js";
import { RenewalError } from "../errors.js";
import { pairsOf } from "../installed-pairs.js";
import { opensFiles, parseCertificate } from "../pki/certificate.js";
import { bytesEqual } from "../pki/der.js";
import type { Session } from "../ports/driver.js";
import type { HeldCertificate, RenewalRecord } from "../record.js";
import type { RetireOptions } from "../step-options.js";
import { tokenAccess } from "../unlock.js";

const REMOVABLE: ReadonlySet<string> = new Set<RetireOptions["remove"][number]>([
  "certificate",
  "key-pair",
  "encryption-certificate",
  "decryption-key-pair",
]);

/** completed → completed: removes what is named of the previous pairs, after looking that the new ones are there. */
export async function retirePrevious(context: StepContext, options: RetireOptions): Promise<void> {
  const { record, signal } = context;
  const remove = checkRemoval(context, options);
  await tokenAccess(context, "retire", options).use(async (session) => {
    await assertRenewedStands(context, session);
    for (const { held, certificate, keyPair } of retired(record, remove)) {
      const { keyId } = held;
      const { sha256, spki } = parseCertificate(held.der);
      if (certificate) await session.destroy({ kind: "certificate", keyId, sha256, signal });
      // By its public key as well: some tokens give one CKA_ID to signing and encryption pair alike.
      if (keyPair) await session.destroy({ kind: "key-pair", keyId, spki, signal });
    }
  });
}

interface Retired {
  readonly held: HeldCertificate;
  readonly certificate: boolean;
  readonly keyPair: boolean;
}

function retired(record: RenewalRecord, remove: ReadonlySet<string>): Retired[] {
  const { previous } = record;
  const encryption = renewedEncryption(record);
  const opensFiles = canDecrypt(previous.der);
  const signing = {
    held: previous,
    certificate: remove.has("certificate"),
    keyPair: remove.has(opensFiles ? "decryption-key-pair" : "key-pair"),
  };
  if (!encryption) return [signing];
  const second = {
    held: encryption,
    certificate: remove.has("encryption-certificate"),
    keyPair: remove.has("decryption-key-pair"),
  };
  return [signing, second];
}

/** The previous encryption certificate, where another one took its place. */
function renewedEncryption({ encryption, issuance }: RenewalRecord): HeldCertificate | undefined {
  return issuance.collected?.encryption ? encryption : undefined;
}

/** A key that may still open files goes only when it is called that. @throws ERR_ARGUMENT */
function checkRemoval(
  { record, now }: StepContext,
  { remove }: RetireOptions,
): ReadonlySet<string> {
  const named = new Set<string>(Array.isArray(remove) ? remove : []);
  const removesKey = named.has("key-pair") || named.has("decryption-key-pair");
  const { previous, application, encryption } = record;
  const isRenewed = renewedEncryption(record) !== undefined;
  refuseIf(
    named.size === 0 || ![...named].every((kind) => REMOVABLE.has(kind)),
    `must be a list of one or more of ${[...REMOVABLE].join(", ")}`,
  );
  refuseIf(
    application.choice?.keyMode === "renew" && removesKey,
    "the new certificate uses the same key pair",
  );
  refuseIf(
    named.has("key-pair") && canDecrypt(previous.der) && !named.has("decryption-key-pair"),
    "this key can open files: name it as decryption-key-pair to remove it for good",
  );
  refuseIf(
    (named.has("encryption-certificate") && !isRenewed) ||
      (named.has("decryption-key-pair") && !isRenewed && !canDecrypt(previous.der)),
    encryption
      ? "the encryption certificate was not renewed, and is the one in use"
      : "there is no encryption certificate, and no key pair that opens files",
  );
  for (const { certificate } of pairsOf(record)) {
    const { notBefore } = parseCertificate(certificate);
    refuseIf(notBefore > now(), `the new certificate is valid from ${notBefore.toISOString()} on`);
  }
  return named;
}

const canDecrypt = (der: Uint8Array): boolean => opensFiles(parseCertificate(der));

/** @throws ERR_ARGUMENT */
function refuseIf(wrong: boolean, message: string): void {
  if (wrong)
    throw new RenewalError("ERR_ARGUMENT", { problems: [{ pointer: "/remove", message }] });
}

/** @throws ERR_PROOF_FAILED */
async function assertRenewedStands(context: StepContext, session: Session): Promise<void> {
  const { signal } = context;
  const { certificates } = await session.certificates({ signal });
  for (const { certificate, keyId, spki } of pairsOf(context.record)) {
    const stands = certificates.some(({ der }) => bytesEqual(der, certificate));
    if (stands && (await session.findKeyPair({ keyId, spki }, { signal }))) continue;
    throw new RenewalError("ERR_PROOF_FAILED", {
      details: { reason: "the new pair is not on the token; nothing was removed" },
    });
  }
}
