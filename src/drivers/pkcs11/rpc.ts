import type { RsaPadding } from "../../core/domain/key-algorithm.js";
import type { JsonObject } from "../../core/domain/scalars.js";
import { type ErrorCode, RenewalError } from "../../core/errors.js";
import type {
  DecryptOptions,
  DestroyOptions,
  GenerateKeyPairOptions,
  ImportCertificateOptions,
  ImportKeyPairOptions,
  KeyPair,
  KeyReference,
  SignOptions,
  Token,
  TokenContents,
  TokenIdentity,
} from "../../core/ports/driver.js";
import type { LibraryInfo, ObjectSurvey, SlotSurvey } from "./survey.js";

/**
 * What crosses between the driver and a host. The driver sends one request, waits for its reply, and sends the next: so
 * the host needs no queue, and nothing that was only asked for is still done after the driver's death.
 */
interface HostCalls {
  /** Loads the module and initialises it. The first request to every host. */
  load: { params: ModuleSettings; result: undefined };
  /** Loads the native binding, and no module. */
  binding: { params: undefined; result: undefined };
  library: { params: undefined; result: LibraryInfo };
  slots: { params: undefined; result: readonly SlotSurvey[] };
  /** What is on the token in one slot, as it shows without a PIN. */
  objects: { params: { readonly slot: string }; result: ObjectSurvey };
  tokens: { params: undefined; result: readonly Token[] };
  contents: { params: undefined; result: readonly TokenContents[] };
  poll: { params: undefined; result: readonly TokenIdentity[] };
  open: {
    params: TokenIdentity;
    result: { readonly token: Token; readonly present: readonly TokenIdentity[] };
  };
  /** The only message that holds a PIN. */
  login: { params: { readonly pin?: string | undefined }; result: undefined };
  generate: { params: Sent<GenerateKeyPairOptions>; result: KeyPair };
  find: { params: KeyReference; result: KeyPair | undefined };
  sign: { params: Sent<SignOptions>; result: Uint8Array };
  decrypt: { params: Sent<DecryptOptions>; result: Uint8Array };
  unwrap: { params: Sent<ImportKeyPairOptions>; result: KeyPair };
  import: { params: Sent<ImportCertificateOptions>; result: undefined };
  read: { params: undefined; result: TokenContents };
  destroy: { params: Sent<DestroyOptions>; result: undefined };
  /** Logs out and finalises the module. The last request. */
  close: { params: undefined; result: undefined };
}

export type CallName = keyof HostCalls;
export type Params<K extends CallName> = HostCalls[K]["params"];
export type Result<K extends CallName> = HostCalls[K]["result"];

type Sent<Options> = Omit<Options, "signal">;

export interface ModuleSettings {
  readonly module: string;
  readonly libraryParameters?: string | undefined;
  readonly rsaPadding?: RsaPadding | undefined;
}

/** One call with its parameters, for each kind of call. */
export type Request = {
  [K in CallName]: { readonly call: K; readonly params: Params<K> };
}[CallName];

export type Reply =
  /** The host runs, and nothing native is loaded yet. */
  { readonly ready: true } | { readonly result: unknown } | { readonly failure: Failure };

/** A RenewalError on its way between processes. */
export interface Failure {
  readonly code: ErrorCode;
  readonly details: JsonObject;
  readonly cause?: { readonly name: string; readonly message: string } | undefined;
}

export function toFailure({ code, details, cause }: RenewalError): Failure {
  const { name, message } = cause instanceof Error ? cause : new Error(String(cause));
  return { code, details, ...(cause !== undefined && { cause: { name, message } }) };
}

export function fromFailure({ code, details, cause }: Failure): RenewalError {
  if (cause === undefined) return new RenewalError(code, { details });
  const native = Object.assign(new Error(cause.message), { name: cause.name });
  return new RenewalError(code, { details, cause: native });
}
