import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { fromPem, parseCertificate, toPem } from "../core/pki/certificate.js";
import { CMC_RA, EXTENSION } from "../core/pki/extensions.js";
import { softwareSigner, spkiOf } from "../core/pki/software-signer.js";
import type { Signer } from "../core/ports/transport.js";
import type { Files } from "./files.js";
import { encodeName } from "./name.js";
import type { IssuerName } from "./policy.js";
import {
  type CertificateTemplate,
  caConstraints,
  extendedKeyUsage,
  type Issuer,
  keyUsage,
  type NamedExtension,
  signCertificate,
} from "./x509.js";

/** id-kp-clientAuth and id-kp-emailProtection (RFC 5280 §4.2.1.12). */
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4";

/** What the issuers are called, and under which root they stand. */
const ISSUERS = {
  issuing: { root: "root", commonName: "Sandbox Issuing CA" },
  "issuing-2": { root: "root", commonName: "Sandbox Issuing CA 2" },
  "issuing-other-root": { root: "other-root", commonName: "Sandbox Issuing CA 3" },
} as const satisfies Record<IssuerName, unknown>;

const ROOTS = { root: "Sandbox Root CA", "other-root": "Sandbox Other Root CA" } as const;

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

/** The CA: a root, an issuing CA under it, and the RA's signer. Real certificates, keys of its own. */
export interface Authority {
  /** DER. */
  readonly root: Uint8Array;
  readonly issuing: Uint8Array;
  readonly raSigner: Signer & { readonly certificate: Uint8Array };
  /** By the first issuing CA, unless another is named: that one is made when it is first needed. */
  issue(template: CertificateTemplate, by?: IssuerName): Uint8Array;
  /** The certificates above what an issuer signs, its own first, the root last. DER. */
  chain(of?: IssuerName): readonly [issuing: Uint8Array, root: Uint8Array];
}

/** What a subscriber's certificate holds beside its key identifiers, and a renewed one takes over from the old. */
export const SUBSCRIBER_EXTENSIONS: readonly NamedExtension[] = [
  keyUsage("digitalSignature", "nonRepudiation"),
  extendedKeyUsage(CLIENT_AUTH, EMAIL_PROTECTION),
];

/** Of an encryption certificate, whose key may be in escrow: it signs nothing. */
export const ENCRYPTION_EXTENSIONS: readonly NamedExtension[] = [
  keyUsage("keyEncipherment", "dataEncipherment"),
];

/** Key identifiers are of the key and of the issuer, so they are made anew. */
const NEVER_TAKEN_OVER: ReadonlySet<string> = new Set([
  EXTENSION.subjectKeyIdentifier,
  EXTENSION.authorityKeyIdentifier,
]);

export function renewedExtensions(previous: Uint8Array): readonly NamedExtension[] {
  return [...parseCertificate(previous).extensions]
    .filter(([oid]) => !NEVER_TAKEN_OVER.has(oid))
    .map(([oid, value]) => ({ oid, ...value }));
}

/** The authority whose keys and certificates stand in the files; made and written at the first start. */
export function openAuthority(
  files: Files,
  now: Date,
  organisation = "certrenew sandbox",
): Authority {
  const named = (commonName: string) => encodeName({ country: "CN", organisation, commonName });
  const validity = (years: number) => ({
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + years * YEAR_MS),
  });
  const caUsage = keyUsage("keyCertSign", "cRLSign");
  const rootNamed = (name: keyof typeof ROOTS): Member =>
    member(files, name, ({ spki, privateKey }) => {
      const subjectDer = named(ROOTS[name]);
      const extensions = [caConstraints(), caUsage];
      const template = { subjectDer, spki, extensions, ...validity(30) };
      return signCertificate(template, { subjectDer, spki, privateKey });
    });
  const hierarchy = remembered((name: IssuerName) => {
    const { root: rootName, commonName } = ISSUERS[name];
    const root = rootNamed(rootName);
    const issuing = member(files, name, ({ spki }) => {
      const extensions = [caConstraints(0), caUsage];
      const template = { subjectDer: named(commonName), spki, extensions, ...validity(20) };
      return signCertificate(template, root);
    });
    return { root, issuing };
  });
  const { root, issuing } = hierarchy("issuing");
  const ra = member(files, "ra", ({ spki }) => {
    const extensions = [keyUsage("digitalSignature"), extendedKeyUsage(CMC_RA)];
    const template = { subjectDer: named("Sandbox RA"), spki, extensions, ...validity(10) };
    return signCertificate(template, issuing);
  });
  return {
    root: root.certificate,
    issuing: issuing.certificate,
    raSigner: { ...softwareSigner(ra.privateKey), certificate: ra.certificate },
    issue: (template, by = "issuing") => signCertificate(template, hierarchy(by).issuing),
    chain(of = "issuing") {
      const members = hierarchy(of);
      return [members.issuing.certificate, members.root.certificate];
    },
  };
}

function remembered<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}

/** A fresh P-256 pair that nobody keeps: for certificates that are wrong on purpose. */
export function strangerSpki(): Uint8Array {
  return spkiOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

interface Member extends Issuer {
  readonly certificate: Uint8Array;
}

type KeyHalf = Pick<Issuer, "spki" | "privateKey">;

function member(files: Files, name: string, certify: (key: KeyHalf) => Uint8Array): Member {
  const keyPem = files.read(`${name}.key`) ?? createKey(files, `${name}.key`);
  const privateKey = createPrivateKey(keyPem);
  const key = { privateKey, spki: spkiOf(privateKey) };
  const pem = files.read(`${name}.pem`);
  const certificate = fromPem(pem ?? "")[0] ?? certify(key);
  if (pem === undefined) files.write(`${name}.pem`, toPem(certificate, "CERTIFICATE"));
  return { ...key, certificate, subjectDer: parseCertificate(certificate).subjectDer };
}

function createKey(files: Files, name: string): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  files.write(name, pem);
  return pem;
}
