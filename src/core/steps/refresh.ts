import type { StepContext } from "../context.js";
import { reconcile } from "../outbox.js";
import type { Reply, Signer } from "../ports/transport.js";
import { withReply } from "../replies.js";
import { previousSigner } from "../signers.js";
import type { UnlockingStepOptions } from "../step-options.js";
import { type TokenAccess, tokenAccess } from "../unlock.js";

/** Asks the RA once, and what became of all that is open in the outbox. Sends nothing. */
export async function refresh(
  context: StepContext,
  options: UnlockingStepOptions = {},
): Promise<void> {
  await reconcile(context);
  const reply = await askProgress(context, tokenAccess(context, "poll", options));
  context.set((record) => withReply(record, reply, context.now()));
}

export async function askProgress(context: StepContext, access: TokenAccess): Promise<Reply> {
  const { transport, signal } = context;
  return askSigned(context, access, (signer) =>
    transport.progress(context.reference(), { signal, signer }),
  );
}

/** Where the RA wants its questions signed, the old key signs them. */
export async function askSigned<T>(
  context: StepContext,
  access: TokenAccess,
  ask: (signer?: Signer) => Promise<T>,
): Promise<T> {
  if (context.transport.traits.polling === "free") return ask();
  return access.use(async (session) => ask(await previousSigner(context, session)));
}
