import type { ErrorCode } from "../../core/errors.js";
import type { PinState, Token } from "../../core/ports/driver.js";
import type { Finding } from "./findings.js";
import type { LibraryHeader } from "./library-file.js";
import type { LibraryInfo } from "./survey.js";

/** What `diagnose` found out: JSON, apart from the dates, which become ISO 8601 in it. */
export interface Diagnosis {
  readonly at: Date;
  readonly program: DiagnosedProgram;
  readonly modules: readonly DiagnosedModule[];
  /** What it means, and what to do: the gravest first. */
  readonly findings: readonly Finding[];
}

/** The program that reaches the token. */
export interface DiagnosedProgram {
  /** As `process.platform`. */
  readonly platform: string;
  /** As `process.arch`: the modules have to be built for it. */
  readonly arch: string;
  /** Of Node: `v22.12.0`. */
  readonly node: string;
  /** Whether a host process starts here and the native binding, pkcs11js, loads in it. */
  readonly binding: "available" | DiagnosedFailure;
}

/** Why something did not work. */
export interface DiagnosedFailure {
  readonly code: ErrorCode;
  readonly reason: string;
  /** The request to the module that was under way. */
  readonly during?: string | undefined;
}

/** One PKCS#11 module: whether it is there, loads, and what it says of itself. */
export interface DiagnosedModule {
  /** The product, where it is known. */
  readonly name?: string | undefined;
  /** As it was given, or where it was located. */
  readonly path: string;
  /** What tells that path, where it was located. */
  readonly source?: string | undefined;
  /** Given by the caller, not located. */
  readonly named: boolean;
  /** Absent for a name that only the dynamic linker can find. */
  readonly file?: DiagnosedFile | undefined;
  /**
   * `usable`: it loads, and tells its slots. `failed`: see `failure`. `not-tried`: there is no file, the native binding is
   * missing, or the time was over.
   */
  readonly state: "usable" | "failed" | "not-tried";
  readonly failure?: DiagnosedFailure | undefined;
  readonly library?: LibraryInfo | undefined;
  readonly slots: readonly DiagnosedSlot[];
}

/** The module's file, as far as its header tells. */
export interface DiagnosedFile {
  readonly found: boolean;
  /** Absent where the file cannot be read. */
  readonly header?: LibraryHeader | undefined;
  /** Whether the header fits this system and `arch`; absent where it cannot be told. */
  readonly fits?: boolean | undefined;
}

/** One slot of the module, with or without a token. */
export interface DiagnosedSlot {
  readonly description: string;
  readonly manufacturer: string;
  readonly removable: boolean;
  readonly hardware: boolean;
  readonly state: "empty" | "uninitialised" | "unreadable" | "ready";
  /** Where `unreadable`: the module's own result. */
  readonly ckr?: string | undefined;
  /** Where `ready`. */
  readonly token?: DiagnosedToken | undefined;
}

/** A token, as it shows itself without a PIN. */
export interface DiagnosedToken {
  readonly label: string;
  readonly serialNumber: string;
  readonly model: string;
  readonly manufacturer: string;
  readonly pinState: PinState;
  /** Whether a user PIN was ever set. */
  readonly pinSet: boolean;
  readonly loginRequired: boolean;
  readonly protectedAuthenticationPath: boolean;
  readonly writeProtected: boolean;
  readonly freeMemory?: Token["freeMemory"];
  readonly keyAlgorithms: Token["keyAlgorithms"];
  /** Absent where they could not be read: see `failure`. */
  readonly objects?: DiagnosedObjects | undefined;
  readonly failure?: DiagnosedFailure | undefined;
}

/** What shows without a PIN. */
export interface DiagnosedObjects {
  readonly certificates: readonly DiagnosedCertificate[];
  readonly publicKeys: number;
  readonly privateKeys: number;
  /** Listed by the module, and not readable, or no certificate in DER. */
  readonly unreadable: number;
  /** CKA_ID, hexadecimal, of public keys with neither a private key nor a certificate that shows. */
  readonly orphanPublicKeys: readonly string[];
}

/** A certificate on a token, and which of its keys show. */
export interface DiagnosedCertificate {
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** CKA_ID, hexadecimal; empty when the object has none. */
  readonly keyId: string;
  readonly label: string;
  readonly isCa: boolean;
  /** Absent for a key that the SDK cannot renew, such as SM2. */
  readonly keyAlgorithm?: string | undefined;
  readonly privateKey: "present" | "absent" | "unknown";
  readonly publicKey: "present" | "absent";
}
