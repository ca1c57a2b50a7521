/**
 * An own driver, transport and store: they pass the published contract suites, and renew a certificate together.
 * `npm run example custom-driver`.
 */
import { MessageChannel } from "node:worker_threads";
import {
  type ContractCase,
  driverContract,
  storeContract,
  transportContract,
} from "certrenew/testing";
import { startDocumentServer } from "./own/document-server.js";
import { vaultDriver } from "./own/driver.js";
import {
  driverFixture,
  freshVault,
  KEY_ID,
  PIN,
  storeFixture,
  transportFixture,
} from "./own/fixtures.js";
import { webStore } from "./own/store.js";
import { portTransport, serveTransport } from "./own/transport.js";
import { DAY_MS } from "./support/clock.js";
import { example } from "./support/example.js";
import { form, transferOf } from "./support/holder.js";
import { openWorld } from "./support/world.js";

example(async (terminal) => {
  // A suite is a list of cases: any test runner takes it, and so does a loop.
  const suites: Readonly<Record<string, readonly ContractCase[]>> = {
    driver: driverContract(driverFixture),
    transport: transportContract(transportFixture),
    store: storeContract(storeFixture),
  };
  const passed: Record<string, number> = {};
  for (const [name, cases] of Object.entries(suites)) {
    for (const { run } of cases) await run();
    passed[name] = cases.length;
    terminal.say({
      en: `own ${name}: all ${cases.length} cases passed`,
      zh: `自有 ${name}:${cases.length} 项全部通过`,
    });
  }

  const world = await openWorld({ name: "custom-driver", holders: [] });
  const { port1, port2 } = new MessageChannel();
  const server = await startDocumentServer();
  try {
    const { vault, spki } = freshVault();
    const notAfter = new Date(Date.now() + 30 * DAY_MS);
    const der = await world.sandbox.issue({
      spki,
      subject: { country: "CN", organisation: "示例科技有限公司", commonName: "张三" },
      notBefore: new Date(notAfter.getTime() - 365 * DAY_MS),
      notAfter,
    });
    vault.certificates.push({ der, keyId: KEY_ID, label: "first" });

    const { trustAnchors } = world.sandbox;
    serveTransport(port2, world.createTransport({ trustAnchors }));
    const client = world.createClient({
      driver: vaultDriver(vault),
      transport: portTransport(port1, world.createTransport()),
      store: webStore(server.baseUrl),
      pin: () => PIN,
    });
    const stop = terminal.follow(client);
    const [credential] = await client.credentials();
    if (!credential) throw new Error("nothing to renew");
    const completed = await client.renew(credential, {
      choose: async ({ offer, guards }) => ({
        accept: offer.agreement,
        years: 1,
        form,
        acknowledge: await terminal.acknowledge(guards),
      }),
      pay: transferOf,
      acknowledge: ({ guards }) => guards.map(({ id }) => id),
    });
    stop();
    await client.close();
    terminal.end({ en: `The renewal is ${completed.state}.`, zh: "续期已完成。" });
    return {
      passed,
      state: completed.state,
      documents: [...server.documents.keys()],
      certificates: vault.certificates.map((each) => Buffer.from(each.der).toString("base64")),
    };
  } finally {
    port1.close();
    await server.close();
    await world.close();
  }
});
