import type { StepContext } from "../context.js";
import { RenewalError } from "../errors.js";
import { intoOutbox } from "../outbox.js";
import { verifySignature } from "../pki/algorithms.js";
import { parseCertificate, sha256Hex } from "../pki/certificate.js";
import { bytesEqual } from "../pki/der.js";
import type { Session } from "../ports/driver.js";
import type { Exchange } from "../ports/transport.js";
import type { CollectedCertificate, Proof, RequestedKey } from "../record.js";
import { freshId } from "../runtime.js";
import { tokenSigner } from "../signers.js";
import type { TokenAccess } from "../unlock.js";

/**
 * Proves the new pair in a fresh host process: the certificate is read back from the token, the new key signs a statement
 * with a nonce, and the new certificate verifies it. The confirmation to the RA is signed in the same session, so that it
 * needs no PIN later. Proof and confirmation are one save.
 * @throws ERR_PROOF_FAILED
 */
export async function prove(
  context: StepContext,
  access: TokenAccess,
  collected: CollectedCertificate,
  requestedKey: RequestedKey,
): Promise<void> {
  await access.use(async (session) => {
    context.activity("proving");
    await readBack(context, session, collected.certificate);
    const proof = await signProof(context, session, collected, requestedKey);
    const exchange = await prepareConfirmation(context, session, collected, requestedKey);
    await context.save((record) => ({
      ...intoOutbox(record, exchange),
      issuance: {
        ...record.issuance,
        installation: {
          begunAt: record.issuance.installation?.begunAt ?? context.now(),
          provenAt: context.now(),
          proof,
        },
      },
    }));
  });
}

async function readBack(
  context: StepContext,
  session: Session,
  certificate: Uint8Array,
): Promise<void> {
  const { certificates } = await session.certificates({ signal: context.signal });
  if (certificates.some(({ der }) => bytesEqual(der, certificate))) return;
  throw new RenewalError("ERR_PROOF_FAILED", {
    details: { reason: "a fresh process does not see the new certificate on the token" },
  });
}

async function signProof(
  context: StepContext,
  session: Session,
  { certificate }: CollectedCertificate,
  { keyId, spki }: RequestedKey,
): Promise<Proof> {
  const { spki: certified } = parseCertificate(certificate);
  const signer = tokenSigner(context, session, { keyId, spki: spki ?? certified }, certificate);
  const [algorithm] = signer.algorithms;
  if (!algorithm) throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED");
  const statement = Buffer.from(
    JSON.stringify({
      purpose: "certrenew installation proof",
      renewalId: context.record.id,
      certificateSha256: sha256Hex(certificate),
      nonce: freshId(context.runtime),
      at: context.now().toISOString(),
    }),
  );
  const signature = await signer.sign(statement, algorithm);
  if (!verifySignature(certified, algorithm, statement, signature)) {
    throw new RenewalError("ERR_PROOF_FAILED", {
      details: { reason: "the new certificate does not verify a signature of the new key" },
    });
  }
  return { statement, algorithm, signature };
}

export async function prepareConfirmation(
  context: StepContext,
  session: Session,
  { certificate }: CollectedCertificate,
  { keyId, spki }: RequestedKey,
): Promise<Exchange> {
  const { transport, runtime, signal } = context;
  const signer = tokenSigner(
    context,
    session,
    { keyId, spki: spki ?? parseCertificate(certificate).spki },
    certificate,
  );
  const content = {
    idempotencyKey: freshId(runtime),
    reference: context.reference(),
    certificate,
    installedAt: context.now(),
  };
  return transport.prepareConfirmation(content, signer, { signal });
}
