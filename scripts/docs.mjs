// The API of all that can be imported, as a site in build/api. A warning fails it: see typedoc.config.js.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { bootstrapOrExit } from "./bootstrap.mjs";
import { root } from "./lib/entries.mjs";

bootstrapOrExit();
const { status } = spawnSync(
  process.execPath,
  [join(root, "node_modules", "typedoc", "bin", "typedoc"), ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = status ?? 1;
