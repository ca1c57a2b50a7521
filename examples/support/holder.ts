import type { AwaitingPayment, BankTransfer, JsonObject, Recipient } from "certrenew";

/** 网上续期申请表 as the sandbox wants it. */
export const form: JsonObject = {
  agent: "张三",
  mobile: "13800138000",
  email: "zhangsan@example.com",
  organisation: "示例科技有限公司",
  unifiedSocialCreditCode: "91440101MA5EXAMP0X",
};

/** 收件人信息: where the invoice goes. */
export const recipient: Recipient = {
  name: "张三",
  mobile: "13800138000",
  address: "示例市示例路 1 号",
};

/** The transfer that the holder made at the bank: here, all that is still to be paid. */
export function transferOf({
  payment,
  order,
}: Pick<AwaitingPayment, "payment" | "order">): BankTransfer {
  if (!payment || !order) throw new Error("there is nothing to pay");
  return {
    recipient,
    invoice: order.invoiceTypes[0]?.id,
    remittances: [
      {
        payerAccount: "6222000000000000",
        payerName: "示例科技有限公司",
        amount: payment.uncovered,
        paidOn: new Date().toISOString().slice(0, 10),
      },
    ],
  };
}
