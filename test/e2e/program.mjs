// A program as an embedder writes it, run from what is built: it renews the one certificate on a token, or goes on with
// the renewal that an earlier run left. It tells what it does on standard output, a JSON line each, and is killed for it.
import { createRenewalClient, RenewalError } from "certrenew";
import { softHsmDriver } from "certrenew/drivers/softhsm";
import { fileStore } from "certrenew/store/file";
import { httpTransport } from "certrenew/transport/http";

const { baseUrl, trustAnchors, conf, directory, pin, keyAlgorithm, keyMode } = JSON.parse(
  process.argv[2] ?? "{}",
);
/** @type {Uint8Array[]} */
const anchors = trustAnchors.map(
  (/** @type {string} */ base64) => new Uint8Array(Buffer.from(base64, "base64")),
);
/** @param {Readonly<Record<string, unknown>>} event */
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const client = createRenewalClient({
  driver: softHsmDriver({ conf }),
  transport: httpTransport({ baseUrl }),
  store: fileStore({ directory }),
  trustAnchors: anchors,
  pin: () => pin,
  wait: { minimumMs: 100 },
});
client.on("state", ({ state }) => tell({ event: `state:${state}` }));
client.on("activity", ({ step, activity }) => tell({ event: `${step}:${activity}` }));

try {
  const { renewals } = await client.renewals();
  const [unfinished] = renewals;
  const [credential] = (await client.credentials()).filter((each) => each.eligibility.renewable);
  const one = unfinished ? { id: unfinished.id } : credential;
  if (!one) throw new Error("there is nothing to renew");
  const renewal = await client.renew(one, {
    choose: ({ offer, guards }) => ({
      accept: offer.agreement,
      years: 2,
      keyMode,
      keyAlgorithm,
      acknowledge: guards.map(({ id }) => id),
      form: {
        agent: "张三",
        mobile: "13800138000",
        email: "zhangsan@example.com",
        organisation: "示例科技有限公司",
        unifiedSocialCreditCode: "91440101MA5EXAMP0X",
      },
    }),
    pay: ({ payment, order }) => ({
      recipient: { name: "张三", mobile: "13800138000", address: "示例市示例路 1 号" },
      invoice: order?.invoiceTypes[0]?.id,
      remittances: [
        {
          payerAccount: "6222000000000000",
          payerName: "示例科技有限公司",
          amount: payment?.uncovered ?? { amount: 0, currency: "CNY" },
          paidOn: "2026-11-20",
        },
      ],
    }),
    acknowledge: ({ guards }) => guards.map(({ id }) => id),
    retryPin: unfinished !== undefined,
  });
  tell({ event: "end", state: renewal.state, id: renewal.id });
} catch (error) {
  if (!(error instanceof RenewalError)) throw error;
  tell({
    event: "error",
    code: error.code,
    message: error.message,
    renewalState: error.renewal?.state,
  });
  process.exitCode = 1;
} finally {
  await client.close();
}
