import { readFileSync } from "node:fs";

/** What an example is run with, from the environment. */
export const settings = {
  /** The PKCS#11 module of the token. */
  module: setting("CERTRENEW_MODULE"),
  /** The RA. */
  baseUrl: setting("CERTRENEW_RA"),
  /** Where renewals are kept. */
  directory: setting("CERTRENEW_STORE"),
};

/** The CAs that are trusted, PEM. */
export const trustAnchors = readFileSync(setting("CERTRENEW_CA"), "utf8");

/** A program asks the holder; an example is told. */
export const pin = (): string => setting("CERTRENEW_PIN");

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}: examples/support/settings.ts tells what for`);
  return value;
}
