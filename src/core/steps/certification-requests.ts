import type { StepContext } from "../context.js";
import type { KeyPairUsage } from "../domain/key-algorithm.js";
import { opensFiles, parseCertificate } from "../pki/certificate.js";
import { createRequest } from "../pki/request.js";
import type { Session } from "../ports/driver.js";
import type { Signer } from "../ports/transport.js";
import type { HeldCertificate, RequestedKey } from "../record.js";
import { tokenSigner } from "../signers.js";

/** A key on the token, and the request for its certificate. */
export interface CertificationRequest {
  /** With its public key. */
  readonly key: RequestedKey;
  readonly signer: Signer;
  /** PKCS#10 (RFC 2986), DER. */
  readonly request: Uint8Array;
}

/**
 * The key pair, found or made, and a request signed by it, for the subject of the certificate that it follows. What that one
 * opens, the new one has to open as well.
 */
export async function makeCertificationRequest(
  context: StepContext,
  session: Session,
  key: RequestedKey,
  previous: HeldCertificate,
): Promise<CertificationRequest> {
  const certificate = parseCertificate(previous.der);
  const { subjectDer } = certificate;
  // A key that is known by its public half was there before us: it is found, and never made.
  const signer = key.spki
    ? tokenSigner(context, session, { keyId: key.keyId, spki: key.spki })
    : await freshSigner(context, session, key, opensFiles(certificate) ? "encryption" : "signing");
  const request = await createRequest({ subjectDer, signer });
  return { key: { ...key, spki: signer.spki }, signer, request };
}

/** The new key pair: the one that an interrupted try made, or a new one under the CKA_ID that was saved for it. */
async function freshSigner(
  context: StepContext,
  session: Session,
  { keyId, label, algorithm }: RequestedKey,
  usage: KeyPairUsage,
): Promise<Signer> {
  const { signal } = context;
  const found = await session.findKeyPair({ keyId }, { signal });
  if (found?.algorithm === algorithm) return tokenSigner(context, session, found);
  // Half a pair, or one of another algorithm, that we made and never used: the CKA_ID is ours alone.
  await session.destroy({ kind: "key-pair", keyId, signal });
  context.activity("generating-key-pair");
  const made = await session.generateKeyPair({ algorithm, keyId, label, usage, signal });
  return tokenSigner(context, session, made);
}
