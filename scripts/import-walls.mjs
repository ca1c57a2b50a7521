// The walls of the house: which folder may import what. One table; the first row that fits a file holds for it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { packageEntries, root } from "./lib/entries.mjs";

const core = /^src\/core\//;

const guardedPackages = {
  token: /^(graphene-pk11|pkcs11js)(\/|$)/,
  server: /^(hono|@hono\/[^/]+)(\/|$)/,
  test: /^(vitest|@vitest\/[^/]+|fast-check)(\/|$)/,
};

/** `may`: what of `src/` these files may import; `packages`: which guarded ones. Other packages are free to all. */
const walls = [
  { files: core, may: [core], packages: [] },

  { files: /^src\/drivers\/pkcs11\//, may: [core, /^src\/drivers\/pkcs11\//], packages: ["token"] },
  { files: /^src\/drivers\/softhsm\.ts$/, may: [core, /^src\/drivers\/pkcs11\//], packages: [] },
  {
    files: /^src\/drivers\/define\//,
    may: [core, /^src\/drivers\/define\//, /^src\/drivers\/pkcs11\/watch\.ts$/],
    packages: [],
  },
  // The mocks belong to the test bench: they share its fault plans, and the RA in memory is the sandbox's, reached through the
  // HTTP transport, so that what is signed and checked there is what is signed and checked here.
  {
    files: /^src\/drivers\/mock\//,
    may: [core, /^src\/drivers\/mock\//, /^src\/testing\/fault-plan\.ts$/],
    packages: [],
  },

  { files: /^src\/transport\/http\//, may: [core, /^src\/transport\/http\//], packages: [] },
  {
    files: /^src\/transport\/mock[./]/,
    may: [core, /^src\/transport\//, /^src\/sandbox\//, /^src\/testing\/fault-plan\.ts$/],
    packages: [],
  },

  { files: /^src\/store\//, may: [core, /^src\/store\//], packages: [] },

  // The RA's wire schemas stand once, with the client that speaks them, and serve the sandbox too.
  {
    files: /^src\/sandbox\//,
    may: [core, /^src\/transport\/http\//, /^src\/sandbox\//],
    packages: ["server"],
  },
  { files: /^src\/testing\//, may: [core, /^src\/testing\//], packages: [] },
  { files: /^src\/[^/]+\.ts$/, may: [core, /^src\/[^/]+\.ts$/], packages: [] },
];

const ownEntries = new Map(packageEntries().map(({ name, source }) => [name, source]));

const breaches = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .map((name) => `src/${name.replaceAll("\\", "/")}`)
  .filter((file) => file.endsWith(".ts"))
  .sort()
  .flatMap(breachesIn);
for (const breach of breaches) console.error(breach);
process.exitCode = breaches.length === 0 ? 0 : 1;

/**
 * @param {string} file
 * @returns {string[]} one line for each import that goes through a wall
 */
function breachesIn(file) {
  const wall = walls.find(({ files }) => files.test(file));
  if (wall === undefined) return [`${file}: no row of the table names it`];
  const text = readFileSync(join(root, file), "utf8");
  return ts.preProcessFile(text, true, true).importedFiles.flatMap(({ fileName, pos }) => {
    const target = targetOf(file, fileName);
    if (isAllowed(wall, target)) return [];
    return [`${file}:${text.slice(0, pos).split("\n").length}: may not import ${target}`];
  });
}

/**
 * What an import names: a path below the root, or a package as it is written.
 * @param {string} file
 * @param {string} specifier
 */
function targetOf(file, specifier) {
  if (!specifier.startsWith(".")) return ownEntries.get(specifier) ?? specifier;
  const url = new URL(specifier, pathToFileURL(join(root, file)));
  return fileURLToPath(url).slice(root.length).replaceAll("\\", "/").replace(/\.js$/, ".ts");
}

/**
 * @param {(typeof walls)[number]} wall
 * @param {string} target
 */
function isAllowed(wall, target) {
  if (target.startsWith("src/")) return wall.may.some((path) => path.test(target));
  return Object.entries(guardedPackages).every(
    ([group, packages]) => !packages.test(target) || wall.packages.includes(group),
  );
}
