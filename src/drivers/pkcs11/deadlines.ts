import { RenewalError } from "../../core/errors.js";
import type { CallName } from "./rpc.js";

/** How long a module may take, in milliseconds, before its process is ended. */
export interface Deadlines {
  /** Starting the process, loading the module and C_Initialize. */
  readonly start: number;
  /** Looking for tokens and reading their certificates, without a PIN. */
  readonly list: number;
  /** C_Login. */
  readonly login: number;
  /** What the holder may take besides to type the PIN at a reader with a PIN pad, in every call that can ask for it. */
  readonly pinPad: number;
  /** Reading in a session: certificates, finding a key. */
  readonly read: number;
  /** One signature, or one decryption. */
  readonly sign: number;
  /** A key pair: RSA on a card takes from seconds to minutes. */
  readonly generate: number;
  /** Writing and removing objects. */
  readonly write: number;
  /** Logging out and C_Finalize. */
  readonly close: number;
}

const DEFAULT_DEADLINES: Deadlines = {
  start: 20_000,
  list: 15_000,
  login: 60_000,
  pinPad: 120_000,
  read: 30_000,
  sign: 30_000,
  generate: 180_000,
  write: 60_000,
  close: 5_000,
};

export const DEADLINE_OF: Readonly<Record<CallName, keyof Deadlines>> = {
  load: "start",
  binding: "start",
  library: "list",
  slots: "list",
  objects: "list",
  tokens: "list",
  contents: "list",
  poll: "list",
  open: "list",
  login: "login",
  generate: "generate",
  find: "read",
  sign: "sign",
  decrypt: "sign",
  unwrap: "write",
  import: "write",
  read: "read",
  destroy: "write",
  close: "close",
};

/** The login, and uses of keys with CKA_ALWAYS_AUTHENTICATE; some keys are told apart by a signature. */
const ASKS_HOLDER: ReadonlySet<CallName> = new Set([
  "login",
  "sign",
  "decrypt",
  "unwrap",
  "destroy",
]);

/** In milliseconds; with a PIN pad, the time that the holder needs is in it. */
export function deadlineOf(call: CallName, deadlines: Deadlines, holderTypesPin: boolean): number {
  const deadlineMs = deadlines[DEADLINE_OF[call]];
  if (!holderTypesPin || !ASKS_HOLDER.has(call)) return deadlineMs;
  return Math.min(deadlineMs + deadlines.pinPad, MAX_TIMEOUT_MS);
}

/** The longest that `setTimeout` can wait; beyond it the timer fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Deadlines that differ from the defaults. */
export type DeadlineOptions = { readonly [Kind in keyof Deadlines]?: number | undefined };

/** @throws ERR_ARGUMENT where one is no time that can be waited for */
export function withDefaults(deadlines: DeadlineOptions = {}): Deadlines {
  const problems = Object.entries(deadlines)
    .filter(([, ms]) => ms !== undefined && !(ms > 0 && ms <= MAX_TIMEOUT_MS))
    .map(([name, ms]) => ({ pointer: `/deadlines/${name}`, message: `no time in ms: ${ms}` }));
  if (problems.length > 0) throw new RenewalError("ERR_ARGUMENT", { problems });
  const given = Object.entries(deadlines).filter(([, ms]) => ms !== undefined);
  return { ...DEFAULT_DEADLINES, ...Object.fromEntries(given) };
}
