import type { StepContext } from "./context.js";
import { RenewalError } from "./errors.js";
import { keyAlgorithmOf, signatureAlgorithmsFor, verifySignature } from "./pki/algorithms.js";
import { parseCertificate } from "./pki/certificate.js";
import type { KeyReference, Session } from "./ports/driver.js";
import type { Signer } from "./ports/transport.js";
import type { HeldCertificate } from "./record.js";

/** A signer over one key of a session: it signs, and is worth nothing once the session has ended. */
export function tokenSigner(
  { signal, activity }: Pick<StepContext, "signal" | "activity">,
  session: Session,
  key: Required<KeyReference> & { readonly spki: Uint8Array },
  certificate?: Uint8Array,
): Signer {
  const keyAlgorithm = keyAlgorithmOf(key.spki);
  const fitting = keyAlgorithm ? signatureAlgorithmsFor(keyAlgorithm) : [];
  // The token's order is its driver's preference.
  const algorithms = session.token.signatureAlgorithms.filter((name) => fitting.includes(name));
  if (algorithms.length === 0) {
    throw new RenewalError("ERR_ALGORITHM_UNSUPPORTED", {
      details: { algorithm: keyAlgorithm ?? "of the certificate", token: session.token.label },
    });
  }
  return {
    certificate,
    spki: key.spki,
    algorithms,
    async sign(message, algorithm) {
      activity("signing");
      const signature = await session.sign({ key, algorithm, message, signal });
      if (verifySignature(key.spki, algorithm, message, signature)) return signature;
      // Better found here than by the RA, after the application was sent.
      throw new RenewalError("ERR_TOKEN_FAILURE", {
        details: { token: session.token.label, reason: "a signature does not verify with its key" },
      });
    },
  };
}

/** The old certificate's signer. @throws ERR_KEY_NOT_FOUND when its private key is not on the token */
export function previousSigner(context: StepContext, session: Session): Promise<Signer> {
  return certificateSigner(context, session, context.record.previous);
}

/** The signer of a certificate on the token. @throws ERR_KEY_NOT_FOUND when its private key is not there */
export async function certificateSigner(
  context: Pick<StepContext, "signal" | "activity">,
  session: Session,
  { der, keyId }: Pick<HeldCertificate, "der" | "keyId">,
): Promise<Signer> {
  const key = { keyId, spki: parseCertificate(der).spki };
  const found = await session.findKeyPair(key, { signal: context.signal });
  if (!found) {
    throw new RenewalError("ERR_KEY_NOT_FOUND", { details: { token: session.token.label } });
  }
  return tokenSigner(context, session, key, der);
}
