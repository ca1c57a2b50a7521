import { throwIfAborted } from "../errors.js";
import { loadRecord } from "../record-store.js";
import type { Runtime } from "../runtime.js";
import type { StepOptions } from "../step-options.js";
import { makeArchive } from "./archive.js";
import { MEDIA_TYPE } from "./collection.js";
import { collectContents } from "./contents.js";
import { type EvidenceManifest, makeManifest, sha256Sums } from "./manifest.js";
import { makeReadme } from "./readme.js";
import { ABOUT } from "./texts.js";

/** One archive of what a renewal proves. */
export interface Evidence {
  /** A name for the file: `certrenew-<id>-evidence.zip`. */
  readonly fileName: string;
  readonly mediaType: "application/zip";
  /** The archive. */
  readonly content: Uint8Array;
  /** The same as `manifest.json` in it. */
  readonly manifest: EvidenceManifest;
}

/** @throws ERR_RECORD_NOT_FOUND, ERR_RECORD_CORRUPT, ERR_RECORD_VERSION, ERR_STORE_FAILURE, ERR_ABORTED */
export async function makeEvidence(
  { store, trustAnchors }: Pick<Runtime, "store" | "trustAnchors">,
  id: string,
  { signal }: StepOptions,
): Promise<Evidence> {
  throwIfAborted(signal);
  const { record } = await loadRecord(store, id);
  throwIfAborted(signal);
  const { files, absent, checks } = collectContents(record, trustAnchors);
  const readme = {
    name: "README.txt",
    mediaType: MEDIA_TYPE.text,
    about: ABOUT.readme,
    content: utf8(makeReadme(record, checks, absent)),
  };
  const listed = [readme, ...files];
  const manifest = makeManifest(record, listed, absent);
  const manifestFile = {
    name: "manifest.json",
    content: utf8(`${JSON.stringify(manifest, null, 2)}\n`),
  };
  const sums = { name: "SHA256SUMS", content: utf8(sha256Sums([manifestFile, ...listed])) };
  return {
    fileName: `certrenew-${id}-evidence.zip`,
    mediaType: "application/zip",
    content: await makeArchive([readme, sums, manifestFile, ...files], record.updatedAt),
    manifest,
  };
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
