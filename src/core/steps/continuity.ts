import type { StepContext } from "../context.js";
import { errorCode } from "../errors.js";
import type { InstalledPair } from "../installed-pairs.js";
import { parseCertificate, sha256Hex } from "../pki/certificate.js";
import { signData } from "../pki/signed-data.js";
import type { Session } from "../ports/driver.js";
import type { Signer } from "../ports/transport.js";
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
  const previous = await previousSignerIfUsable(context, session);
  if (!previous) return undefined;
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
  const byOld = await signData({
    content,
    signer: { ...previous, certificate: held.der },
    signingTime,
  });
  const signer = tokenSigner(context, session, { keyId, spki }, certificate);
  return signData({ content: byOld, signer: { ...signer, certificate }, signingTime });
}

export const CONTINUITY_PURPOSE = "urn:certrenew:statement:continuity:1";

/** The statement is worth having, and not worth failing for. */
async function previousSignerIfUsable(
  context: StepContext,
  session: Session,
): Promise<Signer | undefined> {
  try {
    return await previousSigner(context, session);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ERR_KEY_NOT_FOUND" || code === "ERR_ALGORITHM_UNSUPPORTED") return undefined;
    throw error;
  }
}
