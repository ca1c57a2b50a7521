import { randomBytes } from "node:crypto";
import type { LookUpAnswer } from "../transport/http/wire/messages.js";
import {
  type LookUpStatement,
  lookUpStatementSchema,
  type Writable,
} from "../transport/http/wire/statements.js";
import { progressAnswer } from "./exchanges.js";
import { later, type Office } from "./office.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";
import { checkSigner, openStatement } from "./statements.js";

/** Finding an application again with nothing but the key that signed it. */

const NONCE_MS = 10 * 60_000;
const MOST_NONCES = 1000;
const MOST_FOUND = 20;
/** Beside the applicant's own, which stays. */
const MOST_FURTHER_SECRETS = 7;

/** A nonce for one look-up, good for some minutes. */
export function giveNonce({ state, clock }: Office): string {
  const now = clock.now();
  const nonce = randomBytes(24).toString("base64url");
  state.lookUpNonces = [
    ...state.lookUpNonces.filter(({ expiresAt }) => expiresAt > now),
    { nonce, expiresAt: later(now, NONCE_MS) },
  ].slice(-MOST_NONCES);
  return nonce;
}

/**
 * What was applied for with the signer's certificate, the newest first. From now on each takes the further secret as well.
 * @throws Refusal
 */
export function lookUp(office: Office, document: Uint8Array): Writable<LookUpAnswer> {
  const { state } = office;
  const { statement, signer } = openStatement(office, lookUpStatementSchema, document);
  const { certificateSha256, followSecretSha256 } = statement;
  const found = Object.values(state.applications)
    .filter((application) => application.certificateSha256 === certificateSha256)
    .reverse()
    .slice(0, MOST_FOUND);
  checkSigner(office, signer, certificateSha256, {
    anyTime: true,
    revokedFor: (id) => found.some(({ renewalId }) => renewalId === id),
  });
  spendNonce(office, statement);
  state.nonces.push(statement.nonce);
  for (const application of found) addSecret(application, followSecretSha256);
  return { renewals: found.flatMap((application) => describe(office, application)) };
}

function spendNonce({ state, clock }: Office, { raNonce }: LookUpStatement): void {
  const index = state.lookUpNonces.findIndex(({ nonce }) => nonce === raNonce);
  const [known] = index < 0 ? [] : state.lookUpNonces.splice(index, 1);
  if (known && known.expiresAt > clock.now()) return;
  throw new Refusal("ERR_RA_REFUSED", "the nonce is not ours, was used, or has expired");
}

function addSecret(application: Application, sha256: string): void {
  const { followSecretSha256, furtherSecrets } = application;
  if (sha256 === followSecretSha256) return;
  const others = furtherSecrets.filter((secret) => secret !== sha256);
  application.furtherSecrets = [...others, sha256].slice(-MOST_FURTHER_SECRETS);
}

function describe(office: Office, application: Application): Writable<LookUpAnswer>["renewals"] {
  const { statement, signed, request, encryptionRequest, handedIn, renewalId } = application;
  const offer = office.state.offers[statement.offer.id]?.document;
  // An application of before offers were kept: nobody could check it.
  if (!offer) return [];
  const encryption = office.state.certificates[statement.encryption?.certificateSha256 ?? ""];
  return [
    {
      ...progressAnswer(office, application),
      ...{ renewalId, offer, application: signed, request, encryptionRequest, handedIn },
      encryptionCertificate: encryption?.der,
    },
  ];
}
