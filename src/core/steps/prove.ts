import type { StepContext } from "../context.js";
import { RenewalError } from "../errors.js";
import type { InstalledPair } from "../installed-pairs.js";
import { intoOutbox } from "../outbox.js";
import { verifySignature } from "../pki/algorithms.js";
import { sha256Hex } from "../pki/certificate.js";
import { bytesEqual } from "../pki/der.js";
import type { Session } from "../ports/driver.js";
import type { Exchange } from "../ports/transport.js";
import type { Proof } from "../record.js";
import { freshId } from "../runtime.js";
import { tokenSigner } from "../signers.js";
import type { TokenAccess } from "../unlock.js";
import { signContinuity } from "./continuity.js";
import { proveDecryption } from "./prove-decryption.js";

type Pairs = readonly [InstalledPair, ...InstalledPair[]];

/**
 * Proves the new pairs in a fresh host process: the certificates are read back from the token, the new key signs a statement
 * with a nonce, and the new certificate verifies it; a new encryption key opens what its certificate closed. The continuity
 * statement and the confirmation to the RA are signed in the same session, so that they need no PIN later. All of it is
 * one save.
 * @throws ERR_PROOF_FAILED
 */
export async function prove(
  context: StepContext,
  access: TokenAccess,
  pairs: Pairs,
): Promise<void> {
  await access.use(async (session) => {
    context.activity("proving");
    await readBack(context, session, pairs);
    const [signing] = pairs;
    const proof = await signProof(context, session, signing);
    for (const pair of pairs) {
      const isProven = await proveDecryption(context, session, pair);
      if (!isProven && pair !== signing) await signProof(context, session, pair);
    }
    const exchange = await prepareConfirmation(context, session, pairs);
    // The last of all: an old key that fails may take the session with it.
    const continuity = await signContinuity(context, session, signing);
    await context.save((record) => ({
      ...intoOutbox(record, exchange),
      issuance: {
        ...record.issuance,
        installation: {
          begunAt: record.issuance.installation?.begunAt ?? context.now(),
          provenAt: context.now(),
          proof,
          continuity,
        },
      },
    }));
  });
}

async function readBack(context: StepContext, session: Session, pairs: Pairs): Promise<void> {
  const { certificates } = await session.certificates({ signal: context.signal });
  for (const { certificate } of pairs) {
    if (certificates.some(({ der }) => bytesEqual(der, certificate))) continue;
    throw new RenewalError("ERR_PROOF_FAILED", {
      details: { reason: "a fresh process does not see the new certificate on the token" },
    });
  }
}

async function signProof(
  context: StepContext,
  session: Session,
  { certificate, keyId, spki }: InstalledPair,
): Promise<Proof> {
  const signer = tokenSigner(context, session, { keyId, spki }, certificate);
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
  context.activity("signing");
  const key = { keyId, spki };
  const signature = await session.sign({
    key,
    algorithm,
    message: statement,
    signal: context.signal,
  });
  if (!verifySignature(spki, algorithm, statement, signature)) {
    throw new RenewalError("ERR_PROOF_FAILED", {
      details: { reason: "the new certificate does not verify a signature of the new key" },
    });
  }
  return { statement, algorithm, signature };
}

export async function prepareConfirmation(
  context: StepContext,
  session: Session,
  [{ certificate, keyId, spki }, encryption]: Pairs,
): Promise<Exchange> {
  const { transport, runtime, signal } = context;
  const signer = tokenSigner(context, session, { keyId, spki }, certificate);
  const content = {
    idempotencyKey: freshId(runtime),
    reference: context.reference(),
    certificate,
    encryption: encryption?.certificate,
    installedAt: context.now(),
  };
  return transport.prepareConfirmation(content, signer, { signal });
}
