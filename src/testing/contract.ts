import assert from "node:assert/strict";
import { type ErrorCode, RenewalError } from "../core/errors.js";

/** One demand on an implementation. `run` rejects with an `AssertionError` where it is not met. */
export interface ContractCase {
  readonly name: string;
  run(): Promise<void>;
}

/** Asserts that `action` rejects with a RenewalError of this code, and hands the error out. */
export async function rejectsWith(
  code: ErrorCode,
  action: Promise<unknown> | (() => Promise<unknown>),
): Promise<RenewalError> {
  const promise = typeof action === "function" ? action() : action;
  const error = await promise.then(
    (value: unknown) => assert.fail(`expected ${code}, but it resolved with ${String(value)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RenewalError)) {
    assert.fail(`expected a RenewalError ${code}, but it rejected with ${String(error)}`);
  }
  assert.equal(error.code, code, error.message);
  return error;
}
