import type { SignatureAlgorithm } from "../domain/key-algorithm.js";
import { hashOf, rsaPaddingOf } from "../pki/algorithms.js";

/**
 * Command lines for a POSIX shell and OpenSSL 3, as README.txt shows them. Each ends with 0 only when all is well. File names are
 * ours, and text of others never gets into a command.
 */

export const ANCHORS = "trust/anchors.pem";
export const INTERMEDIATES = "trust/intermediates.pem";

/** The chain up to the anchors of the archive, as of a time; the machine's own roots are left out. */
export function verifyCertificate(
  certificate: string,
  at: Date,
  hasIntermediates: boolean,
): string {
  const untrusted = hasIntermediates ? ` -untrusted ${INTERMEDIATES}` : "";
  return `openssl verify -no-CApath -no-CAstore -partial_chain -attime ${seconds(at)} -CAfile ${ANCHORS}${untrusted} ${certificate}`;
}

/** OpenSSL's name for id-kp-cmcRA (RFC 6402 §2.10). */
export function isRegistrationAuthority(certificate: string): string {
  return `openssl x509 -in ${certificate} -noout -ext extendedKeyUsage | grep -F "CMC Registration Authority"`;
}

/**
 * The signature of a CMS SignedData by the key of this certificate, and no other; what was signed goes into a file. The
 * certificate's own chain is another command's business, so that the time of looking does not matter here.
 */
export function openMessage(message: string, signer: string, opened: string): string {
  return `openssl cms -verify -binary -inform DER -in ${message} -nointern -noverify -certfile ${signer} -out ${opened}`;
}

/** The exit code of `req -verify` tells of a wrong signature only from OpenSSL 3.4 on. */
export function verifyRequest(request: string): string {
  return `openssl req -inform DER -in ${request} -verify -noout 2>&1 | grep -F "verify OK"`;
}

export function requestIsFor(request: string, publicKey: string): string {
  return `openssl req -inform DER -in ${request} -noout -pubkey | cmp - ${publicKey}`;
}

export function certificateIsFor(certificate: string, publicKey: string): string {
  return `openssl x509 -in ${certificate} -noout -pubkey | cmp - ${publicKey}`;
}

export function verifySignatureOf(
  statement: string,
  options: {
    readonly signature: string;
    readonly publicKey: string;
    readonly algorithm: SignatureAlgorithm;
  },
): string {
  const { signature, publicKey, algorithm } = options;
  const isPss = rsaPaddingOf(algorithm) === "pss";
  const padding = isPss ? " -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest" : "";
  return `openssl dgst -${hashOf(algorithm)} -verify ${publicKey} -signature ${signature}${padding} ${statement}`;
}

/** Prints the SHA-256 of a file. */
export function hashOfFile(file: string): string {
  return `openssl dgst -sha256 -r ${file} | cut -c 1-64`;
}

/** Prints the SHA-256 of a certificate, that is of its DER. */
export function hashOfCertificate(certificate: string): string {
  return `openssl x509 -in ${certificate} -outform DER | openssl dgst -sha256 -r | cut -c 1-64`;
}

/** A member of a message, and the file that it holds in Base64; `within` an object of its own. */
export interface BodyMember {
  readonly member: string;
  readonly within?: string | undefined;
  readonly name: string;
}

/** Prints the SHA-256 of a message as the RA's REST API was sent it: one line of JSON, members in Base64. */
export function hashOfBody(members: readonly BodyMember[]): string {
  const names = members.map(({ member, within }) =>
    within ? `"${member}":{"${within}":"%s"}` : `"${member}":"%s"`,
  );
  const values = members.map(({ name }) => `"$(openssl base64 -A -in ${name})"`);
  return `printf '{${names.join(",")}}' ${values.join(" ")} | openssl dgst -sha256 -r | cut -c 1-64`;
}

/** Looks for what the pipeline prints; a pipeline that failed prints nothing, and nothing is found. */
export function isNamedIn(pipeline: string, file: string): string {
  return `${pipeline} | grep -F -q -f - ${file}`;
}

function seconds(at: Date): number {
  return Math.floor(at.getTime() / 1000);
}
