import { type Problem, RenewalError } from "./errors.js";

/** What callers without types may get wrong. */

/** @throws ERR_ARGUMENT when it is not a credential as it was listed */
export function assertCredential(credential: unknown): void {
  if (!isCredential(credential)) throw argumentError([NO_CREDENTIAL]);
}

/** @throws ERR_ARGUMENT */
export function assertId(id: unknown): void {
  if (typeof id !== "string") throw argumentError([NO_ID]);
}

/** @throws ERR_ARGUMENT naming all that is wrong */
export function assertRenewArguments(credential: unknown, options: unknown): void {
  const problems: Problem[] = [];
  if (isObject(credential) && "id" in credential) {
    if (typeof credential["id"] !== "string") problems.push(NO_ID);
  } else if (!isCredential(credential)) {
    problems.push(NO_CREDENTIAL);
  }
  if (!isObject(options) || typeof options["choose"] !== "function") {
    problems.push({ pointer: "/choose", message: "must be a function" });
  }
  if (problems.length > 0) throw argumentError(problems);
}

/** Runs what an adapter takes part in: only errors of the catalogue come out. */
export async function inOurWords<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof RenewalError) throw cause;
    throw new RenewalError("ERR_UNEXPECTED", { cause });
  }
}

const NO_CREDENTIAL = { pointer: "/credential", message: "must be one of client.credentials()" };
const NO_ID = { pointer: "/id", message: "must be a string" };

const argumentError = (problems: readonly Problem[]) =>
  new RenewalError("ERR_ARGUMENT", { problems });

function isCredential(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { token, signing, eligibility } = value;
  return (
    isObject(token) &&
    isObject(signing) &&
    signing["der"] instanceof Uint8Array &&
    signing["notAfter"] instanceof Date &&
    isObject(eligibility) &&
    Array.isArray(eligibility["reasons"])
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
