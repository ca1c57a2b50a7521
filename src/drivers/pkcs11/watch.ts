import { sameToken } from "../../core/domain/token-identity.js";
import type { CallOptions, TokenEvent, TokenIdentity } from "../../core/ports/driver.js";

export interface Presence {
  /** Tokens present at the last look, whoever looked; `undefined` before the first. */
  readonly known: readonly TokenIdentity[] | undefined;
  /** Looks, unless something else is under way: then `undefined`. */
  look(): Promise<readonly TokenIdentity[] | undefined>;
}

const TICK_MS = 500;
/** After a look that failed: the module hung or crashed, and gets time. */
const RECOVERY_MS = 5_000;

/** Tells of tokens that come and go, until it is stopped. Its timer keeps no process alive. */
export function watchTokens(
  presence: Presence,
  listener: (event: TokenEvent) => void,
  { signal }: CallOptions,
): () => void {
  let isStopped = signal?.aborted ?? false;
  let timer: NodeJS.Timeout | undefined;
  let seen = presence.known;

  const tell = (event: TokenEvent) => {
    try {
      if (!isStopped) listener(event);
    } catch {
      // Events observe only.
    }
  };
  const tick = async () => {
    const outcome = await presence.look().then(
      (present) => ({ present, nextMs: TICK_MS }),
      () => ({ present: undefined, nextMs: RECOVERY_MS }),
    );
    if (isStopped) return;
    // Also what a listing saw in the meantime.
    const present = outcome.present ?? presence.known;
    if (present !== undefined) {
      for (const event of changes(seen ?? present, present)) tell(event);
      seen = present;
    }
    schedule(outcome.nextMs);
  };
  const schedule = (delayMs: number) => {
    if (isStopped) return;
    timer = setTimeout(() => void tick(), delayMs);
    timer.unref();
  };
  const stop = () => {
    isStopped = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  };
  signal?.addEventListener("abort", stop, { once: true });
  schedule(0);
  return stop;
}

function changes(
  before: readonly TokenIdentity[],
  now: readonly TokenIdentity[],
): readonly TokenEvent[] {
  const missingIn = (list: readonly TokenIdentity[]) => (token: TokenIdentity) =>
    !list.some((each) => sameToken(each, token));
  return [
    ...before.filter(missingIn(now)).map((token) => ({ type: "removed" as const, token })),
    ...now.filter(missingIn(before)).map((token) => ({ type: "inserted" as const, token })),
  ];
}
