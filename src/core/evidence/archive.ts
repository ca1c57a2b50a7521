/** An entry of a ZIP archive. */
export interface ArchiveEntry {
  readonly name: string;
  readonly content: Uint8Array;
}

/** A ZIP archive, the entries in the order given. The same entries and the same day always give the same bytes. */
export async function makeArchive(
  entries: readonly ArchiveEntry[],
  day: Date,
): Promise<Uint8Array> {
  // Only who asks for an archive pays for it.
  const { zipSync } = await import("fflate");
  const mtime = noonOf(day);
  const files = entries.map(({ name, content }) => [name, content] as const);
  return zipSync(Object.fromEntries(files), { mtime });
}

/** The format has local times without a zone, from 1980 on. Noon of a day is a time in every zone. */
function noonOf(day: Date): Date {
  const year = Math.max(1980, day.getUTCFullYear());
  return new Date(year, day.getUTCMonth(), day.getUTCDate(), 12);
}
