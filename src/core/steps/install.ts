import type { StepContext } from "../context.js";
import { RenewalError } from "../errors.js";
import { assertAcknowledged, guardQuestions } from "../guards.js";
import { type InstalledPair, pairsOf } from "../installed-pairs.js";
import { pendingExchange, reconcile } from "../outbox.js";
import { withReply } from "../replies.js";
import type { ContinueOptions, InstallOptions, UnlockingStepOptions } from "../step-options.js";
import { deriveState } from "../transitions.js";
import { type TokenAccess, tokenAccess } from "../unlock.js";
import { assertNotClosed, confirm } from "./confirm.js";
import { prove } from "./prove.js";
import { askProgress, askSigned } from "./refresh.js";
import { requestAtInstallation } from "./reissue.js";
import { verifyIssued } from "./verify-issued.js";

/** ready-to-install → installing → confirming → completed. */
export async function install(context: StepContext, options: InstallOptions): Promise<void> {
  const questions = await guardQuestions(context.runtime, context.record, context.signal);
  assertAcknowledged(questions, options.acknowledge);
  await reconcile(context);
  const access = tokenAccess(context, "install", options);
  await assertStillIssued(context, access);
  await installIssued(context, access, options);
}

async function installIssued(
  context: StepContext,
  access: TokenAccess,
  options: ContinueOptions,
): Promise<void> {
  if (wantsRequest(context)) {
    await requestAtInstallation(context, access, options);
    assertReady(context);
  }
  // Once writing has begun, what is written was collected.
  const { collected, installation } = context.record.issuance;
  if (!collected && !installation) await collect(context, access);
  await writeAndProve(context, access, options);
}

/** Where the terms want the request now, or an earlier one is still open. */
function wantsRequest({ record }: StepContext): boolean {
  const { application, offer } = record;
  const isOpen = pendingExchange(record, "certification-request") !== undefined;
  return isOpen || (offer.offer.terms.requestAt === "installation" && !application.request);
}

/** installing → completed. What is written already is found, not written again. */
export async function continueInstalling(
  context: StepContext,
  options: ContinueOptions,
): Promise<void> {
  await reconcile(context);
  const access = tokenAccess(context, "install", options);
  await assertStillIssued(context, access);
  // A reissue that was asked for, and whose answer was lost, takes the place of what was being written.
  await installIssued(context, access, options);
}

/** Days may have passed: what the RA has withdrawn or revoked meanwhile is not written to the token. */
async function assertStillIssued(context: StepContext, access: TokenAccess): Promise<void> {
  const reply = await askProgress(context, access);
  await context.save((record) => withReply(record, reply, context.now()));
  assertNotClosed(context);
  assertReady(context);
}

/** A reissue that the old key did not sign is looked at by a person first. @throws ERR_HANDLE_SPENT */
function assertReady({ record, step }: StepContext): void {
  const state = deriveState(record);
  if (state !== "awaiting-review") return;
  throw new RenewalError("ERR_HANDLE_SPENT", { details: { id: record.id, state, step } });
}

async function collect(context: StepContext, access: TokenAccess): Promise<void> {
  const { transport, signal } = context;
  context.activity("collecting");
  const issued = await askSigned(context, access, (signer) =>
    transport.collect(context.reference(), { signal, signer }),
  );
  context.activity("verifying");
  const collected = verifyIssued(context, issued);
  await context.save((record) => ({ ...record, issuance: { ...record.issuance, collected } }));
}

async function writeAndProve(
  context: StepContext,
  access: TokenAccess,
  options: UnlockingStepOptions,
): Promise<void> {
  const pairs = pairsOf(context.record);
  await write(context, access, pairs);
  // Another host than the one that wrote: what it sees is on the token, and not in a cache.
  await prove(context, access, pairs);
  await confirm(context, options);
}

/** Writes each certificate beside the old one, after looking that all their keys are there. */
async function write(
  context: StepContext,
  access: TokenAccess,
  pairs: readonly InstalledPair[],
): Promise<void> {
  const { signal } = context;
  await access.use(async (session) => {
    for (const { use, keyId, spki } of pairs) {
      if (await session.findKeyPair({ keyId, spki }, { signal })) continue;
      const reason = `the new ${use} key pair is not on the token`;
      throw new RenewalError("ERR_KEY_NOT_FOUND", {
        details: { token: session.token.label, reason },
      });
    }
    await context.save((record) => ({
      ...record,
      issuance: {
        ...record.issuance,
        installation: record.issuance.installation ?? { begunAt: context.now() },
      },
    }));
    context.activity("writing");
    for (const { certificate: der, keyId, label } of pairs) {
      await session.importCertificate({ der, keyId, label, signal });
    }
  });
}
