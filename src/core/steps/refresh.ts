import type { StepContext } from "../context.js";
import type { UnlockingStepOptions } from "../lifecycle.js";
import { settleOutbox } from "../outbox.js";
import type { Reply } from "../ports/transport.js";
import { withReply } from "../replies.js";
import { previousSigner } from "../signers.js";
import { tokenAccess } from "../unlock.js";

/** Asks the RA once, after what is still open in the outbox was cleared up. */
export async function refresh(
  context: StepContext,
  options: UnlockingStepOptions = {},
): Promise<void> {
  await settleOutbox(context);
  const reply = await askProgress(context, options);
  context.set((record) => withReply(record, reply, context.now()));
}

/** Where the RA wants each question signed, the old key signs it: one PIN a question. */
export async function askProgress(
  context: StepContext,
  options: UnlockingStepOptions,
): Promise<Reply> {
  const { transport, signal } = context;
  if (transport.traits.polling === "free") {
    return transport.progress(context.reference(), { signal });
  }
  return tokenAccess(context, "poll", options).use(async (session) => {
    const signer = await previousSigner(context, session);
    return transport.progress(context.reference(), { signal, signer });
  });
}
