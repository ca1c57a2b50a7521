import { KNOWN_MODULES, type KnownModule } from "./locate-table.js";

/** The machine that a path of the table is read for. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function thisMachine(): Machine {
  return { platform: process.platform, arch: process.arch, environment: process.env };
}

/** Where a product's module can be on this machine, in the order in which it is looked for. */
export function placesOf(name: string, machine: Machine = thisMachine()): readonly string[] {
  return KNOWN_MODULES.filter((row) => row.name === name).flatMap((row) => pathsOf(row, machine));
}

/** A row's paths with the placeholders filled in; none for another system, or where a variable is not set. */
export function pathsOf(row: KnownModule, machine: Machine): readonly string[] {
  if (row.platform !== machine.platform) return [];
  const paths = row.paths.flatMap((path) => {
    const twin = machine.platform === "win32" ? twinOf(path) : undefined;
    return [path, ...(twin === undefined ? [] : [twin])];
  });
  return paths.flatMap((path) => filled(path, machine) ?? []);
}

/** Debian's multiarch folders, by Node's name of the processor. */
const TRIPLETS: Readonly<Record<string, string>> = {
  x64: "x86_64-linux-gnu",
  ia32: "i386-linux-gnu",
  arm64: "aarch64-linux-gnu",
  arm: "arm-linux-gnueabihf",
  loong64: "loongarch64-linux-gnu",
  mips64el: "mips64el-linux-gnuabi64",
  ppc64: "powerpc64le-linux-gnu",
  riscv64: "riscv64-linux-gnu",
  s390x: "s390x-linux-gnu",
};

function filled(path: string, { arch, environment }: Machine): string | undefined {
  const values = [...path.matchAll(/\{triplet\}|%([^%]+)%/g)].map(([placeholder, name]) => [
    placeholder,
    name === undefined ? TRIPLETS[arch] : variable(environment, name),
  ]);
  let result = path;
  for (const [placeholder = "", value] of values) {
    if (value === undefined || value === "") return undefined;
    result = result.replace(placeholder, () => value);
  }
  return result;
}

/** Windows takes the names of variables in any case. */
function variable(environment: Machine["environment"], wanted: string): string | undefined {
  const name = Object.keys(environment).find((each) => each.toUpperCase() === wanted.toUpperCase());
  return name === undefined ? undefined : environment[name];
}

/**
 * Where 64-bit Windows keeps the same file for 32-bit programs. A driver that stands only there explains why a 64-bit program
 * does not find it.
 */
function twinOf(path: string): string | undefined {
  if (path.includes("\\System32\\")) return path.replace("\\System32\\", "\\SysWOW64\\");
  if (path.startsWith("%ProgramFiles%")) {
    return path.replace("%ProgramFiles%", "%ProgramFiles(x86)%");
  }
  return undefined;
}
