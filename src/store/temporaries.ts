import { type FileSystem, ifThere, systemCode } from "./file-system.js";

/** A file that a writer links under its name, and then removes. */
export interface Temporary {
  readonly path: string;
  readonly pid: number;
}

/** A pid that is gone here may be another machine's, so a temporary is let be for as long as a save may take. */
const ABANDONED_AFTER_MS = 60_000;
/** A pid that is there may be somebody else's by now. */
const NEVER_LIVES_LONGER_MS = 86_400_000;

/**
 * Removes what a writer that is gone left behind. Removing a live writer's temporary would fail its save, no worse: it
 * could not link it any more.
 */
export async function removeAbandoned(
  fs: FileSystem,
  { path, pid }: Temporary,
  minAgeMs = ABANDONED_AFTER_MS,
): Promise<void> {
  const found = await ifThere(fs.stat(path));
  if (found === undefined) return;
  const age = Date.now() - found.mtimeMs;
  const abandoned = isRunning(pid) ? age > NEVER_LIVES_LONGER_MS : age >= minAgeMs;
  if (abandoned) await ifThere(fs.unlink(path));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}
