import { type FileHandle, open } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { RenewalError } from "../../core/errors.js";
import { parseCertificate } from "../../core/pki/certificate.js";
import type {
  DiagnosedCertificate,
  DiagnosedFailure,
  DiagnosedFile,
  DiagnosedObjects,
  DiagnosedSlot,
  DiagnosedToken,
} from "./diagnosis.js";
import { HostProcess, type HostSettings } from "./host-process.js";
import { formatFor, HEADER_BYTES, readLibraryHeader } from "./library-file.js";
import type { LibraryInfo, ObjectSurvey, SlotSurvey, SurveyedCertificate } from "./survey.js";

export interface Examination {
  readonly state: "usable" | "failed";
  readonly failure?: DiagnosedFailure | undefined;
  readonly library?: LibraryInfo | undefined;
  readonly slots: readonly DiagnosedSlot[];
}

/** What the file is, without loading it. `undefined` for a name that only the dynamic linker can find. */
export async function examineFile(path: string): Promise<DiagnosedFile | undefined> {
  if (!isAbsolute(path)) return undefined;
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    if (!(await file.stat()).isFile()) return { found: false };
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    const header = readLibraryHeader(buffer.subarray(0, bytesRead));
    const fits =
      header.format === formatFor(process.platform) && header.architectures.includes(process.arch);
    return { found: true, header, fits };
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return { found: !isMissing };
  } finally {
    await file?.close();
  }
}

/**
 * Loads a module in hosts of its own and asks it all that it tells without a PIN. What was learned before it hung or crashed
 * is kept, and each token after that one gets a fresh host.
 * @throws ERR_ABORTED
 */
export async function examineModule(
  settings: HostSettings,
  signal: AbortSignal,
): Promise<Examination> {
  let host: HostProcess | undefined;
  let library: LibraryInfo | undefined;
  const call = { signal, onAbort: "end" } as const;
  const started = async () => {
    if (host?.isAlive !== true) host = await HostProcess.start(settings, { signal });
    return host;
  };
  const objectsIn = async (slot: string): Promise<Partial<DiagnosedToken>> => {
    try {
      return { objects: objectsOf(await (await started()).call("objects", { slot }, call)) };
    } catch (error) {
      return { failure: failureOf(error) };
    }
  };
  try {
    library = await (await started()).call("library", undefined, call);
    const slots: DiagnosedSlot[] = [];
    for (const each of await (await started()).call("slots", undefined, call)) {
      const isReady = each.token.state === "ready";
      slots.push(slotOf(each, isReady ? await objectsIn(each.id) : {}));
    }
    return { state: "usable", library, slots };
  } catch (error) {
    return { state: "failed", failure: failureOf(error), library, slots: [] };
  } finally {
    await host?.close();
  }
}

/** @throws ERR_ABORTED as it is: that is no finding */
export function failureOf(error: unknown): DiagnosedFailure {
  if (!(error instanceof RenewalError) || error.code === "ERR_ABORTED") throw error;
  const { code, details, message } = error;
  const { reason, ckr, request, exitCode, signal } = details;
  const facts = [reason ?? ckr, exitCode !== undefined && `exit ${exitCode}`, signal];
  return {
    code,
    reason: facts.filter(Boolean).join(", ") || message,
    ...(typeof request === "string" && { during: request }),
  };
}

function slotOf(slot: SlotSurvey, found: Partial<DiagnosedToken>): DiagnosedSlot {
  const { description, manufacturer, removable, hardware, token } = slot;
  const shown = { description, manufacturer, removable, hardware };
  switch (token.state) {
    case "absent":
      return { ...shown, state: "empty" };
    case "uninitialised":
      return { ...shown, state: "uninitialised" };
    case "unreadable":
      return { ...shown, state: "unreadable", ckr: token.ckr };
    case "ready": {
      const { slot: _, signatureAlgorithms: __, ...info } = token.info;
      const { pinSet, writeProtected } = token;
      return { ...shown, state: "ready", token: { ...info, pinSet, writeProtected, ...found } };
    }
  }
}

function objectsOf(survey: ObjectSurvey): DiagnosedObjects {
  const certificates = survey.certificates.flatMap((each) => certificateOf(each) ?? []);
  const partnered = new Set([
    ...survey.privateKeys.map(hex),
    ...survey.certificates.map(({ keyId }) => hex(keyId)),
  ]);
  return {
    certificates,
    publicKeys: survey.publicKeys.length,
    privateKeys: survey.privateKeys.length,
    unreadable: survey.unreadable + survey.certificates.length - certificates.length,
    orphanPublicKeys: survey.publicKeys.map(hex).filter((keyId) => !partnered.has(keyId)),
  };
}

function certificateOf(object: SurveyedCertificate): DiagnosedCertificate | undefined {
  try {
    const certificate = parseCertificate(object.der);
    const { subject, issuer, serialNumber, notBefore, notAfter, isCa, keyAlgorithm } = certificate;
    const { label, privateKey, publicKey } = object;
    const facts = { subject, issuer, serialNumber, notBefore, notAfter, isCa };
    return {
      ...facts,
      ...(keyAlgorithm !== undefined && { keyAlgorithm }),
      keyId: hex(object.keyId),
      label,
      privateKey,
      publicKey,
    };
  } catch {
    return undefined;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
