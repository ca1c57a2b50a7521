import type { TokenIdentity } from "../../../core/ports/driver.js";
import type { TokenModule } from "./module.js";
import { identityIn } from "./tokens.js";

/**
 * Looks which tokens are present, as cheaply as can be done twice a second: a token is read only when it appears, since
 * that may take a card seconds.
 */
export function presencePoll(module: TokenModule): () => readonly TokenIdentity[] {
  let known = new Map<string, TokenIdentity | undefined>();
  return () => {
    if (module.showsNewTokensAfterRefreshOnly()) {
      module.refresh();
      known.clear();
    }
    const seen = new Map<string, TokenIdentity | undefined>();
    for (const slot of module.slots()) {
      const id = slot.handle.toString("hex");
      try {
        seen.set(id, known.has(id) ? known.get(id) : identityIn(slot));
      } catch {
        // Not readable yet: it is looked at again next time.
      }
    }
    known = seen;
    return [...seen.values()].filter((identity) => identity !== undefined);
  };
}
