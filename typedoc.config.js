import { packageEntries } from "./scripts/lib/entries.mjs";

/** @type {Partial<import("typedoc").TypeDocOptions>} */
export default {
  name: "certrenew",
  entryPoints: packageEntries().map(({ source }) => source),
  tsconfig: "tsconfig.build.json",
  out: "build/api",
  // Lists of which a type is made; the guides have them as tables.
  intentionallyNotExported: [
    ...["FINDINGS", "DECRYPTION_REASONS", "CERTIFICATION_REQUEST_REASONS"],
    ...["ISSUER_NAMES", "CERTIFICATE_FLAWS"],
  ],
  // What a member is, its name and type tell; whatever can be imported says what it is for.
  requiredToBeDocumented: ["Variable", "Class", "Interface", "TypeAlias"],
  validation: {
    notExported: true,
    invalidLink: true,
    invalidPath: true,
    rewrittenLink: true,
    notDocumented: true,
  },
  treatWarningsAsErrors: true,
  // `npm run check` looks at the types.
  skipErrorChecking: true,
  excludePrivate: true,
  disableSources: true,
  hideGenerator: true,
};
