import type { Guard } from "../core/domain/offer.js";
import type { Beneficiary } from "../core/domain/order.js";
import type { JsonObject } from "../core/domain/scalars.js";

/** What the sandbox's RA shows to people: invented, and recognisable as such. */

export const DEMONSTRATION_AGREEMENT = {
  version: "demo-1",
  title: "电子认证服务协议(演示)",
  text: [
    "电子认证服务协议(演示文本)",
    "",
    "本协议仅用于软件开发与演示,不构成任何真实的电子认证服务承诺。",
    "一、申请人应如实填写申请信息,并对所持 Key 及其密码妥善保管。",
    "二、续期后证书的序列号与指纹将发生变化;绑定了原证书的平台、印章须重新绑定。",
    "三、以原证书加密的文件,须以原证书对应的私钥解密;续期不会删除该私钥。",
    "四、审核前撤销申请的,已缴费用原路退还;证书签发后不予退还。",
    "五、勾选接受即表示申请人已阅读并同意上述内容。",
    "",
  ].join("\n"),
} as const;

/** 网上续期申请表. Draft 7; its patterns need linear time only. */
export const DEMONSTRATION_FORM_SCHEMA: JsonObject = {
  $schema: "http://json-schema.org/draft-07/schema#",
  type: "object",
  title: "网上续期申请表",
  additionalProperties: false,
  required: ["agent", "mobile", "email", "organisation", "unifiedSocialCreditCode"],
  properties: {
    agent: { type: "string", title: "经办人", minLength: 1, maxLength: 40 },
    mobile: { type: "string", title: "手机", pattern: "^1[3-9][0-9]{9}$" },
    email: { type: "string", title: "电子邮箱", format: "email", maxLength: 120 },
    organisation: { type: "string", title: "单位名称", minLength: 1, maxLength: 100 },
    // GB 32100-2015: 18 characters, without I, O, S, V and Z.
    unifiedSocialCreditCode: {
      type: "string",
      title: "统一社会信用代码",
      pattern: "^[0-9A-HJ-NPQRTUWXY]{18}$",
    },
    remarks: { type: "string", title: "备注", maxLength: 200 },
  },
};

export const DEMONSTRATION_FORM_NOTES = [
  { pointer: "/agent", text: "请填写实际办理续期的人员姓名。" },
  { pointer: "/mobile", text: "审核结果将以短信发送至此手机(演示环境不会发送)。" },
  { pointer: "/unifiedSocialCreditCode", text: "18 位,须与证书所载单位一致。" },
] as const;

export const DEMONSTRATION_GUARDS: readonly Guard[] = [
  {
    id: "open-bids",
    en: "Bids that are encrypted to the present certificate and not opened yet must be uploaded again after the renewal. Go on?",
    zh: "以现有证书加密且尚未开标的投标文件,续期后须重新上传。是否继续?",
  },
];

export const DEMONSTRATION_BENEFICIARY: Beneficiary = {
  name: "演示电子认证服务有限公司",
  account: "0000 0000 0000 0000 001",
  bank: "演示银行演示支行",
};

export const DEMONSTRATION_PAYMENT_METHODS = [
  { id: "unionpay", name: "银联在线" },
  { id: "alipay", name: "支付宝" },
] as const;

export const DEMONSTRATION_SUPPORT = {
  hotline: "400-000-0000",
  counter: "演示市演示路 1 号 营业厅",
} as const;
