/** The operating systems that the table knows, as `process.platform` names them. */
type ModulePlatform = "linux" | "darwin" | "win32";

/**
 * What a module leads to. `device`: keys, cards, HSMs, TPMs. `software`: a token in software. `other`: no token of its own: a
 * proxy for other modules, a trust store, a browser's profile.
 */
export type ModuleKind = "device" | "software" | "other";

/** Where one product's module is on one operating system. */
export interface KnownModule {
  readonly name: string;
  readonly vendor: string;
  readonly kind: ModuleKind;
  readonly platform: ModulePlatform;
  /**
   * `{triplet}` is the multiarch folder of the processor (`x86_64-linux-gnu`), `%NAME%` a variable of the environment. The
   * first that is there counts.
   */
  readonly paths: readonly string[];
  /** The package or the page that tells these paths. No row without one. */
  readonly source: string;
}

type Places = readonly [platform: ModulePlatform, source: string, ...paths: readonly string[]];

/**
 * The modules that are known. A vendor of whose module no public source tells the path is not here: many Chinese keys come
 * with an SKF library (GM/T 0016) only, which is no PKCS#11 module.
 */
export const KNOWN_MODULES: readonly KnownModule[] = [
  ...product("OpenSC", "OpenSC", "device", [
    [
      "linux",
      "Debian: opensc-pkcs11; Fedora and Arch Linux: opensc",
      "/usr/lib/{triplet}/opensc-pkcs11.so",
      "/usr/lib64/pkcs11/opensc-pkcs11.so",
      "/usr/lib64/opensc-pkcs11.so",
      "/usr/lib/pkcs11/opensc-pkcs11.so",
      "/usr/lib/opensc-pkcs11.so",
    ],
    [
      "darwin",
      "https://github.com/OpenSC/OpenSC/wiki/macOS-Quick-Start; Homebrew: opensc",
      "/Library/OpenSC/lib/opensc-pkcs11.so",
      "/opt/homebrew/lib/opensc-pkcs11.so",
      "/usr/local/lib/opensc-pkcs11.so",
    ],
    [
      "win32",
      "https://github.com/OpenSC/OpenSC/wiki/Installing-OpenSC-PKCS11-Module-in-Firefox,-Step-by-Step",
      "%ProgramFiles%\\OpenSC Project\\OpenSC\\pkcs11\\opensc-pkcs11.dll",
    ],
  ]),
  ...product("SoftHSM 2", "SoftHSM project", "software", [
    [
      "linux",
      "Debian and Ubuntu: libsofthsm2; Fedora, Arch Linux and Alpine Linux: softhsm; the source's own prefix",
      "/usr/lib/softhsm/libsofthsm2.so",
      "/usr/lib/{triplet}/softhsm/libsofthsm2.so",
      "/usr/lib64/pkcs11/libsofthsm2.so",
      "/usr/lib64/softhsm/libsofthsm2.so",
      "/usr/lib/pkcs11/libsofthsm2.so",
      "/usr/local/lib/softhsm/libsofthsm2.so",
    ],
    [
      "darwin",
      "Homebrew: softhsm, on Apple silicon and on Intel",
      "/opt/homebrew/lib/softhsm/libsofthsm2.so",
      "/usr/local/lib/softhsm/libsofthsm2.so",
    ],
    [
      "win32",
      "https://github.com/disig/SoftHSM2-for-Windows",
      "%SystemDrive%\\SoftHSM2\\lib\\softhsm2-x64.dll",
      "%SystemDrive%\\SoftHSM2\\lib\\softhsm2.dll",
    ],
  ]),
  ...product("YubiKey PIV (ykcs11)", "Yubico", "device", [
    [
      "linux",
      "Debian and Ubuntu: ykcs11; https://docs.yubico.com/software/yubikey/tools/pivtool/piv-tool-ykcs11.html",
      "/usr/lib/{triplet}/libykcs11.so",
      "/usr/local/lib/libykcs11.so",
    ],
    [
      "darwin",
      "https://github.com/PeculiarVentures/webcrypto-local (json/card.json); Homebrew: yubico-piv-tool",
      "/opt/homebrew/lib/libykcs11.dylib",
      "/usr/local/lib/libykcs11.dylib",
    ],
    [
      "win32",
      "https://docs.yubico.com/software/yubikey/tools/pivtool/piv-tool-ykcs11.html",
      "%ProgramFiles%\\Yubico\\Yubico PIV Tool\\bin\\libykcs11.dll",
    ],
  ]),
  ...product("SafeNet eToken (SAC)", "Thales", "device", [
    [
      "linux",
      "AUR: sac-core; Demoiselle Signer: the drivers that it knows; https://github.com/PeculiarVentures/webcrypto-local (json/card.json)",
      "/usr/lib/pkcs11/libeToken.so",
      "/usr/lib/libeToken.so",
      "/usr/lib64/libeToken.so",
      "/usr/lib/libeTPkcs11.so",
    ],
    [
      "darwin",
      "https://github.com/PeculiarVentures/webcrypto-local (json/card.json); https://github.com/open-eid/chrome-token-signing (PKCS11Path.cpp)",
      "/usr/local/lib/libeTPkcs11.dylib",
      "/Library/Frameworks/eToken.framework/Versions/Current/libeToken.dylib",
    ],
    [
      "win32",
      "https://github.com/PeculiarVentures/webcrypto-local (json/card.json)",
      "%SystemRoot%\\System32\\eTPKCS11.dll",
    ],
  ]),
  ...product("IDPrime (SAC)", "Thales", "device", [
    [
      "linux",
      "AUR: sac-core",
      "/usr/lib/pkcs11/libIDPrimePKCS11.so",
      "/usr/lib/libIDPrimePKCS11.so",
    ],
    [
      "darwin",
      "https://github.com/PeculiarVentures/webcrypto-local (json/card.json)",
      "/usr/lib/pkcs11/libidprimepkcs11.dylib",
    ],
  ]),
  ...product("Bit4id Universal Middleware", "Bit4id", "device", [
    ["linux", "AUR: bit4id-xpki", "/usr/lib/bit4id/libbit4xpki.so"],
  ]),
  ...product("SafeSign", "A.E.T.", "device", [
    [
      "win32",
      "https://github.com/open-eid/chrome-token-signing (PKCS11Path.cpp)",
      "%SystemRoot%\\System32\\aetpkss1.dll",
    ],
  ]),
  ...product("Rutoken ECP", "Aktiv", "device", [
    [
      "win32",
      "https://github.com/PeculiarVentures/webcrypto-local (json/card.json)",
      "%SystemRoot%\\System32\\rtPKCS11ECP.dll",
    ],
  ]),
  ...product("ePass2003", "Feitian (飞天诚信)", "device", [
    [
      "win32",
      "Odoo: l10n_eg_edi_eta, “Requirements per system” (the name, loaded from the system's folder)",
      "%SystemRoot%\\System32\\eps2003csp11.dll",
    ],
  ]),
  ...product("ePass2000", "Feitian (飞天诚信)", "device", [
    [
      "win32",
      "Demoiselle Signer: the drivers that it knows",
      "%SystemRoot%\\System32\\ngp11v211.dll",
    ],
  ]),
  ...product("mToken GM3000", "Longmai (龙脉科技)", "device", [
    [
      "linux",
      "https://github.com/willyu2019/gm3000-sdk (安装包结构, ReadMe.txt of the packages for Kylin and UOS)",
      "/opt/lm-gm3000user/lib/libgm3000_pkcs11.so",
      "/opt/lm-gm3000admin/lib/libgm3000_pkcs11.so",
      "/opt/apps/com.longmai.gm3000user/files/lib/libgm3000_pkcs11.so",
      "/opt/apps/com.longmai.gm3000admin/files/lib/libgm3000_pkcs11.so",
    ],
  ]),
  ...product("ProxKey", "Watchdata (握奇数据)", "device", [
    [
      "linux",
      "the vendor's installation script (PROXKey_MODULE)",
      "/usr/lib/WatchData/ProxKey/lib/libwdpkcs_SignatureP11.so",
    ],
  ]),
  ...product("WatchKey", "Watchdata (握奇数据)", "device", [
    [
      "win32",
      "Demoiselle Signer: the drivers that it knows",
      "%SystemRoot%\\System32\\WDPKCS.dll",
      "%SystemRoot%\\System32\\Watchdata\\Watchdata Brazil CSP v1.0\\WDPKCS.dll",
    ],
  ]),
  ...product("TPM 2.0 (tpm2-pkcs11)", "tpm2-software", "device", [
    [
      "linux",
      "Debian: libtpm2-pkcs11-1; Arch Linux: tpm2-pkcs11",
      "/usr/lib/{triplet}/pkcs11/libtpm2_pkcs11.so",
      "/usr/lib/{triplet}/libtpm2_pkcs11.so.1",
      "/usr/lib/pkcs11/libtpm2_pkcs11.so",
    ],
  ]),
  ...product("Keychain-PKCS11 (CryptoTokenKit)", "U.S. Naval Research Laboratory", "device", [
    [
      "darwin",
      "https://github.com/kenh/keychain-pkcs11 (README)",
      "/usr/local/lib/keychain-pkcs11.dylib",
    ],
  ]),
  ...product("NetHSM", "Nitrokey", "device", [
    ["linux", "Nitrokey's documentation, “NetHSM: EJBCA”", "/usr/lib/nitrokey/libnethsm_pkcs11.so"],
  ]),
  ...product("p11-kit-proxy", "p11-kit", "other", [
    [
      "linux",
      "Debian: p11-kit-modules; Fedora and Arch Linux: p11-kit",
      "/usr/lib/{triplet}/p11-kit-proxy.so",
      "/usr/lib64/p11-kit-proxy.so",
      "/usr/lib/p11-kit-proxy.so",
    ],
    [
      "darwin",
      "Homebrew: p11-kit",
      "/opt/homebrew/lib/p11-kit-proxy.dylib",
      "/usr/local/lib/p11-kit-proxy.dylib",
    ],
  ]),
  // Opened with the profile as library parameters: without them it shows an empty database.
  ...product("NSS softokn", "Mozilla", "other", [
    [
      "linux",
      "Debian and Ubuntu: libnss3; Fedora: nss-softokn; Arch Linux: nss",
      "/usr/lib/{triplet}/libsoftokn3.so",
      "/usr/lib/{triplet}/nss/libsoftokn3.so",
      "/usr/lib64/libsoftokn3.so",
      "/usr/lib/libsoftokn3.so",
    ],
  ]),
];

function product(
  name: string,
  vendor: string,
  kind: ModuleKind,
  places: readonly Places[],
): KnownModule[] {
  return places.map(([platform, source, ...paths]) => ({
    name,
    vendor,
    kind,
    platform,
    paths,
    source,
  }));
}
