import type { ErrorCode } from "../../core/errors.js";
import type { FaultTrigger } from "../../testing/fault-plan.js";
import type { MockToken } from "./token.js";

/** The calls that are logged and can be made to fail: the driver's, then the session's. */
export type MockMethod =
  | "tokens"
  | "certificates"
  | "unlock"
  | "generateKeyPair"
  | "findKeyPair"
  | "sign"
  | "decrypt"
  | "importKeyPair"
  | "importCertificate"
  | "session.certificates"
  | "destroy";

/** Something that goes wrong, once, at the call it is armed for. */
export type Fault = MockCallTrigger & FaultEffect;

export interface MockCallTrigger extends FaultTrigger {
  /** Default: any. */
  readonly method?: MockMethod | undefined;
}

/** What goes wrong at the call. */
export type FaultEffect =
  /** The token is pulled out. `thenInsert`: at once something is plugged into another port, `same` or another one. */
  | { readonly type: "remove"; readonly thenInsert?: "same" | MockToken | undefined }
  /** Any error of the catalogue, such as ERR_TOKEN_FULL. */
  | { readonly type: "fail"; readonly code: ErrorCode }
  | { readonly type: "slow"; readonly ms: number }
  /** Nothing comes back until the deadline: ERR_MODULE_HUNG, and the session is dead. */
  | { readonly type: "hang" }
  /** ERR_MODULE_CRASHED, and the session is dead. */
  | { readonly type: "crash" };
