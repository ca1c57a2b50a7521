import pkcs11 from "pkcs11js";
import { parseCertificate, sha256Hex } from "../../../core/pki/certificate.js";
import { bytesEqual, encodeUnsigned } from "../../../core/pki/der.js";
import type { TokenCertificate } from "../../../core/ports/driver.js";
import { endsSession } from "../errors.js";
import type { Params } from "../rpc.js";
import { findObjects, type ObjectAccess, readAttributes, template } from "./objects.js";

/** A certificate object as it was read. */
export interface CertificateObject {
  readonly object: pkcs11.Handle;
  readonly der: Uint8Array;
  readonly keyId: Uint8Array;
  readonly label: string;
}

export interface CertificateObjects {
  readonly certificates: readonly CertificateObject[];
  readonly unreadable: number;
}

/** All certificates, or those under one CKA_ID. Each is read on its own: a broken one is counted, and hides no other. */
export function readCertificates(access: ObjectAccess, keyId?: Uint8Array): CertificateObjects {
  const having = new Map<number, number | Uint8Array>([
    [pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE],
    ...(keyId === undefined ? [] : [[pkcs11.CKA_ID, keyId] as const]),
  ]);
  const objects = findObjects(access, having);
  const certificates = objects.flatMap((object) => readCertificate(access, object) ?? []);
  return { certificates, unreadable: objects.length - certificates.length };
}

/** Of each certificate, whether its private key is there, as far as this session can see. */
export function withPrivateKeys(
  certificates: readonly CertificateObject[],
  hasPrivateKey: (certificate: CertificateObject) => boolean,
  canSeeAll: boolean,
): TokenCertificate[] {
  return certificates.map((certificate) => {
    const { der, keyId, label } = certificate;
    const isSeen = hasPrivateKey(certificate);
    return { der, keyId, label, privateKey: isSeen ? "present" : canSeeAll ? "absent" : "unknown" };
  });
}

/** Writes a certificate object (PKCS#11 v2.40 §4.6.3), unless the same one stands under the same CKA_ID. */
export function importCertificate(
  access: ObjectAccess,
  { der, keyId, label }: Params<"import">,
): void {
  const { certificates } = readCertificates(access, keyId);
  if (certificates.some((each) => bytesEqual(each.der, der))) return;
  const { subjectDer, issuerDer, serialNumber } = parseCertificate(der);
  const attributes = new Map<number, boolean | number | string | Uint8Array>([
    [pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE],
    [pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509],
    [pkcs11.CKA_TOKEN, true],
    [pkcs11.CKA_PRIVATE, false],
    [pkcs11.CKA_LABEL, label],
    [pkcs11.CKA_ID, keyId],
    // Asked for by PKCS#11, and refused without by NSS.
    [pkcs11.CKA_SUBJECT, subjectDer],
    [pkcs11.CKA_ISSUER, issuerDer],
    [pkcs11.CKA_SERIAL_NUMBER, encodeUnsigned(Buffer.from(serialNumber, "hex"))],
    [pkcs11.CKA_VALUE, der],
  ]);
  access.lib.C_CreateObject(access.session, template(attributes));
}

/** Removes the certificates under a CKA_ID; with `sha256`, only that one. */
export function destroyCertificates(
  access: ObjectAccess,
  keyId: Uint8Array,
  sha256: string | undefined,
): void {
  for (const { object, der } of readCertificates(access, keyId).certificates) {
    if (sha256 !== undefined && sha256Hex(der) !== sha256.toLowerCase()) continue;
    access.lib.C_DestroyObject(access.session, object);
  }
}

function readCertificate(
  access: ObjectAccess,
  object: pkcs11.Handle,
): CertificateObject | undefined {
  const types = [pkcs11.CKA_VALUE, pkcs11.CKA_ID, pkcs11.CKA_LABEL];
  try {
    const [der, keyId, label] = readAttributes(access, object, types);
    if (der === undefined || der.length === 0) return undefined;
    return {
      object,
      der: new Uint8Array(der),
      keyId: new Uint8Array(keyId ?? []),
      label: label?.toString("utf8") ?? "",
    };
  } catch (error) {
    if (endsSession(error)) throw error;
    return undefined;
  }
}
