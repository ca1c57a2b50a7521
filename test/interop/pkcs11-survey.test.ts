import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createDispatcher } from "../../src/drivers/pkcs11/host/dispatcher.js";
import type { CallName, Params, Request, Result } from "../../src/drivers/pkcs11/rpc.js";
import { provisionedStore } from "../support/softhsm.js";
import { vendorModule } from "../support/vendor-module.js";

// What runs in a host for `diagnose`, run here: the same requests, without the process around them.

const CKR_TOKEN_NOT_RECOGNIZED = 225;
const CKF_WRITE_PROTECTED = 2;
const CKA_KEY_TYPE = 256;

let store: ReturnType<typeof provisionedStore>;
let vendor: ReturnType<typeof vendorModule>;
let call: <K extends CallName>(name: K, params: Params<K>) => Result<K>;

beforeEach(() => {
  store = provisionedStore("EC:prime256v1");
  vendor = vendorModule(store);
  for (const [name, value] of Object.entries(vendor.env)) vi.stubEnv(name, value);
  const dispatch = createDispatcher();
  call = (name, params) => dispatch({ call: name, params } as Request) as Result<typeof name>;
  expect(call("binding", undefined)).toBeUndefined();
  call("load", { module: vendor.module });
});

afterEach(() => {
  call("close", undefined);
  vi.unstubAllEnvs();
  store.erase();
});

const readySlot = () => call("slots", undefined).find(({ token }) => token.state === "ready");

test("the library, its slots and what is on a token", () => {
  expect(call("library", undefined)).toEqual({
    manufacturer: "SoftHSM",
    description: "Implementation of PKCS11",
    version: "2.6",
    cryptokiVersion: "2.40",
  });
  vendor.order(`flags ${CKF_WRITE_PROTECTED}`);
  const slot = readySlot();
  expect(slot).toMatchObject({
    removable: true,
    hardware: true,
    token: { info: store.token, pinSet: true, writeProtected: true },
  });
  const { certificate: der, keyId } = store.credential;
  expect(call("objects", { slot: slot?.id ?? "" })).toMatchObject({
    certificates: [{ der, privateKey: "unknown", publicKey: "present" }],
    publicKeys: [new Uint8Array(keyId)],
    privateKeys: [],
    unreadable: 0,
  });
});

test("a key that does not tell what it is counts as unreadable", () => {
  const slot = readySlot()?.id ?? "";
  vendor.order(`refuse ${CKA_KEY_TYPE}`);
  // Its CKA_ID can still be read.
  expect(call("objects", { slot })).toMatchObject({ publicKeys: [], unreadable: 1 });
});

test("a slot without its token, and a slot that is gone", () => {
  const slot = readySlot()?.id ?? "";
  vendor.order("removed 224");
  expect(call("slots", undefined).map(({ token }) => token.state)).toEqual(["absent", "absent"]);
  vendor.order(`fail C_OpenSession ${CKR_TOKEN_NOT_RECOGNIZED}`);
  expect(() => call("objects", { slot })).toThrow(
    expect.objectContaining({ code: "ERR_TOKEN_FAILURE" }),
  );
  expect(() => call("objects", { slot: "ff" })).toThrow(
    expect.objectContaining({ code: "ERR_TOKEN_REMOVED" }),
  );
});
