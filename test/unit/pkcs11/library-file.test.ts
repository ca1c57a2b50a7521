import { closeSync, openSync, readSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  formatFor,
  HEADER_BYTES,
  readLibraryHeader,
} from "../../../src/drivers/pkcs11/library-file.js";

const header = (...parts: readonly (string | number[])[]) =>
  readLibraryHeader(
    Buffer.concat(
      parts.map((part) =>
        typeof part === "string" ? Buffer.from(part, "hex") : Buffer.from(part),
      ),
    ),
  );

/** ELF with class, data encoding and machine, as two octets in the file. */
const elf = (bits: 1 | 2, data: 1 | 2, machine: string) =>
  header("7f454c46", [bits, data, 1, 0], "0000000000000000", "0300", machine);

const pe = (machine: string) => header("4d5a", "00".repeat(58), "40000000", "50450000", machine);

test("the program that runs this test is of its own architecture", () => {
  const file = openSync(process.execPath, "r");
  const bytes = Buffer.alloc(HEADER_BYTES);
  readSync(file, bytes);
  closeSync(file);
  const { format, architectures } = readLibraryHeader(bytes);
  expect(format).toBe(formatFor(process.platform));
  expect(architectures).toContain(process.arch);
});

test.each([
  [1, 1, "0300", "ia32", 32],
  [2, 1, "3e00", "x64", 64],
  [1, 1, "3e00", "x32", 32],
  [2, 1, "b700", "arm64", 64],
  [1, 1, "2800", "arm", 32],
  [2, 1, "0201", "loong64", 64],
  [2, 1, "f300", "riscv64", 64],
  [2, 2, "0016", "s390x", 64],
  [2, 1, "0800", "mips64el", 64],
  [2, 1, "1500", "ppc64", 64],
  [2, 1, "ff7f", "machine 0x7fff", 64],
] as const)("ELF: class %d, data %d, machine %s is %s", (bits, data, machine, name, size) => {
  expect(elf(bits, data, machine)).toEqual({ format: "elf", architectures: [name], bits: size });
});

describe("Mach-O", () => {
  test("of one architecture", () => {
    const arm64 = { format: "mach-o", architectures: ["arm64"], bits: 64 };
    expect(header("cffaedfe", "0c000001")).toEqual(arm64);
    expect(header("cefaedfe", "07000000")).toEqual({ ...arm64, architectures: ["ia32"], bits: 32 });
  });

  test("of several", () => {
    const entry = (cpu: string) => cpu + "00".repeat(16);
    expect(header("cafebabe", "00000002", entry("01000007"), entry("0100000c"))).toEqual({
      format: "mach-o",
      architectures: ["x64", "arm64"],
      bits: 64,
    });
    expect(header("cafebabe", "00000002", entry("00000007"), entry("01000007"))).toEqual({
      format: "mach-o",
      architectures: ["ia32", "x64"],
    });
  });
});

test.each([
  ["4c01", "ia32", 32],
  ["6486", "x64", 64],
  ["64aa", "arm64", 64],
] as const)("PE: machine %s is %s", (machine, name, bits) => {
  expect(pe(machine)).toEqual({ format: "pe", architectures: [name], bits });
});

test("what is no library, or the beginning of one, is unknown", () => {
  const unknown = { format: "unknown", architectures: [] };
  const wholeElf = Buffer.from("7f454c4602010100000000000000000003003e00", "hex");
  for (let length = 0; length < wholeElf.length; length += 1) {
    expect(readLibraryHeader(wholeElf.subarray(0, length))).toEqual(unknown);
  }
  expect(header("4d5a", "00".repeat(58), "f0ffffff")).toEqual(unknown);
  expect(readLibraryHeader(Buffer.from("#!/bin/sh\necho a script that says nothing\n"))).toEqual(
    unknown,
  );
  // A Java class has the magic number of universal libraries.
  expect(header("cafebabe", "00000034", "00".repeat(40))).toEqual(unknown);
});
