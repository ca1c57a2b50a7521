/** Every step by hand, with what each shows: `npm run example step-by-step`. */
import { formatMoney } from "certrenew";
import { example } from "./support/example.js";
import { form, transferOf } from "./support/holder.js";
import { tokenAccess } from "./support/token.js";
import { openWorld } from "./support/world.js";

example(async (terminal) => {
  const world = await openWorld({
    name: "step-by-step",
    // Bank and reviewer do as they are told below.
    policy: { bookingDelayMs: null, reviewDelayMs: null },
  });
  const { admin } = world.sandbox;
  const client = world.createClient();
  const stop = terminal.follow(client);
  const states: string[] = [];
  client.on("state", ({ state }) => void states.push(state));
  try {
    // 1. Which certificates are on the token? No PIN, nothing is sent.
    const credentials = await client.credentials();
    for (const each of credentials) terminal.credential(each);
    const credential = credentials.find(({ eligibility }) => eligibility.renewable);
    if (!credential) throw new Error("nothing to renew");

    // 2. What does the RA offer for it? Nothing is sent but the certificate.
    const draft = await client.start(credential);
    const { agreement, terms } = draft.offer;
    terminal.note(
      { en: `Agreement ${agreement.version}`, zh: `协议 ${agreement.version}` },
      agreement.text.trimEnd().split("\n"),
    );
    terminal.note(
      { en: "Terms", zh: "年限与费用" },
      terms.years.map(({ years, total, notAfter }) => {
        const price = formatMoney(total);
        const end = notAfter.toISOString().slice(0, 10);
        return terminal.text({
          en: `${years} year(s): ${price}, until ${end}`,
          zh: `${years} 年:${price},有效期至 ${end}`,
        });
      }),
    );

    // 3. Apply: a new key pair on the token, a request for it, signed by the old key. The PIN is asked for once.
    const acknowledge = await terminal.acknowledge(draft.guards);
    const order = await draft.submit({ accept: agreement, years: 2, form, acknowledge });
    if (order.state !== "awaiting-payment") throw new Error(`unexpectedly ${order.state}`);
    terminal.order(order);

    // 4. Pay at the bank, then tell the RA. The SDK moves no money.
    const [account] = order.order?.beneficiaries ?? [];
    const total = formatMoney(order.payment?.outstanding ?? { amount: 0, currency: "CNY" });
    if (account) {
      terminal.qr(
        { en: "The transfer, for your phone:", zh: "转账信息(可用手机扫描):" },
        [account.name, account.account, account.bank, total].join("\n"),
      );
    }
    const announced = await order.payByBankTransfer(transferOf(order));
    if (announced.state !== "awaiting-review") throw new Error(`unexpectedly ${announced.state}`);

    // 5. The bank's statement and the review are the RA's business. `refresh` asks once, `wait` until something changes.
    terminal.waiting(announced.due?.at, { estimated: announced.due?.estimated ?? false });
    const { id: renewalId, payment } = announced;
    for (const instruction of payment?.instructions ?? []) {
      if (instruction.kind !== "bank-transfer") continue;
      for (const { amount } of instruction.remittances) {
        await admin.bookReceipt({ renewalId, amount, instructionId: instruction.id });
      }
    }
    const paid = await announced.refresh();
    terminal.order(paid);
    await admin.approve({ renewalId });
    const approved = paid.state === "awaiting-review" ? await paid.wait() : paid;
    if (approved.state !== "ready-to-install") throw new Error(`unexpectedly ${approved.state}`);

    // 6. Install: verified, written beside the old one, proven by a fresh process, confirmed. The PIN is asked for again.
    const again = await terminal.acknowledge(approved.guards);
    const completed = await approved.install({ acknowledge: again });
    const { previous, renewed, bindAgain, changes } = completed.report;
    terminal.note({ en: "Report", zh: "结果" }, [
      `${previous.serialNumber} → ${renewed.serialNumber}`,
      `${previous.notAfter.toISOString()} → ${renewed.notAfter.toISOString()}`,
      terminal.text({
        en: `to be bound again at platforms: ${bindAgain.join(", ")}`,
        zh: `须在各平台重新绑定:${bindAgain.join("、")}`,
      }),
    ]);
    terminal.end({
      en: `Done. The old certificate and its key are still on the token; ${changes.length} other changes.`,
      zh: `完成。旧证书与私钥仍保留在 Key 中;其他变化 ${changes.length} 项。`,
    });
    return {
      driver: world.driverName,
      states,
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
