import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { hostEnvironment } from "../../../src/drivers/pkcs11/host-environment.js";
import { stderrTail } from "../../../src/drivers/pkcs11/stderr-tail.js";

test("a host inherits what is on the list, in any case, and what the caller adds wins", () => {
  const inherited = {
    Path: "/bin",
    SOFTHSM2_CONF: "/inherited",
    SAMPLE_SECRET: "secret",
    LANG: undefined,
  };
  expect(hostEnvironment(inherited, { SOFTHSM2_CONF: "/own", VENDOR: "x" })).toEqual({
    Path: "/bin",
    SOFTHSM2_CONF: "/own",
    VENDOR: "x",
  });
});

test("options for Node do not reach a host, whoever gives them", () => {
  const options = { NODE_OPTIONS: "--require ./x.cjs" };
  expect(hostEnvironment(options, { ...options, node_options: "x" })).toEqual({});
});

test("of what a module prints the end is kept, without secrets and terminal codes", async () => {
  const stream = new PassThrough();
  const tail = stderrTail(stream);
  expect(tail.asCause()).toBeUndefined();
  tail.conceal("648219");
  tail.conceal("");
  stream.end(`${"x".repeat(10_000)}\u001b[31mPIN 648219\nTypeError: no\n`);
  await new Promise((resolve) => stream.once("end", resolve));
  const message = tail.asCause()?.message ?? "";
  expect(message.length).toBeLessThan(5_000);
  expect(message).toContain("[31mPIN •••\nTypeError: no");
  expect(message).not.toContain("\u001b");
  expect(tail.firstError()).toBe("TypeError: no");
});
