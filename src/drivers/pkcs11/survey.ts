import type { Token, TokenCertificate } from "../../core/ports/driver.js";

/** What a host finds out about a module for `diagnose`, as it crosses to the driver. */

/** CK_INFO (PKCS#11 v2.40 §3.1). */
export interface LibraryInfo {
  readonly manufacturer: string;
  readonly description: string;
  /** The library's own: `2.6`. */
  readonly version: string;
  /** Of the PKCS#11 interface: `2.40`. */
  readonly cryptokiVersion: string;
}

export interface SlotSurvey {
  /** CK_SLOT_ID, for the next request. */
  readonly id: string;
  readonly description: string;
  readonly manufacturer: string;
  readonly removable: boolean;
  readonly hardware: boolean;
  readonly token: TokenSurvey;
}

export type TokenSurvey =
  | { readonly state: "absent" | "uninitialised" }
  /** There is one, and the module cannot read what it is. */
  | { readonly state: "unreadable"; readonly ckr?: string | undefined }
  | {
      readonly state: "ready";
      readonly info: Token;
      /** CKF_USER_PIN_INITIALIZED */
      readonly pinSet: boolean;
      /** CKF_WRITE_PROTECTED */
      readonly writeProtected: boolean;
    };

export interface SurveyedCertificate extends TokenCertificate {
  /** Whether a public key object stands under its CKA_ID. */
  readonly publicKey: "present" | "absent";
}

export interface ObjectSurvey {
  readonly certificates: readonly SurveyedCertificate[];
  /** CKA_ID of the key objects that show. */
  readonly publicKeys: readonly Uint8Array[];
  readonly privateKeys: readonly Uint8Array[];
  /** Objects that the module lists and cannot read. */
  readonly unreadable: number;
}
