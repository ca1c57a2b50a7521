import pkcs11 from "pkcs11js";
import { describe, expect, test } from "vitest";
import { RenewalError } from "../../../src/core/errors.js";
import {
  ckrOf,
  endsSession,
  fromNative,
  mayBeRemoval,
} from "../../../src/drivers/pkcs11/errors.js";

describe("what a native call threw", () => {
  test.each([
    ["CKR_PIN_INCORRECT", "ERR_PIN_INCORRECT"],
    ["CKR_PIN_LEN_RANGE", "ERR_PIN_INCORRECT"],
    ["CKR_PIN_LOCKED", "ERR_PIN_LOCKED"],
    ["CKR_DEVICE_MEMORY", "ERR_TOKEN_FULL"],
    ["CKR_DEVICE_REMOVED", "ERR_TOKEN_REMOVED"],
    ["CKR_GENERAL_ERROR", "ERR_TOKEN_FAILURE"],
    ["CKR_MECHANISM_INVALID", "ERR_ALGORITHM_UNSUPPORTED"],
    ["CKR_FUNCTION_CANCELED", "ERR_ABORTED"],
    ["CKR_VENDOR_DEFINED", "ERR_TOKEN_FAILURE"],
  ])("%s is %s, with its name in the details", (ckr, code) => {
    const native = new pkcs11.Pkcs11Error(`Error: ${ckr}:99\n  at somewhere`);
    const error = fromNative(native, { request: "sign" });
    expect(error).toMatchObject({ code, cause: native, details: { ckr, request: "sign" } });
  });

  test("is known by the name in its message, where the binding throws a plain error", () => {
    expect(ckrOf(new Error("CKR_DEVICE_ERROR:48"))).toBe("CKR_DEVICE_ERROR");
    expect(ckrOf(new Error("nothing of the kind"))).toBeUndefined();
    expect(ckrOf("CKR_DEVICE_ERROR")).toBeUndefined();
  });

  test("without a name is a failure of the token, and ours stays what it is", () => {
    const own = new RenewalError("ERR_TOKEN_FULL");
    expect(fromNative(own)).toBe(own);
    const other = fromNative(new TypeError("wrong type"));
    expect(other).toMatchObject({ code: "ERR_TOKEN_FAILURE", details: {} });
    expect(mayBeRemoval(other)).toBe(false);
  });

  test("tells whether the session is over, and whether the token may be gone", () => {
    const results = ["DEVICE_REMOVED", "SESSION_HANDLE_INVALID", "GENERAL_ERROR", "DEVICE_MEMORY"];
    const errors = results.map((name) => new Error(`CKR_${name}:1`));
    expect(errors.map(endsSession)).toEqual([true, true, false, false]);
    expect(errors.map((error) => mayBeRemoval(fromNative(error)))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});
