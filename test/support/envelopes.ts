import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toPem } from "../../src/core/pki/certificate.js";
import { openssl } from "./openssl.js";

export interface EncryptOptions {
  readonly content?: Uint8Array | string;
  /** Of `openssl cms -encrypt`, before the recipients: `-stream`, `-aes-256-gcm` … */
  readonly options?: readonly string[];
  /** After each recipient: `-keyopt rsa_padding_mode:oaep`. */
  readonly recipientOptions?: readonly string[];
}

/** A CMS envelope of OpenSSL's to these certificates, as DER, or as BER with `-stream`. */
export function encryptTo(
  certificates: readonly Uint8Array[],
  { content = "a bid", options = [], recipientOptions = [] }: EncryptOptions = {},
): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "certrenew-envelope-"));
  try {
    const recipients = certificates.flatMap((der, index) => {
      const file = join(folder, `${index}.pem`);
      writeFileSync(file, toPem(der, "CERTIFICATE"));
      return ["-recip", file, ...recipientOptions];
    });
    const how = ["cms", "-encrypt", "-binary", "-outform", "DER", ...options];
    return new Uint8Array(openssl([...how, ...recipients], content));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
