import { type LocateFileSystem, locate } from "certrenew/drivers/pkcs11";
import { describe, expect, test } from "vitest";
import { KNOWN_MODULES } from "../../../src/drivers/pkcs11/locate-table.js";
import { pathsOf } from "../../../src/drivers/pkcs11/module-paths.js";

/** A file system with these files: text, or another path that the file links to. */
function files(
  texts: Readonly<Record<string, string>>,
  links: Readonly<Record<string, string>> = {},
) {
  const paths = [...Object.keys(texts), ...Object.keys(links)];
  const fileSystem: LocateFileSystem = {
    realPath: async (path) => links[path] ?? (path in texts ? path : undefined),
    readText: async (path) => texts[path],
    list: async (folder) =>
      paths
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1)),
  };
  return fileSystem;
}

const linux = { platform: "linux", arch: "arm64", environment: { HOME: "/home/sample" } };

describe("the table", () => {
  test.each(KNOWN_MODULES)("says where $name is on $platform, and who says so", (row) => {
    expect(row.source).not.toBe("");
    expect(row.paths.length).toBeGreaterThan(0);
    const isWindows = row.platform === "win32";
    for (const path of row.paths)
      expect(path).toMatch(isWindows ? /^%\w+%\\.+\.dll$/ : /^\/.+\.(so|dylib)/);
  });

  test("has each product once for each system", () => {
    const keys = KNOWN_MODULES.map(({ name, platform }) => `${name} ${platform}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test.each(["linux", "darwin", "win32"])("leaves no placeholder open on %s", (platform) => {
    const environment = {
      SystemRoot: "C:\\Windows",
      SystemDrive: "C:",
      ProgramFiles: "C:\\Program Files",
      "ProgramFiles(x86)": "C:\\Program Files (x86)",
    };
    const paths = KNOWN_MODULES.flatMap((row) =>
      pathsOf(row, { platform, arch: "x64", environment }),
    );
    expect(paths.length).toBeGreaterThan(0);
    expect(paths.filter((path) => /[{}%]/.test(path))).toEqual([]);
  });
});

describe("known modules", () => {
  test("that are there come first, with the file behind the link", async () => {
    const target = "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so";
    const fileSystem = files({ [target]: "" }, { "/usr/lib/softhsm/libsofthsm2.so": target });
    const rows = await locate({ ...linux, fileSystem });
    expect(rows.slice(0, 2)).toEqual([
      expect.objectContaining({ path: "/usr/lib/softhsm/libsofthsm2.so", found: true, target }),
      expect.objectContaining({ path: target, found: true, target, kind: "software" }),
    ]);
    expect(rows.slice(2).every(({ found, target }) => !found && target === undefined)).toBe(true);
    expect(rows.map(({ path }) => path)).toContain("/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so");
  });

  test("are looked for where 32-bit programs of Windows have them, too", async () => {
    const path = "D:\\Windows\\SysWOW64\\eTPKCS11.dll";
    const rows = await locate({
      platform: "win32",
      arch: "x64",
      environment: { systemroot: "D:\\Windows" },
      fileSystem: files({ [path]: "" }),
    });
    expect(rows[0]).toMatchObject({ path, found: true, vendor: "Thales" });
    // ProgramFiles is not set: nothing is guessed.
    expect(rows.some(({ path }) => path.includes("OpenSC"))).toBe(false);
  });

  test("are none on a system that the table does not know", async () => {
    expect(await locate({ platform: "sunos", arch: "x64", fileSystem: files({}) })).toEqual([]);
  });
});

describe("p11-kit's configuration", () => {
  const source = "/etc/pkcs11/modules/vendor.module";

  test("adds modules, named for their files", async () => {
    const library = "/opt/vendor/libvendor.so";
    const text = `# a comment\n\nmodule:   ${library}  \r\npriority: 1\n`;
    const rows = await locate({ ...linux, fileSystem: files({ [source]: text, [library]: "" }) });
    expect(rows[0]).toEqual({
      name: "vendor",
      kind: "device",
      platform: "linux",
      path: library,
      source,
      found: true,
      target: library,
    });
  });

  test("names modules of its own folder without a path, and trust stores, which hold no keys", async () => {
    const library = "/usr/lib/aarch64-linux-gnu/pkcs11/p11-kit-trust.so";
    const text = "module: p11-kit-trust.so\ntrust-policy: yes\n";
    const rows = await locate({ ...linux, fileSystem: files({ [source]: text, [library]: "" }) });
    expect(rows[0]).toMatchObject({ path: library, kind: "other", found: true });
    const missing = await locate({ ...linux, fileSystem: files({ [source]: text }) });
    expect(missing.find((row) => row.source === source)).toMatchObject({
      path: library,
      found: false,
    });
  });

  test.each(["/home/sample/.config", "/settings"])(
    "is the user's last word, in %s",
    async (folder) => {
      const environment =
        folder === "/settings"
          ? { HOME: "/home/sample", XDG_CONFIG_HOME: folder }
          : linux.environment;
      const own = `${folder}/pkcs11/modules/vendor.module`;
      const texts = { [source]: "module: /opt/vendor/libvendor.so\n", [own]: "module:\n" };
      const rows = await locate({ ...linux, environment, fileSystem: files(texts) });
      expect(rows.some(({ name }) => name === "vendor")).toBe(false);
    },
  );

  test("of modules that are reached by a command is left out, and so are other files", async () => {
    const texts = {
      [source]: "module: x.so\nremote: |ssh host p11-kit remote x.so\n",
      "/etc/pkcs11/modules/README": "module: /opt/readme.so\n",
    };
    const rows = await locate({ ...linux, fileSystem: files(texts) });
    expect(rows.some(({ source }) => source.startsWith("/etc/pkcs11"))).toBe(false);
  });
});

test("locate obeys its signal", async () => {
  await expect(locate({ signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: "ERR_ABORTED",
  });
});
