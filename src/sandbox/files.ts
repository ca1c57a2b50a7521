import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { RenewalError } from "../core/errors.js";
import { identifyThisProcess, processState } from "../core/process-identity.js";

/** The sandbox's small files: in a folder that one process owns, or in memory. */
export interface Files {
  read(name: string): string | undefined;
  /** When it has returned, the file is on the disk, whole. */
  write(name: string, text: string): void;
  readBytes(name: string): Uint8Array | undefined;
  /** As `write`. */
  writeBytes(name: string, octets: Uint8Array): void;
  /** Safe to repeat. */
  remove(name: string): void;
  /** Lets go of the folder. Safe to repeat. */
  close(): void;
}

export function memoryFiles(): Files {
  const texts = new Map<string, string>();
  const documents = new Map<string, Uint8Array>();
  return {
    read: (name) => texts.get(name),
    write: (name, text) => void texts.set(name, text),
    readBytes: (name) => documents.get(name),
    writeBytes: (name, octets) => void documents.set(name, octets.slice()),
    remove(name) {
      texts.delete(name);
      documents.delete(name);
    },
    close() {},
  };
}

const LOCK = "lock.json";

/**
 * Opens a folder, readable for its owner only, and takes its lock.
 * @throws ERR_STORE_CONFLICT while another process has it, ERR_STORE_FAILURE
 */
export async function openFolder(folder: string): Promise<Files> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new RenewalError("ERR_STORE_FAILURE", { cause });
  }
  await lock(join(folder, LOCK));
  let open = true;
  const write = (name: string, contents: string | Uint8Array) => {
    const path = join(folder, name);
    writeDurably(`${path}.new`, contents, "w");
    renameSync(`${path}.new`, path);
    syncFolder(folder);
  };
  return {
    read: (name) => readIfThere(join(folder, name))?.toString("utf8"),
    write,
    readBytes: (name) => readIfThere(join(folder, name)),
    writeBytes: write,
    remove: (name) => rmSync(join(folder, name), { force: true }),
    close() {
      if (open) rmSync(join(folder, LOCK), { force: true });
      open = false;
    },
  };
}

async function lock(path: string): Promise<void> {
  const own = JSON.stringify(await identifyThisProcess());
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      writeDurably(path, own, "wx");
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
        throw new RenewalError("ERR_STORE_FAILURE", { cause });
      }
    }
    const found = readIfThere(path)?.toString("utf8") ?? "";
    if (found !== "" && !(await ownerIsDead(found))) break;
    rmSync(path, { force: true });
  }
  throw new RenewalError("ERR_STORE_CONFLICT", {
    details: { reason: "another process uses this sandbox folder" },
  });
}

async function ownerIsDead(text: string): Promise<boolean> {
  try {
    return (await processState(JSON.parse(text))) === "dead";
  } catch {
    // Cut off while it was written: whoever did that is gone.
    return true;
  }
}

function writeDurably(path: string, contents: string | Uint8Array, flags: "w" | "wx"): void {
  const file = openSync(path, flags, 0o600);
  try {
    writeFileSync(file, contents);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
