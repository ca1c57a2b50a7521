import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { RenewalError } from "../core/errors.js";
import { parseStoreFile, revisionFile, type StoreFile, temporaryFile } from "./file-names.js";
import {
  type FileSystem,
  ifThere,
  makeDirectory,
  storeFailure,
  syncDirectory,
  systemCode,
  writeDurably,
} from "./file-system.js";

/*
 * Compare-and-set on a folder, without locks.
 *
 * Revision N of a document is the file `<name>.<N>.json`; the highest is the document. A writer that read revision B
 *
 *   1. writes a temporary, and syncs it;
 *   2. links it as B+1, which fails when the name is there: the compare-and-set;
 *   3. syncs the folder: from here on a power loss leaves B+1;
 *   4. lists the folder, to make sure that it was not late (below);
 *   5. empties the revisions below, keeps the names of the last KEPT of them, and removes the older names and its
 *      temporary.
 *
 * Why the names stay. Suppose that a revision went away as soon as the next one is there. A writer stopped for a while
 * between reading B and step 2, while others save B+1 and B+2, would then find the name B+1 free, and link it: for
 * a moment two writers believe that they followed B, and a reader whose listing missed B+2 (readdir promises nothing of
 * names that come or go meanwhile) would take it for the document. With the names kept, step 2 fails for that writer.
 *
 * Two writers, both from B: one link succeeds, the other fails: conflict. It does not matter where either one stood.
 * Three writers, the third stopped at step 2 from B while the others alternate: as long as fewer than KEPT revisions
 * passed, the name B+1 is there and it conflicts. After more, its link succeeds on a name that was removed; step 4
 * sees a highest revision KEPT or more above its own, takes its file away and conflicts. Readers do not
 * take that file for the document: a listing holds at least one of the KEPT names above it that did not come or go
 * meanwhile. The other way round, a writer whose link was in order and who then slept through KEPT saves of
 * others before step 4 also says conflict: nobody can tell it from the first, and its caller has to read again either way.
 *
 * A reader takes the highest revision that it knows or lists, reads it, then looks whether the next is there. Names are
 * contiguous and only move up, so "N is there, N+1 is not" means that N was the document at that instant. When N+1 is
 * there, what was read of N may be half emptied and is not used. An empty highest revision is never a document: nothing
 * but step 5 empties, and only below a revision that is durable.
 *
 * Killed, or power lost,
 *   in 1: a temporary is left, and B is the document. Temporaries carry their writer's pid; later writers remove those
 *     of processes that are gone.
 *   between 2 and 3: B+1 is there, or after a power loss perhaps not; then B is, whole, as nothing was emptied.
 *     Either way one whole document; the caller did not hear that it was saved.
 *   between 3 and 5: B+1 is the document; the next writer does step 5 for both.
 *   in 5: names go from the lowest up, so what is left is contiguous; the next writer does the rest.
 *   A late writer killed between 2 and 4 leaves a file far below the others, which the next writer removes.
 *
 * A removal is a revision like any other whose content says so (a tombstone), hence conflicts in the same ways; step 5
 * erases the content below it. The tombstone's name stays for a day, for the same reason; then `clear` removes it last.
 * Step 4 catches a writer that slept for longer: the revision it followed is not there any more.
 */

/** How many names below the highest stay. */
const KEPT = 16;
const TEMPORARY_MIN_AGE_MS = 60_000;
const TEMPORARY_MAX_AGE_MS = 86_400_000;
const TOMBSTONE_AGE_MS = 86_400_000;
/** Rounds without progress after which a folder is taken to be broken. */
const MAX_ROUNDS = 100;

export interface Head {
  readonly revision: number;
  readonly content: Uint8Array;
}

/** The revisions of named documents in one folder. Contents are bytes; what they mean is the caller's. */
export interface Revisions {
  head(name: string): Promise<Head | undefined>;
  /** Saves the revision after `base` (0: the first). @throws ERR_STORE_CONFLICT when `base` is not the highest */
  append(name: string, base: number, content: Uint8Array): Promise<number>;
  /** Every name that has a revision; removes what writers that are gone left behind. */
  names(): Promise<readonly string[]>;
  /** Removes every trace of a document up to a tombstone, when that is older than a day. */
  clear(name: string, tombstone: number): Promise<void>;
  /** Removes temporaries of writers that are gone, however young. */
  clearTemporaries(name: string): Promise<void>;
}

export function revisionsIn(directory: string, fs: FileSystem): Revisions {
  /** The highest revision seen, by name: a place to begin, never the truth. */
  const seen = new Map<string, number>();
  const path = (name: string, revision: number) => join(directory, revisionFile(name, revision));

  async function files(): Promise<(StoreFile & { readonly path: string })[]> {
    const entries = (await ifThere(fs.readdir(directory))) ?? [];
    return entries.flatMap((entry) => {
      const file = parseStoreFile(entry);
      return file === undefined ? [] : [{ ...file, path: join(directory, entry) }];
    });
  }

  /** Revisions in the folder, lowest first. */
  async function listed(name: string): Promise<number[]> {
    const revisions = (await files()).flatMap((file) =>
      file.kind === "revision" && file.name === name ? [file.revision] : [],
    );
    return revisions.sort((a, b) => a - b);
  }

  async function head(name: string): Promise<Head | undefined> {
    let revision = seen.get(name) ?? (await listed(name)).at(-1);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (revision === undefined) return undefined;
      const content = await ifThere(fs.readFile(path(name, revision)));
      if (content !== undefined && (await isThere(path(name, revision + 1)))) {
        revision += 1;
        round = 0;
        continue;
      }
      if (content !== undefined && content.length > 0) {
        seen.set(name, revision);
        return { revision, content };
      }
      const highest: number | undefined = (await listed(name)).at(-1);
      if (content !== undefined && highest === revision) return { revision, content };
      revision = highest;
    }
    throw storeFailure(`${name} does not come to rest`);
  }

  async function append(name: string, base: number, content: Uint8Array): Promise<number> {
    const revision = base + 1;
    const temporary = join(
      directory,
      temporaryFile(name, process.pid, randomBytes(8).toString("hex")),
    );
    try {
      await makeDirectory(fs, directory);
      await writeDurably(fs, temporary, content);
      await linkAsNew(temporary, path(name, revision));
      await syncDirectory(fs, directory);
    } finally {
      await quietly(fs.unlink(temporary));
    }
    await refuseLate(name, base);
    seen.set(name, revision);
    await quietly(tidy(name, revision));
    return revision;
  }

  async function linkAsNew(from: string, to: string): Promise<void> {
    try {
      await fs.link(from, to);
    } catch (error) {
      const code = systemCode(error);
      if (code === "EEXIST") throw conflict();
      if (code !== undefined && NO_HARD_LINKS.has(code)) {
        throw storeFailure("the file system of the store's folder has no hard links", error);
      }
      throw error;
    }
  }

  async function refuseLate(name: string, base: number): Promise<void> {
    const revisions = await listed(name);
    const passed = (revisions.at(-1) ?? 0) - (base + 1) >= KEPT;
    const followsNothing = base > 0 && !revisions.includes(base);
    if (!passed && !followsNothing) return;
    await ifThere(fs.unlink(path(name, base + 1)));
    throw conflict();
  }

  async function tidy(name: string, highest: number): Promise<void> {
    for (const revision of await listed(name)) {
      if (revision < highest - KEPT) await ifThere(fs.unlink(path(name, revision)));
      else if (revision < highest) await empty(path(name, revision));
    }
    for (const file of await files()) {
      if (file.kind === "temporary" && file.name === name) await removeAbandoned(file);
    }
  }

  async function empty(file: string): Promise<void> {
    const found = await ifThere(fs.stat(file));
    if (found !== undefined && found.size > 0) await ifThere(fs.truncate(file, 0));
  }

  /** Removing a live writer's temporary would fail its save, no worse: it could not link it any more. */
  async function removeAbandoned(
    file: { readonly path: string; readonly pid: number },
    minAgeMs = TEMPORARY_MIN_AGE_MS,
  ): Promise<void> {
    const found = await ifThere(fs.stat(file.path));
    if (found === undefined) return;
    const age = Date.now() - found.mtimeMs;
    // A pid that is gone here may be another machine's, hence the age; a pid that is there may be somebody else's by now.
    const abandoned = isRunning(file.pid) ? age > TEMPORARY_MAX_AGE_MS : age >= minAgeMs;
    if (abandoned) await ifThere(fs.unlink(file.path));
  }

  async function names(): Promise<readonly string[]> {
    const highest = new Map<string, number>();
    for (const file of await files()) {
      if (file.kind === "temporary") await quietly(removeAbandoned(file));
      else highest.set(file.name, Math.max(file.revision, highest.get(file.name) ?? 0));
    }
    for (const [name, revision] of highest) seen.set(name, revision);
    return [...highest.keys()];
  }

  async function clear(name: string, tombstone: number): Promise<void> {
    const found = await ifThere(fs.stat(path(name, tombstone)));
    if (found === undefined || Date.now() - found.mtimeMs < TOMBSTONE_AGE_MS) return;
    for (const revision of await listed(name)) {
      if (revision <= tombstone) await ifThere(fs.unlink(path(name, revision)));
    }
    seen.delete(name);
  }

  async function clearTemporaries(name: string): Promise<void> {
    for (const file of await files()) {
      if (file.kind === "temporary" && file.name === name) await removeAbandoned(file, 0);
    }
  }

  const isThere = async (file: string) => (await ifThere(fs.stat(file))) !== undefined;

  return { head, append, names, clear, clearTemporaries };
}

/** What `link` fails with where a file system (FAT, some network and FUSE ones) has no hard links. */
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR"]);

export const conflict = (): RenewalError => new RenewalError("ERR_STORE_CONFLICT");

/** For what comes after a save took effect: the next save does it again. */
async function quietly(work: Promise<unknown>): Promise<void> {
  await work.catch(() => undefined);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}
