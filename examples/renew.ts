import { createRenewalClient } from "certrenew";
import { pkcs11Driver } from "certrenew/drivers/pkcs11";
import { fileStore } from "certrenew/store/file";
import { httpTransport } from "certrenew/transport/http";
import { form, transferOf } from "./support/holder.js";
import { pin, settings, trustAnchors } from "./support/settings.js";

const client = createRenewalClient({
  driver: pkcs11Driver({ module: settings.module }),
  transport: httpTransport({ baseUrl: settings.baseUrl }),
  store: fileStore({ directory: settings.directory }),
  trustAnchors, // PEM or DER of the CAs that you trust
  pin, // ({ token, reason, pinState }) => ask the holder
});
client.on("stage", ({ stage }) => console.log(stage));

const [credential] = (await client.credentials()).filter((each) => each.eligibility.renewable);
if (!credential) throw new Error("nothing to renew");
const draft = await client.start(credential);
const acknowledge = draft.guards.map(({ id }) => id); // after showing each question
const order = await draft.submit({ accept: draft.offer.agreement, years: 2, form, acknowledge });
if (order.state === "awaiting-payment") await order.payByBankTransfer(transferOf(order));

// Days later, perhaps in another process: order.id is all it takes.
let renewal = await client.resume(order.id);
if (renewal.state === "awaiting-review") renewal = await renewal.wait();
if (renewal.state === "ready-to-install") renewal = await renewal.install({ acknowledge });
if (renewal.state === "completed") console.log("valid until", renewal.report.renewed.notAfter);
await client.close();
