import type { OnlinePaymentInstruction } from "../core/domain/ledger.js";
import { formatMoney } from "../core/domain/money.js";
import type { Answer } from "./answers.js";
import { advance } from "./calendar.js";
import type { Office } from "./office.js";
import { findPayment, payOnline } from "./online-payments.js";
import type { Serial } from "./serial.js";

/** The simulated payment gateway: one page for each payment, for a browser or for curl. No money moves. */
export type Gateway = (method: "GET" | "POST", id: string) => Promise<Answer>;

export interface GatewayContext {
  readonly office: Office;
  readonly save: () => void;
  readonly serial: Serial;
}

/** GET shows the page; POST pays, once. */
export function createGateway({ office, save, serial }: GatewayContext): Gateway {
  return (method, id) =>
    serial(() => {
      if (advance(office)) save();
      const found = findPayment(office, id);
      if (!found) return page(404, "<p>There is no such payment. 没有此支付。</p>");
      const { application, payment } = found;
      if (method === "GET") return page(200, describe(office, payment));
      if (payment.status !== "open") return page(409, describe(office, payment));
      payOnline(office, application, { instructionId: payment.id });
      advance(office);
      save();
      // What a payment leads to may have taken its place: the page shows it as it is now.
      return page(200, describe(office, findPayment(office, id)?.payment ?? payment));
    });
}

const STATUS: Readonly<Record<OnlinePaymentInstruction["status"], string>> = {
  open: "Open 待支付",
  paid: "Paid 已支付",
  expired: "Expired 已过期",
  closed: "Closed 已关闭",
};

function describe({ state }: Office, payment: OnlinePaymentInstruction): string {
  const { amount, method, status, expiresAt, id } = payment;
  const name = state.policy.paymentMethods.find((one) => one.id === method)?.name ?? method;
  const rows = [
    ["Amount 金额", formatMoney(amount)],
    ["Method 支付方式", name],
    ["Payment 支付编号", id],
    ["Good until 有效期至", expiresAt.toISOString()],
    ["State 状态", STATUS[status]],
  ];
  const list = rows.map(
    ([term = "", value = ""]) => `<dt>${escapeHtml(term)}<dd>${escapeHtml(value)}`,
  );
  const button = status === "open" ? '<form method="post"><button>Pay 支付</button></form>' : "";
  return `<dl>${list.join("")}</dl>${button}`;
}

function page(status: number, content: string): Answer {
  const title = "Simulated payment gateway 模拟支付网关";
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    },
    body: [
      '<!doctype html><html lang="zh-CN"><meta charset="utf-8">',
      `<title>${title}</title><h1>${title}</h1>`,
      "<p>No money moves here. 演示环境,不会发生真实付款。</p>",
      `${content}</html>\n`,
    ].join("\n"),
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
