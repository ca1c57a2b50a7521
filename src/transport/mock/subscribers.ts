import { type KeyUsage, sha256Hex } from "../../core/pki/certificate.js";
import { SUBSCRIBER_EXTENSIONS } from "../../sandbox/authority.js";
import { encodeName, type SubjectFields } from "../../sandbox/name.js";
import { DAY_MS, later, type Office } from "../../sandbox/office.js";
import { keyUsage } from "../../sandbox/x509.js";

/** What the CA behind the mock certifies. */
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

/** A certificate, DER, such as the counter issues to a new customer. */
export function issueTo({ authority, clock, state }: Office, options: IssueOptions): Uint8Array {
  const { spki, subject = SAMPLE_SUBJECT, keyUsage: usages } = options;
  const der = authority.issue({
    spki,
    subjectDer: encodeName(readSubject(subject)),
    notBefore: options.notBefore ?? later(clock.now(), -700 * DAY_MS),
    notAfter: options.notAfter ?? later(clock.now(), 30 * DAY_MS),
    extensions: usages ? [keyUsage(...usages)] : SUBSCRIBER_EXTENSIONS,
  });
  state.certificates[sha256Hex(der)] = { der };
  return der;
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
