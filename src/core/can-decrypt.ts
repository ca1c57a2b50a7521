import { lookForKeys, tryKeys } from "./decryption-keys.js";
import { type DecryptionReason, explainDecryption } from "./decryption-texts.js";
import { RenewalError, throwIfAborted } from "./errors.js";
import { DerError } from "./pki/der-error.js";
import { type RecipientIdentifier, readRecipientInfos } from "./pki/enveloped-data.js";
import type { TokenIdentity } from "./ports/driver.js";
import { addressedInStore, addressedOnTokens, type Recipient } from "./recipients.js";
import type { Runtime } from "./runtime.js";
import type { UnlockingStepOptions } from "./step-options.js";
import { summarize } from "./summaries.js";
import type { CertificateSummary } from "./views.js";

/** How far `canDecrypt` goes to find out. */
export interface CanDecryptOptions extends UnlockingStepOptions {
  /**
   * Ask for the PIN of each token that has a certificate in question, look for its private key, and try it where token and
   * envelope allow: what is decrypted is the content's key, and is thrown away. Default false.
   */
  readonly unlock?: boolean | undefined;
}

/** A CMS envelope (DER or BER), its beginning, or its SET OF RecipientInfo; or whom it is addressed to. */
export type Envelope = Uint8Array | readonly RecipientIdentifier[];

/** One recipient of an envelope. */
export interface EnvelopeRecipient {
  /**
   * `named`: as the caller named it. `unsupported`: it takes no certificate, but a password, a shared key, or something
   * else.
   */
  readonly kind: "key-transport" | "key-agreement" | "named" | "unsupported";
  readonly identifier: RecipientIdentifier | undefined;
}

/** Whether an envelope can be opened with what is here. */
export interface DecryptionOutlook {
  readonly answer: "yes" | "no" | "unknown";
  readonly reason: DecryptionReason;
  /** Which certificate of the envelope's recipients the reason is about. Several: the one that opens it, or most likely may. */
  readonly by:
    | { readonly token: TokenIdentity; readonly certificate: CertificateSummary }
    | undefined;
  readonly recipients: readonly EnvelopeRecipient[];
  /** The reason, for people. */
  readonly en: string;
  readonly zh: string;
}

/** See `RenewalClient.canDecrypt`. */
export async function canDecrypt(
  runtime: Runtime,
  envelope: Envelope,
  options: CanDecryptOptions = {},
): Promise<DecryptionOutlook> {
  const { signal, unlock = false } = options;
  throwIfAborted(signal);
  const recipients = recipientsOf(envelope);
  const contents = await runtime.driver.certificates({ signal });
  const onTokens = addressedOnTokens(recipients, contents);
  const candidates = onTokens.some(({ privateKey }) => privateKey !== "absent")
    ? onTokens
    : [...onTokens, ...(await addressedInStore(recipients, contents, runtime.store))];
  const found = unlock ? await tryKeys(runtime, candidates, options) : lookForKeys(candidates);
  const reason = found?.reason ?? withoutKey(recipients, contents.length);
  const by = found?.by;
  return {
    ...explainDecryption(reason, by?.token.label),
    reason,
    by: by && { token: by.token, certificate: summarize(by.held) },
    recipients: recipients.map(shown),
  };
}

/** Nobody here is addressed. */
function withoutKey(recipients: readonly Recipient[], tokens: number): DecryptionReason {
  if (tokens === 0) return "no-token";
  return recipients.some(({ kind }) => kind === "unsupported")
    ? "other-recipients"
    : "not-addressed";
}

/** @throws ERR_ARGUMENT */
function recipientsOf(envelope: Envelope): readonly Recipient[] {
  if (isList(envelope)) {
    if (envelope.length > 0 && envelope.every(isIdentifier)) {
      return envelope.map((identifier) => ({ kind: "named", identifier }));
    }
    throw refusal("must name recipients, by issuer and serialNumber or by subjectKeyIdentifier");
  }
  if (!(envelope instanceof Uint8Array)) throw refusal("must be bytes, or a list of recipients");
  try {
    return readRecipientInfos(envelope);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw refusal(`is no CMS envelope in DER or BER: ${cause.message}`, cause);
  }
}

function isList(envelope: Envelope): envelope is readonly RecipientIdentifier[] {
  return Array.isArray(envelope);
}

function isIdentifier(value: RecipientIdentifier | null | undefined): boolean {
  if (typeof value !== "object" || value === null) return false;
  return "issuer" in value
    ? value.issuer instanceof Uint8Array && typeof value.serialNumber === "string"
    : typeof value.subjectKeyIdentifier === "string";
}

function refusal(message: string, cause?: unknown): RenewalError {
  return new RenewalError("ERR_ARGUMENT", { cause, problems: [{ pointer: "/envelope", message }] });
}

function shown(recipient: Recipient): EnvelopeRecipient {
  const { kind } = recipient;
  return { kind, identifier: kind === "unsupported" ? undefined : recipient.identifier };
}
