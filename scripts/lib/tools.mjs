// What the project needs from the system: which of it is there, and how Debian and its kin install the rest.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { findProgram, run, say, tail } from "./run.mjs";

/**
 * `find` gives the path of what was found. What is `forBuilding` is only wanted while pkcs11js has yet to be compiled.
 * @typedef {{ name: string, debianPackage: string, find: () => string | undefined, forBuilding?: true }} Tool
 */

/** @type {readonly Tool[]} */
const tools = [
  {
    name: "C++ compiler",
    debianPackage: "g++",
    find: () => process.env["CXX"] ?? findProgram("g++"),
    forBuilding: true,
  },
  { name: "make", debianPackage: "make", find: () => findProgram("make"), forBuilding: true },
  {
    name: "python3",
    debianPackage: "python3",
    find: () => findProgram("python3"),
    forBuilding: true,
  },
  { name: "SoftHSM 2 library", debianPackage: "libsofthsm2", find: findSoftHsmLibrary },
  { name: "softhsm2-util", debianPackage: "softhsm2", find: () => findProgram("softhsm2-util") },
  { name: "pkcs11-tool", debianPackage: "opensc", find: () => findProgram("pkcs11-tool") },
  { name: "openssl", debianPackage: "openssl", find: () => findProgram("openssl") },
];

/**
 * Installs what is missing where that is allowed, says how where it is not.
 * @param {{ forBuilding: boolean }} wanted whether pkcs11js has yet to be built
 */
export function ensureTools({ forBuilding }) {
  const missing = () => tools.filter((tool) => (forBuilding || !tool.forBuilding) && !tool.find());
  if (missing().length === 0) return;

  const isDebian = findProgram("apt-get") !== undefined && findProgram("dpkg") !== undefined;
  if (!isDebian || process.getuid?.() !== 0) {
    sayHowToInstall(missing(), isDebian);
    return;
  }
  say(`installing ${packagesOf(missing()).join(" ")} (apt-get)`);
  // An update that failed is said; the lists at hand may still do.
  aptGet("update");
  if (!aptGet("install", ...packagesOf(missing()))) return;
  // dpkg may hold a package for installed whose files somebody has removed.
  if (missing().length > 0) aptGet("install", "--reinstall", ...packagesOf(missing()));
  for (const tool of missing()) say(`${tool.name} is still missing after installing`);
}

/**
 * Where each tool was found.
 * @returns {Record<string, string | undefined>}
 */
export function findTools() {
  return Object.fromEntries(tools.map((tool) => [tool.name, tool.find()]));
}

/**
 * What pkcs11js cannot be built without, and is not there.
 * @returns {string[]}
 */
export function missingForBuilding() {
  return tools.filter((tool) => tool.forBuilding && !tool.find()).map((tool) => tool.name);
}

/** @returns {string | undefined} */
function findSoftHsmLibrary() {
  const libraryFolders = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib"];
  // Debian puts libraries one level deeper, by architecture.
  const architectureFolders = existsSync("/usr/lib")
    ? readdirSync("/usr/lib").filter((name) => name.includes("-linux-"))
    : [];
  return [...libraryFolders, ...architectureFolders.map((name) => join("/usr/lib", name))]
    .map((folder) => join(folder, "softhsm", "libsofthsm2.so"))
    .find((path) => existsSync(path));
}

/** @param {readonly Tool[]} missing */
function packagesOf(missing) {
  return [...new Set(missing.map((tool) => tool.debianPackage))];
}

/**
 * @param {readonly Tool[]} missing
 * @param {boolean} isDebian
 */
function sayHowToInstall(missing, isDebian) {
  say(`missing: ${missing.map((tool) => tool.name).join(", ")}`);
  if (isDebian) {
    const packages = packagesOf(missing).join(" ");
    say(`run: sudo apt-get install -y --no-install-recommends ${packages}`);
  } else {
    say("install them with your system's package manager, then run this command again");
  }
}

/**
 * @param {"update" | "install"} command
 * @param {readonly string[]} args
 */
function aptGet(command, ...args) {
  const options = ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"];
  const installing = command === "install" ? ["-y", "--no-install-recommends"] : [];
  const result = run("apt-get", [...options, command, ...installing, ...args], {
    DEBIAN_FRONTEND: "noninteractive",
  });
  if (!result.ok) say(`apt-get ${command} failed:\n${tail(result.output)}`);
  return result.ok;
}
