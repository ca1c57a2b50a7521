/**
 * What a host inherits from this process's environment: what a program needs to run, and the variables by which PKCS#11
 * modules find their settings. All else stays here: it may hold secrets, and NODE_OPTIONS would load code into the host.
 */
const INHERITED = [
  "PATH",
  "HOME",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TZ",
  "TMPDIR",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
  "XDG_RUNTIME_DIR",
  // Windows
  "APPDATA",
  "COMSPEC",
  "HOMEDRIVE",
  "HOMEPATH",
  "LOCALAPPDATA",
  "PROGRAMDATA",
  "PROGRAMFILES",
  "PROGRAMFILES(X86)",
  "SYSTEMDRIVE",
  "SYSTEMROOT",
  "TEMP",
  "TMP",
  "USERPROFILE",
  "WINDIR",
  // PKCS#11 modules and the smart card service
  "SOFTHSM2_CONF",
  "OPENSC_CONF",
  "PCSCLITE_CSOCK_NAME",
  "YUBIHSM_PKCS11_CONF",
  "TPM2_PKCS11_STORE",
  "TPM2_PKCS11_TCTI",
  "CHRYSTOKICONFIGURATIONPATH",
  "CS_PKCS11_R3_CFG",
  "KMS_PKCS11_CONFIG",
  "PKCS11_PROXY_SOCKET",
];

/** Never passed on, whoever asks. */
const REFUSED = ["NODE_OPTIONS"];

/** The environment of a host; `extra` is what the caller wants besides, and wins. */
export function hostEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  extra: Readonly<Record<string, string>>,
): Record<string, string> {
  const inherited = Object.entries(environment).filter(([name]) =>
    // Windows takes names in any case, and gives them as they were set.
    INHERITED.includes(name.toUpperCase()),
  );
  // Electron's own executable is Node only with this set.
  const electron = process.versions["electron"] === undefined ? {} : { ELECTRON_RUN_AS_NODE: "1" };
  const all = Object.entries({ ...Object.fromEntries(inherited), ...electron, ...extra });
  return Object.fromEntries(
    all.filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !REFUSED.includes(entry[0].toUpperCase()),
    ),
  );
}
