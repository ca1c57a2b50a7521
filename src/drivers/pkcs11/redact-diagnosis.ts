import type {
  DiagnosedCertificate,
  DiagnosedModule,
  DiagnosedSlot,
  DiagnosedToken,
  Diagnosis,
} from "./diagnosis.js";
import { findingsOf } from "./findings.js";

/**
 * A diagnosis that can be sent to strangers: without the names of people, serial numbers, labels, key identifiers and home
 * directories. What was equal stays equal: `token 1` in two modules is one token.
 */
export function redactDiagnosis({ at, program, modules }: Diagnosis): Diagnosis {
  const redacted = redactModules(modules);
  const hidden = withoutHomes(program);
  return { at, program: hidden, modules: redacted, findings: findingsOf(at, hidden, redacted) };
}

function redactModules(modules: readonly DiagnosedModule[]): readonly DiagnosedModule[] {
  const tokens = numbered("token");
  const keys = numbered("key");
  const certificates = numbered("certificate");
  const slots = numbered("slot");

  const redactCertificate = (certificate: DiagnosedCertificate): DiagnosedCertificate => ({
    ...certificate,
    subject: certificates(certificate.issuer, certificate.serialNumber, certificate.subject),
    issuer: "",
    serialNumber: "",
    label: "",
    keyId: certificate.keyId && keys(certificate.keyId),
  });
  const redactToken = (token: DiagnosedToken): DiagnosedToken => ({
    ...token,
    label: tokens(token.serialNumber, token.label, token.model, token.manufacturer),
    serialNumber: "",
    ...(token.objects && {
      objects: {
        ...token.objects,
        certificates: token.objects.certificates.map(redactCertificate),
        orphanPublicKeys: token.objects.orphanPublicKeys.map((id) => id && keys(id)),
      },
    }),
  });
  // Readers carry serial numbers in their names, and some modules the token's.
  const redactSlot = (slot: DiagnosedSlot): DiagnosedSlot => ({
    ...slot,
    description: slots(slot.description),
    ...(slot.token && { token: redactToken(slot.token) }),
  });
  return modules.map((module) => withoutHomes({ ...module, slots: module.slots.map(redactSlot) }));
}

/** Gives each value a number, the same one whenever it comes. */
function numbered(kind: string): (...facts: readonly string[]) => string {
  const known = new Map<string, number>();
  return (...facts) => {
    const key = JSON.stringify(facts);
    const number = known.get(key) ?? known.size + 1;
    known.set(key, number);
    return `${kind} ${number}`;
  };
}

const HOME = /(\/home\/|\/Users\/|\b[A-Z]:\\Users\\)[^/\\]+/gi;

/** The folder of a person is named for the person. */
function withoutHomes<T>(facts: T): T {
  const cleaned = (value: unknown): unknown => {
    if (typeof value === "string") return value.replace(HOME, "~");
    if (Array.isArray(value)) return value.map(cleaned);
    if (value === null || typeof value !== "object" || value instanceof Date) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, cleaned(each)]));
  };
  return cleaned(facts) as T;
}
