import { untilAborted } from "../abort.js";
import type { StepContext } from "../context.js";
import { throwIfAborted } from "../errors.js";
import type { RebindHook } from "../runtime.js";
import { reportOf } from "../summaries.js";
import { printable } from "../text.js";
import type { Rebinding } from "../views.js";

/**
 * Calls each of the client's hooks that has not moved its binding yet. The renewal is completed: a hook that fails is told in
 * the report, and costs nothing else.
 */
export async function rebindAll(context: StepContext): Promise<void> {
  const { rebindHooks } = context.runtime;
  const done = context.record.issuance.installation?.rebindings ?? [];
  const left = rebindHooks.filter(({ id }) => !isMoved(done, id));
  if (left.length === 0) return;
  context.activity("rebinding");
  for (const hook of left) await rebind(context, hook);
}

async function rebind(context: StepContext, hook: RebindHook): Promise<void> {
  const { id, title } = hook;
  const result = await outcomeOf(context, hook);
  const rebinding: Rebinding = { id, title, at: context.now(), ...result };
  // Saved one by one: a hook that moved something is not asked to do it again.
  await context.save((record) => {
    const { installation } = record.issuance;
    if (!installation) return record;
    const others = (installation.rebindings ?? []).filter((each) => each.id !== id);
    const rebindings = [...others, rebinding];
    return {
      ...record,
      issuance: { ...record.issuance, installation: { ...installation, rebindings } },
    };
  });
}

async function outcomeOf(
  { record, signal }: StepContext,
  hook: RebindHook,
): Promise<Pick<Rebinding, "status" | "reason">> {
  const report = reportOf(record);
  if (!report) return { status: "left", reason: "the renewal is not completed" };
  const { renewalId, previous, renewed, continuity } = report;
  try {
    throwIfAborted(signal);
    const asked = (async () =>
      hook.rebind({ renewalId, previous, renewed, statement: continuity }, { signal }))();
    const answer = await untilAborted(asked, signal);
    if (answer === "moved") return { status: "moved" };
    return { status: "left", reason: "the hook left it" };
  } catch (error) {
    return { status: "left", reason: reasonOf(error) };
  }
}

/** Hooks are others' code, and may throw anything. */
function reasonOf(error: unknown): string {
  const told = error instanceof Error ? error.message : error;
  const reason = typeof told === "string" ? told : "the hook failed without a word";
  return printable(reason).slice(0, 500);
}

function isMoved(done: readonly Rebinding[], id: string): boolean {
  return done.some((each) => each.id === id && each.status === "moved");
}
