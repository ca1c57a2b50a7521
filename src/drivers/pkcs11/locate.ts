import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { throwIfAborted } from "../../core/errors.js";
import type { CallOptions } from "../../core/ports/driver.js";
import { KNOWN_MODULES, type ModuleKind } from "./locate-table.js";
import { type Machine, pathsOf, thisMachine } from "./module-paths.js";
import {
  configurationFolders,
  DEFAULT_MODULE_FOLDERS,
  moduleName,
  type P11KitModule,
  parseModuleFile,
} from "./p11-kit.js";

/** A place where a PKCS#11 module can be, and whether a file is there. */
export interface LocatedModule {
  readonly name: string;
  /** Absent where only p11-kit's configuration names it. */
  readonly vendor?: string | undefined;
  readonly kind: ModuleKind;
  /** As `process.platform`. */
  readonly platform: string;
  readonly path: string;
  /** What tells this path: a package, a vendor's page, or the configuration file of p11-kit. */
  readonly source: string;
  readonly found: boolean;
  /** The file itself behind symbolic links: the same for two paths of one module. Absent where there is none. */
  readonly target?: string | undefined;
}

/** What {@link locate} reads. Whatever cannot be read is not there: no function rejects. */
export interface LocateFileSystem {
  /** The path behind symbolic links, `undefined` where there is no such file. */
  realPath(path: string): Promise<string | undefined>;
  readText(path: string): Promise<string | undefined>;
  /** Names in a folder. */
  list(folder: string): Promise<readonly string[]>;
}

/** How {@link locate} looks: by default on this machine. */
export interface LocateOptions extends CallOptions {
  /** As `process.platform`. */
  readonly platform?: string | undefined;
  /** As `process.arch`. */
  readonly arch?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly fileSystem?: LocateFileSystem | undefined;
}

/**
 * Every place where a known PKCS#11 module can be on this system, those that are there first, each with its source: a table
 * of products, and the module configurations of p11-kit. Looks at file names only: no module is loaded.
 *
 * @throws RenewalError ERR_ABORTED
 */
export async function locate(options: LocateOptions = {}): Promise<readonly LocatedModule[]> {
  const machine: Machine = {
    platform: options.platform ?? process.platform,
    arch: options.arch ?? process.arch,
    environment: options.environment ?? thisMachine().environment,
  };
  const files = options.fileSystem ?? nodeFileSystem;
  const listed = KNOWN_MODULES.flatMap(({ name, vendor, kind, source, ...row }) =>
    pathsOf({ name, vendor, kind, source, ...row }, machine).map((path) => ({
      name,
      vendor,
      kind,
      source,
      path,
    })),
  );
  throwIfAborted(options.signal);
  const configured = await configuredModules(machine, files);
  const rows: LocatedModule[] = [];
  for (const row of [...listed, ...configured]) {
    throwIfAborted(options.signal);
    const target = await files.realPath(row.path);
    const found = target !== undefined;
    rows.push({ ...row, platform: machine.platform, found, ...(found && { target }) });
  }
  return [...rows.filter(({ found }) => found), ...rows.filter(({ found }) => !found)];
}

/** The modules of p11-kit's configuration, each at its path. */
async function configuredModules(
  machine: Machine,
  files: LocateFileSystem,
): Promise<readonly Omit<LocatedModule, "platform" | "found" | "target">[]> {
  const byName = new Map<string, P11KitModule | undefined>();
  for (const folder of configurationFolders(machine.platform, machine.environment)) {
    for (const file of await files.list(folder)) {
      if (!file.endsWith(".module")) continue;
      const source = `${folder}/${file}`;
      const text = await files.readText(source);
      if (text !== undefined) byName.set(moduleName(source), parseModuleFile(source, text));
    }
  }
  const modules = [...byName.values()].filter((each) => each !== undefined);
  return Promise.all(
    modules.map(async ({ name, source, module, isTrustPolicy }) => {
      const path = module.startsWith("/") ? module : await inModuleFolder(module, machine, files);
      return { name, source, path, kind: isTrustPolicy ? "other" : kindOf(path) };
    }),
  );
}

async function inModuleFolder(
  name: string,
  machine: Machine,
  files: LocateFileSystem,
): Promise<string> {
  const row = { name, vendor: "", kind: "other", source: "" } as const;
  const platform = machine.platform === "darwin" ? "darwin" : "linux";
  const paths = DEFAULT_MODULE_FOLDERS.map((folder) => `${folder}/${name}`);
  const candidates = pathsOf({ ...row, platform, paths }, machine);
  for (const path of candidates) {
    if ((await files.realPath(path)) !== undefined) return path;
  }
  return candidates[0] ?? name;
}

/** As the table says of a library of that name. */
function kindOf(path: string): ModuleKind {
  const file = path.slice(path.lastIndexOf("/"));
  const known = KNOWN_MODULES.find(({ paths }) => paths.some((each) => each.endsWith(file)));
  return known?.kind ?? "device";
}

const nodeFileSystem: LocateFileSystem = {
  async realPath(path) {
    try {
      const target = await realpath(path);
      return (await stat(target)).isFile() ? target : undefined;
    } catch {
      return undefined;
    }
  },
  readText: (path) => readFile(path, "utf8").catch(() => undefined),
  list: (folder) => readdir(folder).catch(() => []),
};
