/** The same text in both languages. */
export interface Bilingual {
  readonly en: string;
  readonly zh: string;
}

/** What each file is. */
export const ABOUT = {
  readme: {
    en: "What this archive is, and how to verify it",
    zh: "本归档的内容与验证方法",
  },
  anchors: {
    en: "The CA certificates that the holder's program trusts; everything else is verified up to these",
    zh: "持有人程序所信任的 CA 证书；其余证书均验证至此",
  },
  intermediates: {
    en: "CA certificates between the anchors and the other certificates; not trusted by themselves",
    zh: "信任锚与其他证书之间的中间 CA 证书；其本身不被信任",
  },
  previous: { en: "The certificate that is renewed", zh: "被续期的证书" },
  previousEncryption: {
    en: "The encryption certificate beside it on the token",
    zh: "同一介质上的加密证书",
  },
  renewed: { en: "The certificate that was issued", zh: "签发的新证书" },
  renewedEncryption: {
    en: "The encryption certificate that was issued beside it",
    zh: "同时签发的新加密证书",
  },
  signer: { en: "The certificate of who signed a message here", zh: "某一消息签名者的证书" },
  offer: {
    en: "The RA's offer as the RA signed it (CMS SignedData around JSON)",
    zh: "注册机构签名的要约（CMS SignedData，内容为 JSON）",
  },
  unsignedOffer: {
    en: "The RA's offer as the holder's program has it (JSON, not signed)",
    zh: "持有人程序所保存的要约（JSON，未签名）",
  },
  agreement: {
    en: "The agreement (电子认证服务协议) that came with the offer, byte for byte as its hash is taken",
    zh: "要约所附的电子认证服务协议原文，逐字节与其哈希一致",
  },
  proofStatement: {
    en: "What the new key signed on the token after the installation (JSON)",
    zh: "安装后新密钥在介质上所签的声明（JSON）",
  },
  proofSignature: {
    en: "The new key's signature over that statement",
    zh: "新密钥对该声明的签名",
  },
  publicKey: { en: "The public key of the new certificate", zh: "新证书的公钥" },
  confirmation: {
    en: "The confirmation that the new certificate is installed, signed by the new key (CMS SignedData)",
    zh: "新密钥签名的安装确认（CMS SignedData）",
  },
  confirmationReceipt: {
    en: "The RA's signed receipt for the confirmation (CMS SignedData)",
    zh: "注册机构对安装确认的签名回执（CMS SignedData）",
  },
  continuity: {
    en: "The continuity statement: a message of the old key, signed by the new key (CMS SignedData around CMS SignedData)",
    zh: "承继声明：旧密钥签名的消息，再由新密钥签名（两层 CMS SignedData）",
  },
  request: {
    en: "The certification request (PKCS#10), signed by the key that it is for",
    zh: "证书请求（PKCS#10），由所申请的密钥签名",
  },
  encryptionRequest: {
    en: "The certification request (PKCS#10) for the encryption certificate",
    zh: "加密证书的证书请求（PKCS#10）",
  },
  replacedRequest: {
    en: "A certification request (PKCS#10) in whose place another one was handed in",
    zh: "已被另一证书请求取代的证书请求（PKCS#10）",
  },
  laterRequest: {
    en: "A further certification request (PKCS#10), which the RA is not known to have",
    zh: "另一证书请求（PKCS#10），尚不知注册机构是否收到",
  },
  laterEncryptionRequest: {
    en: "The same for the encryption certificate",
    zh: "同上，用于加密证书",
  },
} satisfies Record<string, Bilingual>;

export const aboutApplication = (revision: number): Bilingual => ({
  en: `The application, revision ${revision}, signed by the old key (CMS SignedData around JSON)`,
  zh: `申请（第 ${revision} 版），由旧密钥签名（CMS SignedData，内容为 JSON）`,
});

export const aboutReceipt = (revision: number): Bilingual => ({
  en: `The RA's signed receipt for revision ${revision} of the application (CMS SignedData)`,
  zh: `注册机构对申请（第 ${revision} 版）的签名回执（CMS SignedData）`,
});

export const aboutHandedIn = (number: number, reason: string): Bilingual => ({
  en: `The statement, signed by the old key, with which a certification request was handed in after the application (${number}: ${reason}; CMS SignedData around JSON)`,
  zh: `申请之后提交证书请求的声明，由旧密钥签名（第 ${number} 次：${reason}；CMS SignedData，内容为 JSON）`,
});

export const aboutHandedInReceipt = (number: number): Bilingual => ({
  en: `The RA's signed receipt for it (${number}; CMS SignedData)`,
  zh: `注册机构对该证书请求的签名回执（第 ${number} 次；CMS SignedData）`,
});

export const aboutReasons = (revision: number): Bilingual => ({
  en: `Why the RA gave revision ${revision} back (JSON, not signed)`,
  zh: `注册机构退回第 ${revision} 版的原因（JSON，未签名）`,
});

export const aboutAttachment = (sha256: string): Bilingual => ({
  en: `A document that was handed in with the application; its SHA-256 is ${sha256}`,
  zh: `随申请提交的文件，其 SHA-256 为 ${sha256}`,
});

/** Why something is not there. */
export const REASON = {
  notYet: { en: "The renewal has not come this far.", zh: "续期尚未进行到这一步。" },
  over: { en: "The renewal ended before.", zh: "续期在此之前已结束。" },
  notSigned: {
    en: "The RA, or the way it is reached, gives no signed one.",
    zh: "注册机构或其接入方式不提供签名。",
  },
  atInstallation: {
    en: "By the terms it is made when the certificate is installed.",
    zh: "按约定在安装证书时生成。",
  },
  encryptionKept: {
    en: "The encryption certificate stays as it is.",
    zh: "加密证书保持不变。",
  },
  oldKeyGone: {
    en: "The old key was not on the token any more.",
    zh: "旧密钥已不在介质上。",
  },
  withHolder: {
    en: "Documents stay with the holder and the RA. Its SHA-256 stands in the application.",
    zh: "文件由持有人与注册机构保存；其 SHA-256 载于申请中。",
  },
} satisfies Record<string, Bilingual>;

/** What a command shows. */
export const TITLE = {
  whole: {
    en: "The files are those of the manifest.",
    zh: "各文件与清单一致。",
  },
  folder: {
    en: "A folder for what the commands take out of signed messages.",
    zh: "新建文件夹，存放各命令从签名消息中取出的内容。",
  },
  chain: (name: string, at: Date): Bilingual => ({
    en: `${name} leads to a trust anchor, as of ${at.toISOString()}.`,
    zh: `${name} 可验证至信任锚（时间 ${at.toISOString()}）。`,
  }),
  noChain: (name: string, problem: string): Bilingual => ({
    en: `Not shown: ${name} does not lead to a trust anchor of this archive (${problem}).`,
    zh: `未能证明：${name} 无法验证至本归档的信任锚（${problem}）。`,
  }),
  authority: (name: string): Bilingual => ({
    en: `${name} is a registration authority's (extended key usage id-kp-cmcRA, RFC 6402).`,
    zh: `${name} 是注册机构的证书（扩展密钥用法 id-kp-cmcRA，RFC 6402）。`,
  }),
  noAuthority: (name: string): Bilingual => ({
    en: `Not shown: ${name} does not say that it is a registration authority's (id-kp-cmcRA, RFC 6402).`,
    zh: `未能证明：${name} 未表明其为注册机构的证书（id-kp-cmcRA，RFC 6402）。`,
  }),
  signed: (name: string, signer: string): Bilingual => ({
    en: `${name} is signed by the key of ${signer}.`,
    zh: `${name} 由 ${signer} 的密钥签名。`,
  }),
  unverified: (name: string): Bilingual => ({
    en: `Not shown: ${name} is not a CMS SignedData with one valid signature.`,
    zh: `未能证明：${name} 不是带有一个有效签名的 CMS SignedData。`,
  }),
  names: (name: string, target: string): Bilingual => ({
    en: `${name} names ${target} by its SHA-256.`,
    zh: `${name} 以 SHA-256 指明 ${target}。`,
  }),
  doesNotName: (name: string, target: string): Bilingual => ({
    en: `Not shown: ${name} does not name ${target} by its SHA-256.`,
    zh: `未能证明：${name} 未以 SHA-256 指明 ${target}。`,
  }),
  possession: (name: string): Bilingual => ({
    en: `${name} is signed by the key that it is for.`,
    zh: `${name} 由所申请的密钥签名。`,
  }),
  sameKey: (name: string, key: string): Bilingual => ({
    en: `${name} is for the key in ${key}.`,
    zh: `${name} 的公钥即 ${key}。`,
  }),
  signature: (signature: string, statement: string): Bilingual => ({
    en: `${signature} is a signature of that key over ${statement}.`,
    zh: `${signature} 是该密钥对 ${statement} 的签名。`,
  }),
};
