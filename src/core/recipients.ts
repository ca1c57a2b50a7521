import { createHash } from "node:crypto";
import { identityOf, sameToken } from "./domain/token-identity.js";
import { RenewalError } from "./errors.js";
import { type Certificate, parseCertificate } from "./pki/certificate.js";
import { bytesEqual, DerReader, readDer, readOctetAlignedBits } from "./pki/der.js";
import type { RecipientIdentifier, RecipientInfo } from "./pki/enveloped-data.js";
import type { TokenCertificate, TokenContents, TokenIdentity } from "./ports/driver.js";
import type { Store } from "./ports/store.js";
import type { HeldCertificate, RenewalRecord } from "./record.js";
import { listRenewalIds, loadRecord } from "./record-store.js";

/** As it stands in the envelope, or as the caller named it. */
export type Recipient =
  | RecipientInfo
  | { readonly kind: "named"; readonly identifier: RecipientIdentifier };

/** A certificate to which an envelope is addressed, and the token that has its key, or had it. */
export interface AddressedCertificate {
  readonly recipient: Recipient;
  readonly token: TokenIdentity;
  readonly isPluggedIn: boolean;
  readonly held: HeldCertificate;
  readonly certificate: Certificate;
  readonly privateKey: TokenCertificate["privateKey"];
}

/** The recipients that are certificates on the tokens plugged in, whether expired, superseded or not. */
export function addressedOnTokens(
  recipients: readonly Recipient[],
  contents: readonly TokenContents[],
): AddressedCertificate[] {
  return contents.flatMap(({ token, certificates }) =>
    certificates.flatMap((held) =>
      addressed(recipients, held).map((match) => ({
        ...match,
        token: identityOf(token),
        isPluggedIn: true,
        privateKey: held.privateKey,
      })),
    ),
  );
}

/** The recipients that are certificates of stored renewals: a certificate may be gone from a token that has its key still. */
export async function addressedInStore(
  recipients: readonly Recipient[],
  contents: readonly TokenContents[],
  store: Store,
): Promise<AddressedCertificate[]> {
  const found: AddressedCertificate[] = [];
  for (const id of await listRenewalIds(store)) {
    const record = await readable(store, id);
    if (!record) continue;
    const { token } = record;
    const isPluggedIn = contents.some((each) => sameToken(each.token, token));
    for (const held of certificatesOf(record)) {
      const matches = addressed(recipients, held);
      found.push(
        ...matches.map((match) => ({
          ...match,
          token,
          isPluggedIn,
          privateKey: "unknown" as const,
        })),
      );
    }
  }
  return found;
}

function addressed(recipients: readonly Recipient[], held: HeldCertificate) {
  const certificate = certificateOf(held);
  if (!certificate) return [];
  return recipients
    .filter(
      (recipient) => recipient.kind !== "unsupported" && names(recipient.identifier, certificate),
    )
    .map((recipient) => ({ recipient, held, certificate }));
}

/** An object that is no certificate must not hide the others. */
function certificateOf({ der }: HeldCertificate): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch {
    return undefined;
  }
}

function names(identifier: RecipientIdentifier, certificate: Certificate): boolean {
  if ("issuer" in identifier) {
    return (
      identifier.serialNumber.toUpperCase() === certificate.serialNumber &&
      bytesEqual(identifier.issuer, certificate.issuerDer)
    );
  }
  const wanted = identifier.subjectKeyIdentifier.toLowerCase();
  return wanted === certificate.subjectKeyId || wanted === keyIdentifierOf(certificate.spki);
}

/** RFC 5280 §4.2.1.2, method 1: SHA-1 of the public key's bits. */
function keyIdentifierOf(spki: Uint8Array): string | undefined {
  try {
    const fields = new DerReader(readDer(spki));
    fields.next();
    return createHash("sha1").update(readOctetAlignedBits(fields.next())).digest("hex");
  } catch {
    return undefined;
  }
}

function certificatesOf({
  previous,
  encryption,
  application,
  issuance: { collected },
}: RenewalRecord): readonly HeldCertificate[] {
  const pairs = [
    [collected?.certificate, application.requestedKey],
    [collected?.encryption?.certificate, application.encryption?.key],
  ] as const;
  const renewed = pairs.flatMap(([der, key]) => (der && key ? [{ ...key, der }] : []));
  return [previous, ...(encryption ? [encryption] : []), ...renewed];
}

/** One that cannot be read does not hide the others. @throws ERR_STORE_FAILURE */
async function readable(store: Store, id: string): Promise<RenewalRecord | undefined> {
  try {
    return (await loadRecord(store, id)).record;
  } catch (error) {
    if (error instanceof RenewalError && error.code.startsWith("ERR_RECORD_")) return undefined;
    throw error;
  }
}
