/** One module configuration of p11-kit (pkcs11.conf(5)): a file, named for the module. */
export interface P11KitModule {
  readonly name: string;
  /** The file that says so. */
  readonly source: string;
  /** As written: an absolute path, or a name in p11-kit's folder of modules. */
  readonly module: string;
  /** It holds trusted certificates, and no keys. */
  readonly isTrustPolicy: boolean;
}

/** The configuration folders, from the packages' to the user's own: a later file of one name wins. */
export function configurationFolders(
  platform: string,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const prefixes: Readonly<Record<string, readonly string[]>> = {
    linux: ["/usr/share/p11-kit/modules", "/etc/pkcs11/modules"],
    darwin: ["/opt/homebrew", "/usr/local"].flatMap((prefix) => [
      `${prefix}/share/p11-kit/modules`,
      `${prefix}/etc/pkcs11/modules`,
    ]),
  };
  const system = prefixes[platform];
  if (system === undefined) return [];
  const { HOME, XDG_CONFIG_HOME } = environment;
  const own = XDG_CONFIG_HOME || (HOME && `${HOME}/.config`);
  return own ? [...system, `${own}/pkcs11/modules`] : system;
}

/** Where a relative `module` is looked for. */
export const DEFAULT_MODULE_FOLDERS: readonly string[] = [
  "/usr/lib/{triplet}/pkcs11",
  "/usr/lib64/pkcs11",
  "/usr/lib/pkcs11",
  "/opt/homebrew/lib/pkcs11",
  "/usr/local/lib/pkcs11",
];

/**
 * Reads one file. `undefined` where it names no module: an empty value is how a user takes a module of the system away, and
 * `remote` modules are reached through a command.
 */
export function parseModuleFile(source: string, text: string): P11KitModule | undefined {
  const settings = new Map(
    text.split(/\r?\n/).flatMap((line): [string, string][] => {
      const [, name, value] = /^\s*([\w.-]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
  const module = settings.get("module");
  if (!module || settings.has("remote")) return undefined;
  return {
    name: moduleName(source),
    source,
    module,
    isTrustPolicy: settings.get("trust-policy") === "yes",
  };
}

export function moduleName(source: string): string {
  return source.slice(source.lastIndexOf("/") + 1).replace(/\.module$/, "");
}
