/**
 * Two certificates have ended. One was never applied for: the counter and the hotline help. The other's renewal was under
 * way: it can still be followed, and the new certificate installed. `npm run example expired`.
 */
import { type Credential, RenewalError } from "certrenew";
import { clockFrom, DAY_MS } from "./support/clock.js";
import { example } from "./support/example.js";
import { form, transferOf } from "./support/holder.js";
import { tokenAccess } from "./support/token.js";
import { openWorld } from "./support/world.js";

example(async (terminal) => {
  // Begins two days ago, so that the certificates have really ended when the example does.
  const clock = clockFrom(2 * DAY_MS);
  const world = await openWorld({
    name: "expired",
    clock,
    policy: { reviewDelayMs: null },
    holders: [
      { commonName: "张三", endsInDays: 1 },
      { commonName: "李四", endsInDays: -30 },
    ],
  });
  const { admin } = world.sandbox;
  const client = world.createClient();
  const stop = terminal.follow(client);
  try {
    terminal.step({ en: "Two days ago", zh: "两天前" });
    const before = await client.credentials();
    for (const each of before) terminal.credential(each);
    const draft = await client.start(holderIn(before, "张三"));
    const acknowledge = await terminal.acknowledge(draft.guards);
    const order = await draft.submit({
      accept: draft.offer.agreement,
      years: 1,
      form,
      acknowledge,
    });
    if (order.state === "awaiting-payment") await order.payByBankTransfer(transferOf(order));

    terminal.step({ en: "Today", zh: "今天" });
    clock.forward(2 * DAY_MS);
    const now = await client.credentials();
    for (const each of now) terminal.credential(each);

    // Never applied for: nothing is sent to the RA, and the error says where to go.
    const refusal = await client.start(holderIn(now, "李四")).catch((error: unknown) => error);
    if (!(refusal instanceof RenewalError)) throw new Error("an expired certificate was taken");
    terminal.explain(refusal);
    const { hotline, counter } = draft.offer.support;
    terminal.note({ en: "Where to go", zh: "办理途径" }, [hotline ?? "–", counter ?? "–"]);

    // Applied for in time: 查询进度 and 安装证书 as ever.
    const inProgress = holderIn(now, "张三");
    let renewal = await client.progress(inProgress);
    if (renewal?.state !== "awaiting-review") throw new Error(`unexpectedly ${renewal?.state}`);
    await admin.approve({ renewalId: renewal.id });
    renewal = await renewal.wait();
    if (renewal.state !== "ready-to-install") throw new Error(`unexpectedly ${renewal.state}`);
    const again = await terminal.acknowledge(renewal.guards);
    const completed = await renewal.install({ acknowledge: again });
    const { previous, renewed } = completed.report;
    terminal.end({
      en: `Installed: valid until ${renewed.notAfter.toISOString()}.`,
      zh: `新证书已安装,有效期至 ${renewed.notAfter.toISOString()}。`,
    });
    return {
      driver: world.driverName,
      refused: { code: refusal.code, next: refusal.explain(terminal.language).next },
      hotline: hotline ?? null,
      counter: counter ?? null,
      reasons: [...inProgress.eligibility.reasons],
      state: completed.state,
      previous: { keyId: previous.keyId, notAfter: previous.notAfter.toISOString() },
      renewed: { keyId: renewed.keyId, notAfter: renewed.notAfter.toISOString() },
      ...tokenAccess(world),
    };
  } finally {
    stop();
    await client.close();
    await world.close();
  }
});

function holderIn(credentials: readonly Credential[], commonName: string): Credential {
  const found = credentials.find(({ signing }) => signing.subject.includes(`CN=${commonName}`));
  if (!found) throw new Error(`no certificate of ${commonName}`);
  return found;
}
