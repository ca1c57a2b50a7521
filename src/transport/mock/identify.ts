import { verifySignature } from "../../core/pki/algorithms.js";
import { parseCertificate } from "../../core/pki/certificate.js";
import { parseRequest } from "../../core/pki/request.js";
import type { Reference, Signer } from "../../core/ports/transport.js";
import { findApplication, type Office } from "../../sandbox/office.js";
import { refused } from "./faults.js";

/**
 * Lets the asker prove that it has one of the renewal's keys, by a signature over words of this side's own: what an RA with
 * `polling: "signed"` asks for.
 * @throws ERR_RA_REFUSED
 */
export async function identify(
  office: Office,
  { renewalId }: Reference,
  signer: Signer | undefined,
): Promise<void> {
  const { certificateSha256, request } = findApplication(office, renewalId);
  const [algorithm] = signer?.algorithms ?? [];
  if (!signer || !algorithm) throw refused("the RA answers signed questions only");
  const words = `certrenew mock: progress of ${renewalId} at ${office.clock.now().toISOString()}`;
  const message = new TextEncoder().encode(words);
  const signature = await signer.sign(message, algorithm);
  const previous = office.state.certificates[certificateSha256];
  const known = [
    previous && parseCertificate(previous.der).spki,
    request && parseRequest(request).spki,
  ];
  if (!known.some((spki) => spki && verifySignature(spki, algorithm, message, signature))) {
    throw refused("signed by another key");
  }
}
