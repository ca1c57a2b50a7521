import { generateKeyPairSync } from "node:crypto";
import { signData } from "../core/pki/signed-data.js";
import { softwareSigner } from "../core/pki/software-signer.js";
import type { RaDocument } from "../transport/http/wire/messages.js";
import { SUBSCRIBER_EXTENSIONS } from "./authority.js";
import type { DocumentFlaw } from "./faults.js";
import { encodeName } from "./name.js";
import { DAY_MS, later, type Office } from "./office.js";

/** What the RA vouches for: a CMS SignedData of its signer over canonical JSON, or a spoilt one. */
export async function makeDocument(
  office: Office,
  content: Uint8Array,
  flaw: DocumentFlaw | undefined,
): Promise<RaDocument> {
  const { authority, clock } = office;
  if (flaw === "unsigned") return { unsigned: content };
  const signed = await signData({
    content,
    signer: flaw === "subscriber-signed" ? subscriber(office) : authority.raSigner,
    signingTime: clock.now(),
    certificates: [authority.issuing],
  });
  if (flaw === "bad-signature") {
    // The signature is the last element of the last signerInfo.
    const last = signed.length - 1;
    signed[last] = (signed[last] ?? 0) ^ 1;
  }
  return { signed };
}

function subscriber({ authority, clock }: Office) {
  const signer = softwareSigner(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  const certificate = authority.issue({
    spki: signer.spki,
    subjectDer: encodeName({ country: "CN", commonName: "Sample Subscriber" }),
    notBefore: later(clock.now(), -DAY_MS),
    notAfter: later(clock.now(), DAY_MS),
    extensions: SUBSCRIBER_EXTENSIONS,
  });
  return { ...signer, certificate };
}
