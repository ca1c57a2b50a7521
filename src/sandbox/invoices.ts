import { randomUUID } from "node:crypto";
import type { Recipient } from "../core/domain/ledger.js";
import type { Invoice, Shipment } from "../core/domain/order.js";
import type { Office } from "./office.js";
import { Refusal } from "./refusal.js";
import type { Application } from "./state.js";

/** 发票 and 快递: what the RA owes on paper, and how it travels. */

/** The last payment instruction says for whom and of which type, as long as none is issued. */
export function requestInvoice(application: Application, type: string, recipient: Recipient): void {
  const { invoices, ledger } = application;
  if (invoices.some(({ status }) => status === "issued")) return;
  const requested = invoices.find(({ status }) => status === "requested");
  if (requested) Object.assign(requested, { type, recipient });
  else invoices.push({ type, recipient, amount: ledger.total, status: "requested" });
}

/** Issues what was requested, and has it sent where that is the rule. Returns whether there was something. */
export function issueInvoice(office: Office, application: Application, at: Date): boolean {
  const invoice = application.invoices.find(({ status }) => status === "requested");
  if (!invoice) return false;
  const number = `FP${application.orderNumber}${application.invoices.length}`;
  Object.assign(invoice, { status: "issued", number, issuedAt: at });
  if (office.state.policy.shipsInvoices) {
    const contents = `发票 Invoice ${number}`;
    application.shipments.push({ id: randomUUID(), contents, status: "preparing" });
  }
  return true;
}

/** All goes back: an invoice over it is good for nothing. */
export function voidInvoices({ invoices, shipments }: Application): void {
  for (const invoice of invoices) invoice.status = "void";
  // What has not left yet, stays.
  for (const { id } of shipments.filter(({ status }) => status === "preparing")) {
    shipments.splice(
      shipments.findIndex((shipment) => shipment.id === id),
      1,
    );
  }
}

/** An amendment can change the price: what was invoiced is invoiced anew. */
export function reviseInvoices(application: Application): void {
  const { invoices, ledger } = application;
  const last = invoices.at(-1);
  if (!last || last.status === "void" || last.amount.amount === ledger.total.amount) return;
  const { type, recipient, status } = last;
  if (status === "requested") last.amount = ledger.total;
  else {
    voidInvoices(application);
    requestInvoice(application, type, recipient);
  }
}

/** A parcel that the RA hands to a courier. */
export interface Dispatch {
  readonly shipmentId: string;
  readonly carrier: string;
  readonly trackingNumber: string;
}

/** A parcel leaves. @throws Refusal when there is none that could */
export function ship(
  office: Office,
  application: Application,
  { shipmentId, carrier, trackingNumber }: Dispatch,
): void {
  const shipment = find(application, shipmentId, "preparing");
  const shippedAt = office.clock.now();
  Object.assign(shipment, { status: "shipped", carrier, trackingNumber, shippedAt });
}

/** A parcel has arrived. @throws Refusal when there is none under way */
export function deliver(office: Office, application: Application, shipmentId: string): void {
  const shipment = find(application, shipmentId, "shipped");
  Object.assign(shipment, { status: "delivered", deliveredAt: office.clock.now() });
}

/** As the applicant sees them. */
export function shownInvoices({ invoices }: Application): readonly Invoice[] {
  return invoices.map(({ recipient: _, ...invoice }) => invoice);
}

function find({ shipments }: Application, id: string, status: Shipment["status"]) {
  const shipment = shipments.find((one) => one.id === id && one.status === status);
  if (shipment) return shipment;
  throw new Refusal("ERR_ARGUMENT", `there is no shipment with this id that is ${status}`, {
    status: 404,
  });
}
