import { formatMoney, type Renewal } from "certrenew";
import { ORDER, ORDER_STATUS, PAPERS, STATUS, type Text } from "./texts.js";

/** What a page is written with. */
export interface Writing {
  text(text: Text): string;
  when(date: Date): string;
}

/** The guide's business and payment pages, a row each: 业务单号 to 总价, invoice and parcel. */
export function orderRows(
  { order, payment }: Pick<Renewal, "order" | "payment">,
  { text, when }: Writing,
): readonly (readonly [name: string, value: string])[] {
  if (!order) return [];
  const named = (names: Readonly<Record<string, Text>>, name: string) => {
    const known = names[name];
    return known ? text(known) : name;
  };
  const status = (name: string) => named(STATUS, name);
  const rows: (readonly [string, string])[] = [
    [text(ORDER.businessNumber), order.businessNumber],
    [text(ORDER.subject), order.subject],
    [text(ORDER.appliedAt), when(order.appliedAt)],
    [text(ORDER.fee), formatMoney(order.fee)],
    [text(ORDER.validUntil), when(order.validUntil)],
    [text(ORDER.agent), order.agent],
    [text(ORDER.businessStatus), status(order.businessStatus)],
    [text(ORDER.paymentStatus), status(payment?.status ?? "not-required")],
  ];
  if (order.remarks) rows.push([text(ORDER.remarks), order.remarks]);
  for (const each of order.transactions) {
    const states = [
      status(each.transactionType),
      status(each.transactionStatus),
      named(ORDER_STATUS, each.orderStatus),
      when(each.createdAt),
    ];
    rows.push([text(ORDER.orderNumber), `${each.orderNumber} (${states.join(", ")})`]);
  }
  for (const { name, unitPrice, quantity, subtotal } of order.lines) {
    rows.push([name, `${formatMoney(unitPrice)} × ${quantity} = ${formatMoney(subtotal)}`]);
  }
  rows.push([text(ORDER.total), formatMoney(order.total)]);
  for (const { type, number, status: state } of order.invoices) {
    const name = order.invoiceTypes.find(({ id }) => id === type)?.name ?? type;
    const parts = [name, number, named(PAPERS, state)].filter(Boolean);
    rows.push([text(ORDER.invoice), parts.join(", ")]);
  }
  for (const { contents, carrier, trackingNumber, status: state } of order.shipments) {
    const parts = [contents, carrier, trackingNumber, named(PAPERS, state)].filter(Boolean);
    rows.push([text(ORDER.shipment), parts.join(", ")]);
  }
  return rows;
}
