import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { mustRun, root } from "../support/run.js";

/** A project that has the packed package installed, and of its dependencies only what is linked. */
export interface Project {
  readonly folder: string;
  /** The paths in the tarball. */
  readonly files: readonly string[];
  /** Installs further dependencies, from those of this work tree. */
  link(names: readonly string[]): void;
  /** Runs a script in the project, and gives the one JSON value that it prints. */
  evaluate<T>(script: string, options?: EvaluateOptions): Promise<T>;
  remove(): void;
}

interface EvaluateOptions {
  readonly inputType?: "module" | "commonjs";
  readonly env?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

export const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Packs `dist` as it is, and lays the tarball out as npm would. */
export async function installPacked(): Promise<Project> {
  const folder = mkdtempSync(join(tmpdir(), "certrenew-package-"));
  const packing = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
  const { stdout } = await mustRun("npm", packing);
  const [packed] = JSON.parse(stdout) as {
    readonly filename: string;
    readonly files: readonly { readonly path: string }[];
  }[];
  if (!packed) throw new Error("npm pack made nothing");

  const modules = join(folder, "node_modules");
  const own = join(modules, "certrenew");
  mkdirSync(own, { recursive: true });
  await mustRun("tar", ["-xzf", join(folder, packed.filename), "-C", own, "--strip-components=1"]);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true }));

  const link = (names: readonly string[]) => {
    for (const name of names) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(root, "node_modules", name), join(modules, name), "dir");
    }
  };
  link(Object.keys(manifest.dependencies));

  return {
    folder,
    files: packed.files.map(({ path }) => path),
    link,
    async evaluate(script, { inputType = "module", env = {} } = {}) {
      const args = [`--input-type=${inputType}`, "-e", script];
      return JSON.parse((await mustRun(process.execPath, args, { cwd: folder, env })).stdout);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
