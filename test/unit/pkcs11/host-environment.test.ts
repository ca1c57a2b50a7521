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

test.each([1, 3, 5])(
  "a PIN through which the cut would go shows no end: %i characters",
  async (seen) => {
    const stream = new PassThrough();
    const tail = stderrTail(stream);
    tail.conceal("648219");
    for (const part of ["x".repeat(500), "PIN 64", `8219${"y".repeat(4096 - seen)}`]) {
      stream.write(part);
    }
    stream.end();
    await new Promise((resolve) => stream.once("end", resolve));
    const message = tail.asCause()?.message ?? "";
    expect(message).toMatch(/y{4000}/);
    expect(message).not.toMatch(/[0-9]/);
  },
);

test("a PIN that is printed many times does not come back at the cut", async () => {
  const stream = new PassThrough();
  const tail = stderrTail(stream);
  tail.conceal("648219");
  stream.end("648219".repeat(2_000));
  await new Promise((resolve) => stream.once("end", resolve));
  expect(tail.asCause()?.message).toMatch(/^the module printed: •+$/);
});
