import { RenewalError } from "../../core/errors.js";
import type { CallName } from "./rpc.js";

/** How long a module may take, in milliseconds, before its process is ended. */
export interface Deadlines {
  /** Starting the process, loading the module and C_Initialize. */
  readonly start: number;
  /** Looking for tokens and reading their certificates, without a PIN. */
  readonly list: number;
  /** C_Login, and the time that the holder needs at a reader with a PIN pad. */
  readonly login: number;
  /** Reading in a session: certificates, finding a key. */
  readonly read: number;
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
  read: 30_000,
  sign: 30_000,
  generate: 180_000,
  write: 60_000,
  close: 5_000,
};

export const DEADLINE_OF: Readonly<Record<CallName, keyof Deadlines>> = {
  load: "start",
  tokens: "list",
  contents: "list",
  poll: "list",
  open: "list",
  login: "login",
  generate: "generate",
  find: "read",
  sign: "sign",
  import: "write",
  read: "read",
  destroy: "write",
  close: "close",
};

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
