import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** A file and the folders on its way; for this user only, since what examples write belongs to a token. */
export function writePrivate(file: string, content: string | Uint8Array): string {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

/** PEM (RFC 7468) of one structure. */
export function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
