/**
 * Applied for at the office, finished at home: the second program has an empty store and nothing but the Key, and finds the
 * order at the RA. `npm run example another-computer`.
 */
import { join } from "node:path";
import type { RenewalClient } from "certrenew";
import { fileStore } from "certrenew/store/file";
import { example } from "./support/example.js";
import { form, transferOf } from "./support/holder.js";
import { tokenAccess } from "./support/token.js";
import { openWorld } from "./support/world.js";

example(async (terminal) => {
  const world = await openWorld({ name: "another-computer" });
  try {
    const applied = await at("office", async (client) => {
      terminal.step({ en: "At the office", zh: "在单位的电脑上" });
      const credential = await onlyCredential(client);
      const draft = await client.start(credential);
      const acknowledge = await terminal.acknowledge(draft.guards);
      return draft.submit({ accept: draft.offer.agreement, years: 2, form, acknowledge });
    });

    const { completed, found, here } = await at("home", async (client) => {
      terminal.step({ en: "At home, with the Key in hand", zh: "在家里的电脑上,只带了 Key" });
      const credential = await onlyCredential(client);
      // What this computer knows of the certificate: nothing.
      const known = await client.progress(credential);
      // What the RA knows, asked with the certificate's own key: the PIN is wanted for that.
      const { renewals, finished } = await client.lookUp(credential);
      terminal.say({
        en: `found at the RA: ${renewals.length} under way, ${finished.length} finished`,
        zh: `注册机构处:办理中 ${renewals.length} 项,已办结 ${finished.length} 项`,
      });
      let [renewal] = renewals;
      if (renewal?.state !== "awaiting-payment") throw new Error(`unexpectedly ${renewal?.state}`);
      terminal.order(renewal);

      // From here on it is as if it had been applied for here.
      renewal = await renewal.payByBankTransfer(transferOf(renewal));
      if (renewal.state === "awaiting-review") renewal = await renewal.wait();
      if (renewal.state !== "ready-to-install") throw new Error(`unexpectedly ${renewal.state}`);
      const acknowledge = await terminal.acknowledge(renewal.guards);
      const done = await renewal.install({ acknowledge });
      return { completed: done, found: renewals.map(({ id }) => id), here: known?.id ?? null };
    });

    const { previous, renewed } = completed.report;
    const applications = await world.sandbox.admin.applications();
    terminal.end({
      en: `Installed: ${applications.length} application, ${renewed.notAfter.toISOString()}.`,
      zh: `新证书已安装:申请 ${applications.length} 份,有效期至 ${renewed.notAfter.toISOString()}。`,
    });
    return {
      driver: world.driverName,
      ...{ applied: applied.id, here, found },
      state: completed.state,
      applications: applications.map(({ renewalId }) => renewalId),
      previous: { keyId: previous.keyId, notAfter: previous.notAfter.toISOString() },
      renewed: { keyId: renewed.keyId, notAfter: renewed.notAfter.toISOString() },
      ...tokenAccess(world),
    };
  } finally {
    await world.close();
  }

  /** A program on a computer with a store of its own. */
  async function at<T>(place: string, work: (client: RenewalClient) => Promise<T>): Promise<T> {
    const directory = join(world.folder, place);
    const client = world.createClient({ store: fileStore({ directory }) });
    const stop = terminal.follow(client);
    try {
      return await work(client);
    } finally {
      stop();
      await client.close();
    }
  }
});

async function onlyCredential(client: RenewalClient) {
  const [credential] = await client.credentials();
  if (!credential) throw new Error("nothing to renew");
  return credential;
}
