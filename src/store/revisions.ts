import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { RenewalError } from "../core/errors.js";
import { parseStoreFile, revisionFile, temporaryFile } from "./file-names.js";
import {
  type FileSystem,
  ifThere,
  makeDirectory,
  quietly,
  storeFailure,
  syncDirectory,
  systemCode,
  writeDurably,
} from "./file-system.js";
import { removeAbandoned, type Temporary } from "./temporaries.js";

/*
 * Compare-and-set on a folder, without locks.
 *
 * A document is the folder `<name>`. Its revision N is the file `<N>.json` there; the highest is the document. A writer
 * that read revision B (0: none)
 *
 *   1. writes a temporary into the folder, and syncs it. A first writer (B is 0) makes the folder before, and syncs the
 *      folder's own name after;
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
 * A writer that slept for longer meets its conflict at step 1, where the folder is not there any more, or at step 4, where
 * the revision that it followed is not; unless another document under the same name has come just as far by then.
 *
 * The folder of a forgotten document goes with it, by whoever takes the last file out: `clear`, or a writer that failed.
 * `rmdir` fails while anything is in it, so a folder never goes from under a revision, nor between steps 1 and 2, where
 * the temporary holds it. Before the temporary is there it may go, hence two rules:
 *   Only first writers make the folder; if it goes before their temporary is in, they make it again. A writer with a
 *     revision to follow does not: it would bring back an empty folder, and for a moment its late revision in it.
 *   A folder made again is another folder, whose name nobody may have synced yet. Hence a first writer syncs the name
 *     when its temporary holds the folder, also when somebody else made it. So who sees a revision, and builds on it,
 *     knows that the folder's name is durable.
 * A folder found empty is let be: it may be a first writer's that is about to use it, or not the store's. One that a kill
 * or a power loss left so costs a `list` one look, and serves the next document of that name.
 */

/** How many names below the highest stay. */
const KEPT = 16;
const TOMBSTONE_AGE_MS = 86_400_000;
/** Rounds without progress after which a folder is taken to be broken. */
const MAX_ROUNDS = 100;

export interface Head {
  readonly revision: number;
  readonly content: Uint8Array;
}

/** The revisions of named documents, each in a folder of its own. Contents are bytes; what they mean is the caller's. */
export interface Revisions {
  head(name: string): Promise<Head | undefined>;
  /** Saves the revision after `base` (0: the first). @throws ERR_STORE_CONFLICT when `base` is not the highest */
  append(name: string, base: number, content: Uint8Array): Promise<number>;
  /** What stands in the store's directory, whether it is a document's folder or not. */
  names(): Promise<readonly string[]>;
  /** Removes temporaries of writers that are gone. @returns whether the document has a revision */
  sweep(name: string, minAgeMs?: number): Promise<boolean>;
  /** Removes every trace of a document up to a tombstone, when that is older than a day. */
  clear(name: string, tombstone: number): Promise<void>;
}

interface Folder {
  /** Lowest first. */
  readonly revisions: readonly number[];
  readonly temporaries: readonly Temporary[];
}

export function revisionsIn(directory: string, fs: FileSystem): Revisions {
  /** The highest revision seen, by name: a place to begin, never the truth. */
  const seen = new Map<string, number>();
  const folder = (name: string) => join(directory, name);
  const path = (name: string, revision: number) => join(directory, revisionFile(name, revision));

  async function listed(name: string): Promise<Folder> {
    const revisions: number[] = [];
    const temporaries: Temporary[] = [];
    for (const entry of (await ifThere(fs.readdir(folder(name)))) ?? []) {
      const file = parseStoreFile(entry);
      if (file?.kind === "revision") revisions.push(file.revision);
      if (file?.kind === "temporary") {
        temporaries.push({ path: join(folder(name), entry), pid: file.pid });
      }
    }
    return { revisions: revisions.sort((a, b) => a - b), temporaries };
  }

  const highest = async (name: string) => (await listed(name)).revisions.at(-1);

  async function head(name: string): Promise<Head | undefined> {
    let revision = seen.get(name) ?? (await highest(name));
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
      const last: number | undefined = await highest(name);
      if (content !== undefined && last === revision) return { revision, content };
      revision = last;
    }
    throw storeFailure(`${name} does not come to rest`);
  }

  async function append(name: string, base: number, content: Uint8Array): Promise<number> {
    let found: Folder;
    try {
      await write(name, base, content);
      found = await listed(name);
      await refuseLate(name, base, found.revisions);
    } catch (error) {
      await removeIfEmpty(name);
      throw error;
    }
    seen.set(name, base + 1);
    await quietly(tidy(name, base + 1, found));
    return base + 1;
  }

  /** Steps 1 to 3. */
  async function write(name: string, base: number, content: Uint8Array): Promise<void> {
    const random = randomBytes(8).toString("hex");
    const temporary = join(directory, temporaryFile(name, process.pid, random));
    try {
      if (base === 0) await writeFirst(name, temporary, content);
      else if (!(await isWritten(temporary, content))) throw conflict();
      await linkAsNew(temporary, path(name, base + 1));
      await syncDirectory(fs, folder(name));
    } finally {
      await quietly(fs.unlink(temporary));
    }
  }

  async function writeFirst(name: string, temporary: string, content: Uint8Array): Promise<void> {
    await makeDirectory(fs, directory);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      await fs.mkdir(folder(name), { recursive: true, mode: 0o700 });
      if (await isWritten(temporary, content)) return syncDirectory(fs, directory);
    }
    throw storeFailure(`the folder ${name} goes whenever it is made`);
  }

  /** @returns false when the folder is not there */
  const isWritten = async (temporary: string, content: Uint8Array) =>
    (await ifThere(writeDurably(fs, temporary, content).then(() => true))) ?? false;

  async function linkAsNew(from: string, to: string): Promise<void> {
    try {
      await fs.link(from, to);
    } catch (error) {
      const code = systemCode(error);
      // ENOENT: the temporary was swept away, as that of a writer that is gone.
      if (code === "EEXIST" || code === "ENOENT") throw conflict();
      if (code !== undefined && NO_HARD_LINKS.has(code)) {
        throw storeFailure("the file system of the store's folder has no hard links", error);
      }
      throw error;
    }
  }

  async function refuseLate(
    name: string,
    base: number,
    revisions: readonly number[],
  ): Promise<void> {
    const passed = (revisions.at(-1) ?? 0) - (base + 1) >= KEPT;
    const followsNothing = base > 0 && !revisions.includes(base);
    if (!passed && !followsNothing) return;
    await ifThere(fs.unlink(path(name, base + 1)));
    throw conflict();
  }

  async function tidy(name: string, last: number, found: Folder): Promise<void> {
    for (const revision of found.revisions) {
      if (revision < last - KEPT) await ifThere(fs.unlink(path(name, revision)));
      else if (revision < last) await empty(path(name, revision));
    }
    for (const temporary of found.temporaries) await removeAbandoned(fs, temporary);
  }

  async function empty(file: string): Promise<void> {
    const found = await ifThere(fs.stat(file));
    if (found !== undefined && found.size > 0) await ifThere(fs.truncate(file, 0));
  }

  const names = async () => (await ifThere(fs.readdir(directory))) ?? [];

  async function sweep(name: string, minAgeMs?: number): Promise<boolean> {
    const { revisions, temporaries } = await listed(name);
    for (const temporary of temporaries) await quietly(removeAbandoned(fs, temporary, minAgeMs));
    const last = revisions.at(-1);
    if (last !== undefined) seen.set(name, last);
    else if (temporaries.length > 0) await removeIfEmpty(name);
    return last !== undefined;
  }

  async function clear(name: string, tombstone: number): Promise<void> {
    const found = await ifThere(fs.stat(path(name, tombstone)));
    if (found === undefined || Date.now() - found.mtimeMs < TOMBSTONE_AGE_MS) return;
    for (const revision of (await listed(name)).revisions) {
      if (revision < tombstone) await ifThere(fs.unlink(path(name, revision)));
    }
    // A power loss must not keep what the tombstone stands on and take the tombstone.
    await syncDirectory(fs, folder(name));
    await ifThere(fs.unlink(path(name, tombstone)));
    await removeIfEmpty(name);
    seen.delete(name);
  }

  const removeIfEmpty = (name: string) => quietly(fs.rmdir(folder(name)));

  const isThere = async (file: string) => (await ifThere(fs.stat(file))) !== undefined;

  return { head, append, names, sweep, clear };
}

/** What `link` fails with where a file system (FAT, some network and FUSE ones) has no hard links. */
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR"]);

export const conflict = (): RenewalError => new RenewalError("ERR_STORE_CONFLICT");
