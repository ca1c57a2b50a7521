/**
 * The fee is paid online: a QR code and an address in the terminal, the payment at the sandbox's simulated gateway, then
 * the invoice and its parcel. `npm run example online-payment`.
 */
import { formatMoney } from "certrenew";
import { example } from "./support/example.js";
import { form, recipient } from "./support/holder.js";
import { tokenAccess } from "./support/token.js";
import { openWorld } from "./support/world.js";

example(async (terminal) => {
  const world = await openWorld({ name: "online-payment" });
  const { admin } = world.sandbox;
  const client = world.createClient();
  const stop = terminal.follow(client);
  try {
    const [credential] = (await client.credentials()).filter((each) => each.eligibility.renewable);
    if (!credential) throw new Error("nothing to renew");
    const draft = await client.start(credential);
    const acknowledge = await terminal.acknowledge(draft.guards);
    const order = await draft.submit({
      accept: draft.offer.agreement,
      years: 2,
      form,
      acknowledge,
    });
    if (order.state !== "awaiting-payment") throw new Error(`unexpectedly ${order.state}`);
    terminal.order(order);

    // 1. The RA opens a payment at its gateway. The SDK shows where to pay, and moves no money itself.
    const opened = await order.payOnline({ method: "alipay", recipient });
    if (opened.state !== "awaiting-payment" || !opened.payment?.online) {
      throw new Error(`unexpectedly ${opened.state}`);
    }
    const { paymentUrl, qrPayload = paymentUrl, amount, expiresAt } = opened.payment.online;
    terminal.qr(
      {
        en: `${formatMoney(amount)}, to be paid by ${expiresAt.toISOString()}:`,
        zh: `${formatMoney(amount)},请在 ${expiresAt.toISOString()} 之前支付:`,
      },
      qrPayload,
    );
    terminal.say(paymentUrl);

    // 2. The payer opens the page, and presses its button: a browser's business, done here for the sake of the example.
    const page = await (await fetch(paymentUrl)).text();
    const paid = await fetch(paymentUrl, { method: "POST" });
    terminal.say({ en: `the gateway says ${paid.status}`, zh: `支付网关答复 ${paid.status}` });

    // 3. The money comes in, the review follows, and the certificate is installed.
    let renewal = await opened.wait();
    if (renewal.state === "awaiting-review") renewal = await renewal.wait();
    if (renewal.state !== "ready-to-install") throw new Error(`unexpectedly ${renewal.state}`);
    const again = await terminal.acknowledge(renewal.guards);
    const completed = await renewal.install({ acknowledge: again });

    // 4. The invoice goes out by courier; what is over can still be looked at.
    const { id: renewalId } = completed;
    for (const { id: shipmentId } of completed.order?.shipments ?? []) {
      const parcel = { renewalId, shipmentId, carrier: "示例快递", trackingNumber: "EX0000000001" };
      await admin.ship(parcel);
    }
    const last = await completed.refresh();
    terminal.order(last);
    terminal.end({ en: "Paid, installed, invoiced.", zh: "已支付,已安装,发票已寄出。" });
    const { previous, renewed } = last.report;
    return {
      driver: world.driverName,
      state: last.state,
      qrPayload,
      page: page.includes(formatMoney(amount)),
      payment: { status: last.payment?.status ?? "", received: { ...last.payment?.received } },
      invoices: (last.order?.invoices ?? []).map(({ status, number = "" }) => ({ status, number })),
      shipments: (last.order?.shipments ?? []).map(({ status, trackingNumber = "" }) => ({
        status,
        trackingNumber,
      })),
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
