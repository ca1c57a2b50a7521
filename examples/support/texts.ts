import type { Activity, Language, Stage } from "certrenew";

/** One text in the languages that the examples speak. */
export interface Text {
  readonly en: string;
  readonly zh: string;
}

export function inLanguage(language: Language, text: Text): string {
  return language === "zh-CN" ? text.zh : text.en;
}

/** The guide's five stages, in their order. */
export const STAGES: readonly (readonly [Stage, Text])[] = [
  ["application", { en: "application", zh: "用户申请" }],
  ["payment", { en: "payment", zh: "用户缴费" }],
  ["review", { en: "review", zh: "管理员审核" }],
  ["installation", { en: "installation", zh: "安装新证书" }],
  ["completed", { en: "completed", zh: "完成" }],
];

export const ACTIVITIES: Readonly<Record<Activity, Text>> = {
  "checking-token": { en: "looking for the token", zh: "正在查找 Key" },
  "asking-pin": { en: "asking for the PIN", zh: "正在询问密码" },
  unlocking: { en: "opening the token", zh: "正在打开 Key" },
  "generating-key-pair": { en: "making a key pair on the token", zh: "正在 Key 内生成密钥对" },
  signing: { en: "signing on the token", zh: "正在用 Key 签名" },
  uploading: { en: "uploading documents to the RA", zh: "正在向注册机构上传附件" },
  sending: { en: "sending to the RA", zh: "正在发送给注册机构" },
  "asking-outcome": {
    en: "asking the RA what became of a request",
    zh: "正在向注册机构核实请求结果",
  },
  collecting: { en: "collecting the new certificate", zh: "正在领取新证书" },
  verifying: { en: "verifying what was issued", zh: "正在核验所签发的证书" },
  writing: { en: "writing it beside the old one", zh: "正在写入新证书(旧证书保留)" },
  proving: {
    en: "reading back and signing with the new key, in a fresh process",
    zh: "正在新进程中回读证书并以新密钥签名验证",
  },
  confirming: { en: "confirming to the RA", zh: "正在向注册机构确认" },
  rebinding: { en: "having platforms bind the new certificate", zh: "正在向各平台重新绑定新证书" },
};

/** The guide's business page. */
export const ORDER = {
  title: { en: "Order", zh: "业务详情" },
  businessNumber: { en: "business number", zh: "业务单号" },
  subject: { en: "subject", zh: "证书主题" },
  appliedAt: { en: "applied at", zh: "申请时间" },
  fee: { en: "fee (without courier)", zh: "费用(不包含快递费)" },
  validUntil: { en: "valid until", zh: "有效期至" },
  agent: { en: "agent", zh: "经办人" },
  businessStatus: { en: "business status", zh: "业务状态" },
  paymentStatus: { en: "payment status", zh: "支付状态" },
  orderNumber: { en: "order number", zh: "订单编号" },
  total: { en: "total", zh: "总价" },
  remarks: { en: "remarks", zh: "备注" },
  invoice: { en: "invoice", zh: "发票" },
  shipment: { en: "parcel", zh: "快递" },
} as const satisfies Record<string, Text>;

/** 业务状态, 支付状态, 交易类型 and 交易状态; one that is not here is shown as it is. */
export const STATUS: Readonly<Record<string, Text>> = {
  recorded: { en: "recorded", zh: "已录入" },
  "under-review": { en: "under review", zh: "审核中" },
  returned: { en: "returned", zh: "已退回" },
  approved: { en: "approved", zh: "审核通过" },
  issued: { en: "issued", zh: "已签发" },
  completed: { en: "completed", zh: "已完成" },
  refused: { en: "refused", zh: "审核不通过" },
  cancelled: { en: "cancelled", zh: "已撤销" },
  lapsed: { en: "lapsed", zh: "已失效" },
  "not-required": { en: "not required", zh: "无需支付" },
  unpaid: { en: "unpaid", zh: "未支付" },
  partial: { en: "paid in part", zh: "部分支付" },
  paid: { en: "paid", zh: "已支付" },
  "refund-due": { en: "refund due", zh: "待退款" },
  refunded: { en: "refunded", zh: "已退款" },
  charge: { en: "charge", zh: "消费" },
  refund: { en: "refund", zh: "退款" },
};

/** 订单状态 */
export const ORDER_STATUS: Readonly<Record<string, Text>> = {
  normal: { en: "normal", zh: "正常" },
  closed: { en: "closed", zh: "已关闭" },
};

/** How far invoices and parcels are. */
export const PAPERS: Readonly<Record<string, Text>> = {
  requested: { en: "to be issued", zh: "待开具" },
  issued: { en: "issued", zh: "已开具" },
  void: { en: "void", zh: "已作废" },
  preparing: { en: "being prepared", zh: "待寄出" },
  shipped: { en: "on its way", zh: "已寄出" },
  delivered: { en: "delivered", zh: "已签收" },
};

/** What a certificate that cannot be renewed is told, and why; the names are those of `IneligibilityReason`. */
export const INELIGIBLE: Readonly<Record<string, Text>> = {
  expired: { en: "expired", zh: "已过期" },
  "not-yet-valid": { en: "not valid yet", zh: "尚未生效" },
  "no-private-key": { en: "its private key is not on the token", zh: "Key 中没有对应的私钥" },
  "unsupported-algorithm": { en: "its algorithm is not supported", zh: "不支持其算法" },
  "renewal-in-progress": { en: "its renewal is under way", zh: "续期办理中" },
  "already-renewed": { en: "renewed already", zh: "已续期" },
  "pin-locked": { en: "the PIN is locked", zh: "密码已锁定" },
};

export const WORDS = {
  renewable: { en: "can be renewed", zh: "可以续期" },
  until: { en: "until", zh: "有效期至" },
  yes: { en: "yes", zh: "是" },
  no: { en: "no", zh: "否" },
  due: { en: "due", zh: "预计完成" },
  about: { en: "about ", zh: "约 " },
  waiting: { en: "waiting for the RA", zh: "等待注册机构" },
  reasons: { en: "Returned for correction", zh: "退回更正" },
  mock: {
    en: "No SoftHSM token here. A mock takes its place: ",
    zh: "此处没有 SoftHSM,以模拟 Key 代替:",
  },
} as const satisfies Record<string, Text>;
