import * as graphene from "graphene-pk11";
import type { TokenContents } from "../../../core/ports/driver.js";
import { type CertificateObject, readCertificates, withPrivateKeys } from "./certificates.js";
import { hasPrivateKey, privateKeyLookup } from "./keys.js";
import type { TokenModule } from "./module.js";
import type { TokenSession } from "./token-session.js";
import { type PresentToken, presentTokens } from "./tokens.js";

/**
 * The certificates of every token present, without a login. A token that cannot be read hides no other.
 * @throws what the module threw, when not one of the tokens can be read
 */
export function contentsOfAll(module: TokenModule): TokenContents[] {
  const contents: TokenContents[] = [];
  let failure: unknown;
  for (const present of presentTokens(module)) {
    try {
      contents.push(contentsWithoutLogin(module, present));
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined && contents.length === 0) throw failure;
  return contents;
}

/** The certificates of the session's token, as a logged-in reader sees them. */
export function contentsOf(session: TokenSession): TokenContents {
  session.assertPresent();
  const { certificates, unreadable } = readCertificates(session);
  const byId = privateKeyLookup(session);
  const isThere = (certificate: CertificateObject) =>
    certificate.keyId.length > 0 ? byId(certificate) : hasPrivateKey(session, certificate);
  return {
    token: session.token(),
    certificates: withPrivateKeys(certificates, isThere, true),
    unreadableObjects: unreadable,
  };
}

function contentsWithoutLogin(module: TokenModule, { slot, token }: PresentToken): TokenContents {
  const session = slot.open(graphene.SessionFlag.SERIAL_SESSION);
  try {
    const access = { lib: module.lib, session: session.handle };
    const { certificates, unreadable } = readCertificates(access);
    return {
      token,
      certificates: withPrivateKeys(certificates, privateKeyLookup(access), !token.loginRequired),
      unreadableObjects: unreadable,
    };
  } finally {
    session.close();
  }
}
