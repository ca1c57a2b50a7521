import { z } from "zod";
import { amountSchema, type Money } from "./money.js";
import { dateTime, identifier, shortText } from "./scalars.js";

/** 业务状态 */
export type BusinessStatus =
  /** 已录入 */
  | "recorded"
  | "under-review"
  | "returned"
  | "approved"
  | "issued"
  | "completed"
  | "refused"
  | "cancelled"
  | "lapsed";

/** One row of the guide's order table, 订单详情. */
export interface OrderTransaction {
  /** 订单编号 */
  readonly orderNumber: string;
  /** 交易类型; 消费 is `charge`, a refund is `refund`. */
  readonly transactionType: "charge" | "refund";
  /** 交易状态 */
  readonly transactionStatus: "unpaid" | "partial" | "paid" | "refund-due" | "refunded";
  /** 订单状态; 正常 is `normal`. */
  readonly orderStatus: "normal" | "closed";
  /** 创建时间 */
  readonly createdAt: Date;
}

/** 费用名称, 费用单价, 数量, 小计 */
export interface OrderLine {
  readonly name: string;
  readonly unitPrice: Money;
  readonly quantity: number;
  readonly subtotal: Money;
}

/** The account to which a bank transfer is made: 开户公司名称, 开户账号, 开户行. */
export interface Beneficiary {
  readonly name: string;
  readonly account: string;
  readonly bank: string;
}

/** The invoice for the fee, 发票. */
export interface Invoice {
  /** An `id` of {@link Order.invoiceTypes}. */
  readonly type: string;
  readonly amount: Money;
  /** `requested` with the payment, `issued` once the fee was received, `void` when it went back. */
  readonly status: "requested" | "issued" | "void";
  /** 发票号码 */
  readonly number?: string | undefined;
  readonly issuedAt?: Date | undefined;
}

/** A parcel by courier, 快递. */
export interface Shipment {
  readonly id: string;
  /** What is in it, for people. */
  readonly contents: string;
  readonly status: "preparing" | "shipped" | "delivered";
  readonly carrier?: string | undefined;
  readonly trackingNumber?: string | undefined;
  readonly shippedAt?: Date | undefined;
  readonly deliveredAt?: Date | undefined;
}

/** What the guide's business and payment pages show of one application. */
export interface Order {
  /** 业务单号 */
  readonly businessNumber: string;
  /** 证书主题 */
  readonly subject: string;
  /** 申请时间 */
  readonly appliedAt: Date;
  /** 费用(不包含快递费): without the courier's fee. */
  readonly fee: Money;
  /** 有效期至: the notAfter that the new certificate will have. */
  readonly validUntil: Date;
  /** 经办人 */
  readonly agent: string;
  /** 备注 */
  readonly remarks?: string | undefined;
  /** 业务状态 */
  readonly businessStatus: BusinessStatus;
  readonly transactions: readonly OrderTransaction[];
  readonly lines: readonly OrderLine[];
  /** 总价 */
  readonly total: Money;
  readonly beneficiaries: readonly Beneficiary[];
  /** 发票类型; 普通定额发票 is one. */
  readonly invoiceTypes: readonly { readonly id: string; readonly name: string }[];
  /** 在线支付: 银联在线, 支付宝. None: only bank transfers are taken. */
  readonly paymentMethods: readonly { readonly id: string; readonly name: string }[];
  readonly invoices: readonly Invoice[];
  readonly shipments: readonly Shipment[];
}

export const orderLineSchema = z.object({
  name: shortText,
  unitPrice: amountSchema,
  quantity: z.int().min(0).max(1000),
  subtotal: amountSchema,
});

export const orderSchema = z.object({
  businessNumber: shortText.min(1),
  subject: shortText,
  appliedAt: dateTime,
  fee: amountSchema,
  validUntil: dateTime,
  agent: shortText,
  remarks: shortText.optional(),
  businessStatus: z.enum([
    "recorded",
    "under-review",
    "returned",
    "approved",
    "issued",
    "completed",
    "refused",
    "cancelled",
    "lapsed",
  ]),
  transactions: z
    .array(
      z.object({
        orderNumber: shortText.min(1),
        transactionType: z.enum(["charge", "refund"]),
        transactionStatus: z.enum(["unpaid", "partial", "paid", "refund-due", "refunded"]),
        orderStatus: z.enum(["normal", "closed"]),
        createdAt: dateTime,
      }),
    )
    .max(200),
  lines: z.array(orderLineSchema).max(200),
  total: amountSchema,
  beneficiaries: z
    .array(z.object({ name: shortText, account: shortText, bank: shortText }))
    .max(20),
  invoiceTypes: z.array(z.object({ id: identifier, name: shortText })).max(20),
  paymentMethods: z
    .array(z.object({ id: identifier, name: shortText }))
    .max(20)
    .default([]),
  invoices: z
    .array(
      z.object({
        type: identifier,
        amount: amountSchema,
        status: z.enum(["requested", "issued", "void"]),
        number: shortText.optional(),
        issuedAt: dateTime.optional(),
      }),
    )
    .max(50)
    .default([]),
  shipments: z
    .array(
      z.object({
        id: identifier,
        contents: shortText,
        status: z.enum(["preparing", "shipped", "delivered"]),
        carrier: shortText.optional(),
        trackingNumber: shortText.optional(),
        shippedAt: dateTime.optional(),
        deliveredAt: dateTime.optional(),
      }),
    )
    .max(50)
    .default([]),
}) satisfies z.ZodType<Order, unknown>;
