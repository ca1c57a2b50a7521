import { randomBytes } from "node:crypto";
import type { z } from "zod";
import type { Clock } from "../../core/clock.js";
import { RenewalError } from "../../core/errors.js";
import { sha256Hex } from "../../core/pki/certificate.js";
import { DerError } from "../../core/pki/der-error.js";
import { verifySignedData } from "../../core/pki/signed-data.js";
import type { FoundApplication, LookUpContent, Signer } from "../../core/ports/transport.js";
import { type DocumentRules, openArchivedOffer, readStatement } from "./documents.js";
import type { Endpoint } from "./endpoint.js";
import { sign } from "./exchanges.js";
import { responseFailure } from "./failures.js";
import { type LookUpAnswer, lookUpBodySchema } from "./wire/messages.js";
import {
  applicationStatementSchema,
  encodeJson,
  encodeStatement,
  lookUpStatementSchema,
  offerHash,
  STATEMENT_PURPOSE,
} from "./wire/statements.js";

/** Finding an application again with nothing but the key that it was signed with. */

const LIFETIME_MS = 10 * 60_000;

/** The question, signed by the old key over the RA's nonce and ours. @throws ERR_ARGUMENT */
export async function makeLookUp(
  { endpoint, clock }: { readonly endpoint: Endpoint; readonly clock: Pick<Clock, "now"> },
  { certificate, followSecret }: LookUpContent,
  signer: Signer,
  raNonce: string,
): Promise<string> {
  const signedAt = clock.now();
  const statement = encodeStatement(lookUpStatementSchema, {
    purpose: STATEMENT_PURPOSE.lookUp,
    origin: endpoint.origin,
    certificateSha256: sha256Hex(certificate),
    raNonce,
    nonce: randomBytes(24).toString("base64url"),
    signedAt,
    expiresAt: new Date(signedAt.getTime() + LIFETIME_MS),
    followSecretSha256: sha256Hex(new TextEncoder().encode(followSecret)),
  });
  const lookUp = await sign(statement, signer, certificate, signedAt);
  return JSON.stringify(encodeJson(lookUpBodySchema, { lookUp }));
}

/**
 * What the RA found, taken from what the applicant signed: the RA cannot make up an application.
 * @throws ERR_RA_UNTRUSTED, ERR_RA_RESPONSE
 */
export function readFound(
  { renewals }: LookUpAnswer,
  certificate: Uint8Array,
  rules: DocumentRules,
): FoundApplication[] {
  return renewals.map((found) => {
    const { request, encryptionCertificate, encryptionRequest, application: signed } = found;
    const statement = ownStatement(signed, certificate);
    // As of then: the RA's certificate may have ended since, and the applicant signed the document's hash.
    const clock = { now: () => statement.signedAt };
    const offer = openArchivedOffer(found.offer, statement.certificateSha256, { ...rules, clock });
    const { encryption } = statement;
    const fits =
      statement.renewalId === found.renewalId &&
      statement.origin === rules.endpoint.origin &&
      statement.offer.id === offer.offer.id &&
      statement.offer.sha256 === offerHash(offer.offer, offer.document) &&
      isOf(request, statement.requestSha256) &&
      isOf(encryptionCertificate, encryption?.certificateSha256) &&
      isOf(encryptionRequest, encryption?.requestSha256);
    if (!fits) throw responseFailure("an application that does not fit its parts");
    return {
      renewalId: found.renewalId,
      offer,
      applied: {
        ...statement,
        attachments: statement.attachments ?? [],
        signed,
        request,
        encryption: encryptionCertificate && {
          certificate: encryptionCertificate,
          request: encryptionRequest,
        },
      },
      handedIn: found.handedIn,
      reply: { progress: found.progress, remote: { nonce: found.nonce } },
    };
  });
}

function ownStatement(
  signed: Uint8Array,
  certificate: Uint8Array,
): z.output<typeof applicationStatementSchema> {
  try {
    const { content, signerCertificate } = verifySignedData(signed, {
      requireSigningCertificate: true,
    });
    const statement = readStatement(content, applicationStatementSchema);
    const sha256 = sha256Hex(certificate);
    if (signerCertificate.sha256 === sha256 && statement.certificateSha256 === sha256) {
      return statement;
    }
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw untrusted(cause);
  }
  throw untrusted();
}

const untrusted = (cause?: unknown) =>
  new RenewalError("ERR_RA_UNTRUSTED", {
    cause,
    details: { reason: "an application that this key did not sign" },
  });

/** Whether a part is there exactly where it was signed for, and is what was signed. */
function isOf(octets: Uint8Array | undefined, sha256: string | undefined): boolean {
  return (octets && sha256Hex(octets)) === sha256;
}
