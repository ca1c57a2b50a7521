/** What a shared library says in its first bytes of the system and the processor it is built for. */
export interface LibraryHeader {
  /** `elf`: Linux. `mach-o`: macOS. `pe`: Windows. `unknown`: no library. */
  readonly format: "elf" | "mach-o" | "pe" | "unknown";
  /** As `process.arch` names them, `machine 0x…` where Node runs on none such. A universal library of macOS has several. */
  readonly architectures: readonly string[];
  readonly bits?: 32 | 64 | undefined;
}

/** So much of a file is enough. */
export const HEADER_BYTES = 4096;

/** Reads the header of ELF, Mach-O (universal too) and PE files. Whatever is none of them is `unknown`. */
export function readLibraryHeader(bytes: Uint8Array): LibraryHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return elf(view) ?? machO(view) ?? portableExecutable(view) ?? UNKNOWN;
  } catch (error) {
    // Cut off in the middle of the header.
    if (error instanceof RangeError) return UNKNOWN;
    throw error;
  }
}

/** The format that the dynamic linker of a system takes. */
export function formatFor(platform: string): LibraryHeader["format"] {
  if (platform === "win32") return "pe";
  return platform === "darwin" ? "mach-o" : "elf";
}

const UNKNOWN: LibraryHeader = { format: "unknown", architectures: [] };

/** A machine's name where it has 32 bits, and where it has 64. */
type Names = readonly [name32: string | undefined, name64: string | undefined];

/** e_machine of the System V ABI; Linux also runs 32-bit code on EM_X86_64 (x32). */
const ELF_MACHINES: Readonly<Record<number, Names>> = {
  3: ["ia32", undefined],
  8: ["mips", "mips64"],
  21: [undefined, "ppc64"],
  22: ["s390", "s390x"],
  40: ["arm", undefined],
  62: ["x32", "x64"],
  183: [undefined, "arm64"],
  243: ["riscv32", "riscv64"],
  258: [undefined, "loong64"],
};

function elf(view: DataView): LibraryHeader | undefined {
  if (view.getUint32(0) !== 0x7f45_4c46) return undefined;
  const bits = view.getUint8(4) === 2 ? 64 : 32;
  const isLittleEndian = view.getUint8(5) === 1;
  const machine = view.getUint16(18, isLittleEndian);
  const name = ELF_MACHINES[machine]?.[bits === 64 ? 1 : 0] ?? unnamed(machine);
  const suffix = name.startsWith("mips") && isLittleEndian ? "el" : "";
  return { format: "elf", architectures: [name + suffix], bits };
}

/** cputype of Mach-O; 0x0100_0000 is CPU_ARCH_ABI64. */
const MACH_O_CPUS: Readonly<Record<number, string>> = {
  7: "ia32",
  12: "arm",
  16777223: "x64",
  16777228: "arm64",
};

const MACH_O_64_BIT = 0x0100_0000;

/** A Java class begins like a universal library; its version is then where the number of architectures would be. */
const MOST_ARCHITECTURES = 30;

function machO(view: DataView): LibraryHeader | undefined {
  const magic = view.getUint32(0);
  if (magic === 0xcafe_babe || magic === 0xcafe_babf) {
    const entryBytes = magic === 0xcafe_babe ? 20 : 32;
    const count = view.getUint32(4);
    if (count > MOST_ARCHITECTURES) return undefined;
    return ofCpus(
      Array.from({ length: count }, (_, index) => view.getUint32(8 + index * entryBytes)),
    );
  }
  if (magic !== 0xcffa_edfe && magic !== 0xcefa_edfe) return undefined;
  return ofCpus([view.getUint32(4, true)]);
}

function ofCpus(cpus: readonly number[]): LibraryHeader {
  const bits = new Set(cpus.map((cpu) => ((cpu & MACH_O_64_BIT) === 0 ? 32 : 64)));
  const [only] = bits;
  return {
    format: "mach-o",
    architectures: cpus.map((cpu) => MACH_O_CPUS[cpu] ?? unnamed(cpu)),
    ...(bits.size === 1 && only !== undefined && { bits: only === 32 ? 32 : 64 }),
  };
}

/** Machine of the COFF file header. */
const PE_MACHINES: Readonly<Record<number, readonly [string, 32 | 64]>> = {
  332: ["ia32", 32],
  452: ["arm", 32],
  34404: ["x64", 64],
  43620: ["arm64", 64],
};

function portableExecutable(view: DataView): LibraryHeader | undefined {
  if (view.getUint16(0) !== 0x4d5a) return undefined;
  const header = view.getUint32(0x3c, true);
  if (view.getUint32(header) !== 0x5045_0000) return undefined;
  const machine = view.getUint16(header + 4, true);
  const [name, bits] = PE_MACHINES[machine] ?? [unnamed(machine), undefined];
  return { format: "pe", architectures: [name], ...(bits !== undefined && { bits }) };
}

function unnamed(machine: number): string {
  return `machine 0x${machine.toString(16)}`;
}
