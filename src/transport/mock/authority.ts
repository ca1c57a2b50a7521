import { type Certificate, type KeyUsage, parseCertificate } from "../../core/pki/certificate.js";
import {
  type Authority,
  openAuthority,
  renewedExtensions,
  SUBSCRIBER_EXTENSIONS,
  strangerSpki,
} from "../../sandbox/authority.js";
import { memoryFiles } from "../../sandbox/files.js";
import { encodeName, type SubjectFields } from "../../sandbox/name.js";
import { keyUsage } from "../../sandbox/x509.js";

/** What is wrong with an issued certificate, on purpose. */
export type IssuanceFlaw =
  | "wrong-key"
  | "wrong-chain"
  | "wrong-subject"
  /** Its validity ended before it was issued. */
  | "expired"
  /** It ends a year before what was agreed. */
  | "too-short";

export interface IssueOptions {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** As in RFC 4514, without escapes: `CN=张三,O=北京样例科技有限公司,C=CN`, which is the default. */
  readonly subject?: string | undefined;
  /** Default: 700 days ago. */
  readonly notBefore?: Date | undefined;
  /** Default: in 30 days. */
  readonly notAfter?: Date | undefined;
  /** Default: digitalSignature and nonRepudiation, beside extended key usages. */
  readonly keyUsage?: readonly KeyUsage[] | undefined;
}

/** A CA in memory that issues real certificates. */
export interface MockAuthority {
  /** The root, DER. */
  readonly trustAnchors: readonly Uint8Array[];
  /** The issuing CA, DER. */
  readonly chain: readonly Uint8Array[];
  issue(options: IssueOptions): Uint8Array;
  renew(previous: Certificate, wanted: Wanted, flaw?: IssuanceFlaw): Uint8Array;
  issued(certificate: Certificate): boolean;
}

interface Wanted {
  readonly spki: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const DAY_MS = 86_400_000;

export function mockAuthority(now: Date): MockAuthority {
  const authority = openAuthority(memoryFiles(), now, "certrenew mock");
  const chain = [authority.issuing];
  return {
    trustAnchors: [authority.root],
    chain,
    issue: ({ spki, subject, notBefore, notAfter, keyUsage: usages }) =>
      authority.issue({
        subjectDer: encodeName(readSubject(subject ?? SAMPLE_SUBJECT)),
        spki,
        notBefore: notBefore ?? new Date(now.getTime() - 700 * DAY_MS),
        notAfter: notAfter ?? new Date(now.getTime() + 30 * DAY_MS),
        extensions: usages ? [keyUsage(...usages)] : SUBSCRIBER_EXTENSIONS,
      }),
    renew: (previous, wanted, flaw) => renew(authority, previous, wanted, flaw, now),
    issued: ({ issuerDer }) =>
      Buffer.compare(issuerDer, parseCertificate(authority.issuing).subjectDer) === 0,
  };
}

const SAMPLE_SUBJECT = "CN=张三,O=北京样例科技有限公司,C=CN";

const SUBJECT_FIELDS = new Map<string, keyof SubjectFields>([
  ["CN", "commonName"],
  ["C", "country"],
  ["ST", "province"],
  ["L", "locality"],
  ["O", "organisation"],
  ["OU", "organisationalUnit"],
]);

function readSubject(text: string): SubjectFields {
  const fields = text.split(",").map((attribute) => {
    const [type = "", value = ""] = attribute.split("=");
    const field = SUBJECT_FIELDS.get(type.trim());
    if (field === undefined) throw new RangeError(`a subject of CN, C, ST, L, O and OU: ${text}`);
    return [field, value.trim()];
  });
  return { commonName: "", ...Object.fromEntries(fields) };
}

function renew(
  authority: Authority,
  previous: Certificate,
  wanted: Wanted,
  flaw: IssuanceFlaw | undefined,
  now: Date,
): Uint8Array {
  const template = {
    subjectDer: previous.subjectDer,
    extensions: renewedExtensions(previous.der),
    ...wanted,
  };
  switch (flaw) {
    case undefined:
      return authority.issue(template);
    case "wrong-key":
      return authority.issue({ ...template, spki: strangerSpki() });
    case "wrong-subject":
      return authority.issue({ ...template, subjectDer: encodeName({ commonName: "李四" }) });
    case "expired":
      return authority.issue({
        ...template,
        notBefore: new Date(wanted.notBefore.getTime() - 30 * DAY_MS),
        notAfter: new Date(wanted.notBefore.getTime() - DAY_MS),
      });
    case "too-short":
      return authority.issue({
        ...template,
        notAfter: new Date(wanted.notAfter.getTime() - 365 * DAY_MS),
      });
    case "wrong-chain":
      return openAuthority(memoryFiles(), now, "Another CA").issue(template);
  }
}
