import {
  type ClientEvents,
  formatMoney,
  type Renewal,
  type RenewalClient,
  type Stage,
} from "certrenew";

/** Where progress goes. `npm start -- --json` keeps it off standard output. */
export type Say = (line: string) => void;

const STAGES: readonly (readonly [Stage, string])[] = [
  ["application", "用户申请 application"],
  ["payment", "用户缴费 payment"],
  ["review", "管理员审核 review"],
  ["installation", "安装新证书 installation"],
  ["completed", "完成 completed"],
];

const ACTIVITIES: Readonly<Record<ClientEvents["activity"]["activity"], string>> = {
  "checking-token": "looking for the token",
  "asking-pin": "asking for the PIN",
  unlocking: "opening the token",
  "generating-key-pair": "making a key pair on the token",
  signing: "signing on the token",
  sending: "sending to the RA",
  "asking-outcome": "asking the RA what became of a request",
  collecting: "collecting the new certificate",
  verifying: "verifying what was issued",
  writing: "writing it beside the old one",
  proving: "reading back and signing with the new key, in a fresh process",
  confirming: "confirming to the RA",
};

/** Shows the five stages, what is being done, and each wait. Ends with the returned function. */
export function showProgress(client: RenewalClient, say: Say): () => void {
  const ends = [
    client.on("stage", ({ stage }) => say(`\n${stageLine(stage)}`)),
    client.on("activity", ({ activity }) => say(`   … ${ACTIVITIES[activity]}`)),
    client.on("waiting", ({ renewal, delayMs, error }) => {
      const due = renewal.due;
      const until = due ? `, due ${due.estimated ? "about " : ""}${due.at.toISOString()}` : "";
      const trouble = error ? ` (${error.message})` : "";
      say(`   … waiting ${(delayMs / 1000).toFixed(1)} s for the RA${until}${trouble}`);
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

function stageLine(now: Stage): string {
  const reached = STAGES.findIndex(([stage]) => stage === now);
  return STAGES.map(([, text], index) => {
    if (index < reached) return `✓ ${text}`;
    return index === reached ? `▶ ${text}` : `· ${text}`;
  }).join("   ");
}

/** The guide's business page. */
export function showOrder({ order, payment }: Renewal, say: Say): void {
  if (!order) return;
  const rows: readonly (readonly [string, string])[] = [
    ["业务单号 business number", order.businessNumber],
    ["证书主题 subject", order.subject],
    ["申请时间 applied at", order.appliedAt.toISOString()],
    ["费用 fee (without courier)", formatMoney(order.fee)],
    ["有效期至 valid until", order.validUntil.toISOString()],
    ["经办人 agent", order.agent],
    ["业务状态 business status", order.businessStatus],
    ["支付状态 payment status", payment?.status ?? "not-required"],
    ...order.transactions.map(
      ({ orderNumber, transactionType, transactionStatus }) =>
        [
          "订单编号 order number",
          `${orderNumber} (${transactionType}, ${transactionStatus})`,
        ] as const,
    ),
    ...order.lines.map(
      ({ name, unitPrice, quantity, subtotal }) =>
        [
          "费用 line",
          `${name}: ${formatMoney(unitPrice)} × ${quantity} = ${formatMoney(subtotal)}`,
        ] as const,
    ),
    ["总价 total", formatMoney(order.total)],
  ];
  for (const [name, value] of rows) say(`   ${name}: ${value}`);
}
