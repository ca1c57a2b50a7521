import type { State } from "../lifecycle.js";
import { sha256Hex } from "../pki/certificate.js";
import type { RenewalRecord } from "../record.js";
import { deriveState } from "../transitions.js";
import { VERSION } from "../version.js";
import type { AbsentEvidence, EvidenceFile } from "./collection.js";
import type { Bilingual } from "./texts.js";

/** What stands in an evidence archive. */
export interface EvidenceManifest {
  readonly format: "certrenew/evidence";
  readonly version: 1;
  /** What made it: `certrenew` and its version. */
  readonly producer: string;
  readonly renewalId: string;
  readonly state: State;
  /** When the renewal began. */
  readonly createdAt: Date;
  /** What was known then is what the archive holds. */
  readonly updatedAt: Date;
  /** All but the manifest itself and SHA256SUMS. */
  readonly files: readonly ManifestFile[];
  readonly absent: readonly AbsentEvidence[];
}

/** One file of the archive, with its hash. */
export interface ManifestFile {
  /** Its path in the archive. */
  readonly name: string;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  /** In bytes. */
  readonly size: number;
  readonly mediaType: string;
  /** What it is, in plain words. */
  readonly about: Bilingual;
}

export function makeManifest(
  record: RenewalRecord,
  files: readonly EvidenceFile[],
  absent: readonly AbsentEvidence[],
): EvidenceManifest {
  return {
    format: "certrenew/evidence",
    version: 1,
    producer: `certrenew ${VERSION}`,
    renewalId: record.id,
    state: deriveState(record),
    createdAt: record.createdAt,
    updatedAt: record.updatedAt,
    files: files.map(({ name, mediaType, about, content }) => ({
      name,
      sha256: sha256Hex(content),
      size: content.length,
      mediaType,
      about,
    })),
    absent,
  };
}

/** As `sha256sum -c` reads it. */
export function sha256Sums(files: readonly Pick<EvidenceFile, "name" | "content">[]): string {
  return files.map(({ name, content }) => `${sha256Hex(content)}  ${name}\n`).join("");
}
