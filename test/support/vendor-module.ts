import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import type { SoftHsmStore } from "./softhsm.js";

/** A vendor's module that hangs, crashes and lies on demand: `vendor-module.c`, on top of a SoftHSM store. */
export interface VendorModule {
  readonly module: string;
  readonly env: Readonly<Record<string, string>>;
  /** What it does from the next call on, one order each; see `vendor-module.c`. */
  order(...orders: readonly string[]): void;
  /** The functions called so far, in all processes. */
  calls(): readonly string[];
}

export function vendorModule(store: SoftHsmStore): VendorModule {
  const control = join(store.folder, "vendor-control");
  const log = join(store.folder, "vendor-log");
  return {
    module: library(),
    env: {
      ...store.env,
      VENDOR_MODULE: store.module,
      VENDOR_CONTROL: control,
      VENDOR_LOG: log,
    },
    order: (...orders) => writeFileSync(control, orders.map((order) => `${order}\n`).join("")),
    calls() {
      if (!existsSync(log)) return [];
      return readFileSync(log, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => line.slice(line.indexOf(" ") + 1));
    },
  };
}

let built: string | undefined;

afterAll(() => {
  if (built !== undefined) rmSync(dirname(built), { recursive: true, force: true });
  built = undefined;
});

/** Compiled once for each test file. */
function library(): string {
  if (built !== undefined) return built;
  const folder = mkdtempSync(join(tmpdir(), "certrenew-vendor-"));
  const output = join(folder, "vendor-module.so");
  const source = fileURLToPath(new URL("vendor-module.c", import.meta.url));
  const headers = fileURLToPath(new URL("../../node_modules/pkcs11js/includes", import.meta.url));
  const flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-I", headers];
  execFileSync("gcc", [...flags, "-o", output, source, "-ldl"], { stdio: "pipe" });
  built = output;
  return output;
}
