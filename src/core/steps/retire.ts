import type { StepContext } from "../context.js";
import { RenewalError } from "../errors.js";
import { parseCertificate, permitsKeyUsage } from "../pki/certificate.js";
import { bytesEqual } from "../pki/der.js";
import type { Session } from "../ports/driver.js";
import type { RetireOptions } from "../step-options.js";
import { tokenAccess } from "../unlock.js";

const REMOVABLE: ReadonlySet<string> = new Set<RetireOptions["remove"][number]>([
  "certificate",
  "key-pair",
  "decryption-key-pair",
]);

const DECRYPTING = ["keyEncipherment", "dataEncipherment", "keyAgreement"] as const;

/** completed → completed: removes what is named of the previous pair, after looking that the new one is there. */
export async function retirePrevious(context: StepContext, options: RetireOptions): Promise<void> {
  const { record, signal } = context;
  const { previous, application } = record;
  const remove = checkRemoval(context, options);
  await tokenAccess(context, "retire", options).use(async (session) => {
    await assertRenewedStands(context, session);
    const { keyId } = previous;
    const { sha256, spki } = parseCertificate(previous.der);
    const keyIsKept = application.requestedKey && bytesEqual(application.requestedKey.keyId, keyId);
    const removesKey = (remove.has("key-pair") || remove.has("decryption-key-pair")) && !keyIsKept;
    if (remove.has("certificate")) {
      await session.destroy({ kind: "certificate", keyId, sha256, signal });
    }
    // By its public key as well: some tokens give one CKA_ID to signing and encryption pair alike.
    if (removesKey) await session.destroy({ kind: "key-pair", keyId, spki, signal });
  });
}

/** A key that may still open files goes only when it is called that. @throws ERR_ARGUMENT */
function checkRemoval({ record }: StepContext, { remove }: RetireOptions): ReadonlySet<string> {
  const named = new Set<string>(Array.isArray(remove) ? remove : []);
  refuseIf(
    named.size === 0 || ![...named].every((kind) => REMOVABLE.has(kind)),
    `must be a list of one or more of ${[...REMOVABLE].join(", ")}`,
  );
  refuseIf(
    record.application.choice?.keyMode === "renew" &&
      (named.has("key-pair") || named.has("decryption-key-pair")),
    "the new certificate uses the same key pair",
  );
  const certificate = parseCertificate(record.previous.der);
  refuseIf(
    named.has("key-pair") &&
      !named.has("decryption-key-pair") &&
      DECRYPTING.some((usage) => permitsKeyUsage(certificate, usage)),
    "this key can open files: name it as decryption-key-pair to remove it for good",
  );
  return named;
}

/** @throws ERR_ARGUMENT */
function refuseIf(wrong: boolean, message: string): void {
  if (wrong)
    throw new RenewalError("ERR_ARGUMENT", { problems: [{ pointer: "/remove", message }] });
}

/** @throws ERR_PROOF_FAILED */
async function assertRenewedStands(context: StepContext, session: Session): Promise<void> {
  const { application, issuance } = context.record;
  const { signal } = context;
  const { requestedKey } = application;
  const { certificates } = await session.certificates({ signal });
  const certificate = issuance.collected?.certificate;
  const stands = certificate && certificates.some(({ der }) => bytesEqual(der, certificate));
  const key = requestedKey && (await session.findKeyPair(requestedKey, { signal }));
  if (!stands || !key) {
    throw new RenewalError("ERR_PROOF_FAILED", {
      details: { reason: "the new pair is not on the token; nothing was removed" },
    });
  }
}
