import type { StepContext } from "../context.js";
import { errorCode } from "../errors.js";
import type { InstalledPair } from "../installed-pairs.js";
import { parseCertificate, sha256Hex } from "../pki/certificate.js";
import { DerError } from "../pki/der-error.js";
import { signData } from "../pki/signed-data.js";
import type { Session } from "../ports/driver.js";
import { previousSigner, tokenSigner } from "../signers.js";

/**
 * The continuity statement: who holds the old key says which certificate comes after it, and who holds the new key says so
 * too. A CMS SignedData (RFC 5652) by the new key, around a CMS SignedData by the old key, around JSON. A platform that
 * knows the old certificate can move a login or a seal by it, without the RA.
 * @returns DER; `undefined` where the old key is not on the token, as after a loss
 */
export async function signContinuity(
  context: StepContext,
  session: Session,
  { certificate, keyId, spki }: InstalledPair,
): Promise<Uint8Array | undefined> {
  const { previous: held, id } = context.record;
  const renewed = parseCertificate(certificate);
  const signingTime = context.now();
  const content = Buffer.from(
    JSON.stringify({
      purpose: CONTINUITY_PURPOSE,
      renewalId: id,
      previousSha256: sha256Hex(held.der),
      renewedSha256: renewed.sha256,
      subject: renewed.subject,
      renewed: Buffer.from(certificate).toString("base64"),
      at: signingTime.toISOString(),
    }),
  );
  const byOld = await signedByOld(context, session, content, signingTime);
  if (!byOld) return undefined;
  const signer = tokenSigner(context, session, { keyId, spki }, certificate);
  return signData({ content: byOld, signer: { ...signer, certificate }, signingTime });
}

const CONTINUITY_PURPOSE = "urn:certrenew:statement:continuity:1";

/** The statement is worth having, and not worth failing for: a key that will not sign any more has none. */
async function signedByOld(
  context: StepContext,
  session: Session,
  content: Uint8Array,
  signingTime: Date,
): Promise<Uint8Array | undefined> {
  const { der: certificate } = context.record.previous;
  try {
    const previous = await previousSigner(context, session);
    return await signData({ content, signer: { ...previous, certificate }, signingTime });
  } catch (error) {
    if (error instanceof DerError || PASSED_OVER.has(errorCode(error) ?? "")) return undefined;
    throw error;
  }
}

const PASSED_OVER: ReadonlySet<string> = new Set([
  "ERR_KEY_NOT_FOUND",
  "ERR_ALGORITHM_UNSUPPORTED",
  "ERR_TOKEN_FAILURE",
]);
