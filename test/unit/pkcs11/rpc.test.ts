import { deserialize, serialize } from "node:v8";
import { expect, test } from "vitest";
import { RenewalError } from "../../../src/core/errors.js";
import { DEADLINE_OF, deadlineOf, withDefaults } from "../../../src/drivers/pkcs11/deadlines.js";
import { fromFailure, toFailure } from "../../../src/drivers/pkcs11/rpc.js";

test("an error crosses between processes with code, details and native cause", () => {
  const cause = Object.assign(new Error("CKR_DEVICE_ERROR"), { name: "Pkcs11Error" });
  const details = { ckr: "CKR_DEVICE_ERROR" };
  const sent = toFailure(new RenewalError("ERR_TOKEN_FAILURE", { cause, details }));
  const received = fromFailure(deserialize(serialize(sent)));
  expect(received).toBeInstanceOf(RenewalError);
  expect(received).toMatchObject({ code: "ERR_TOKEN_FAILURE", details });
  expect(received.cause).toMatchObject({ name: "Pkcs11Error", message: "CKR_DEVICE_ERROR" });
});

test("an error without a cause crosses without one", () => {
  const received = fromFailure(
    deserialize(serialize(toFailure(new RenewalError("ERR_PIN_LOCKED")))),
  );
  expect(received.code).toBe("ERR_PIN_LOCKED");
  expect(received.cause).toBeUndefined();
});

test("every call has a deadline, and what is not set keeps its default", () => {
  const deadlines = withDefaults({ sign: 5, login: undefined });
  expect(deadlines.sign).toBe(5);
  for (const kind of Object.values(DEADLINE_OF)) expect(deadlines[kind]).toBeGreaterThan(0);
  expect(deadlines.login).toBe(60_000);
});

test("a PIN pad leaves the holder time to type, in the calls that ask for it", () => {
  const deadlines = withDefaults({ sign: 5, pinPad: 90_000 });
  expect(deadlineOf("login", deadlines, true)).toBe(150_000);
  expect(deadlineOf("sign", deadlines, true)).toBe(90_005);
  expect(deadlineOf("decrypt", deadlines, true)).toBe(90_005);
  expect(deadlineOf("tokens", deadlines, true)).toBe(deadlines.list);
  expect(deadlineOf("login", deadlines, false)).toBe(60_000);
  const longest = withDefaults({ login: 2 ** 31 - 1 });
  expect(deadlineOf("login", longest, true)).toBe(2 ** 31 - 1);
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])("%s ms are no deadline", (ms) => {
  expect(() => withDefaults({ sign: ms })).toThrowError(
    expect.objectContaining({
      code: "ERR_ARGUMENT",
      problems: [expect.objectContaining({ pointer: "/deadlines/sign" })],
    }),
  );
});
