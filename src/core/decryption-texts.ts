/** Every outcome of `canDecrypt`, with its answer and what it says to a person. `{token}` is the label of a token. */
const DECRYPTION_REASONS = {
  opened: {
    answer: "yes",
    en: "The key on the token {token} opened it just now.",
    zh: "USB Key“{token}”上的密钥刚刚成功解密了该文件的密钥,文件可以打开。",
  },
  "key-present": {
    answer: "yes",
    en: "The key for it is on the token {token}.",
    zh: "对应的密钥就在 USB Key“{token}”上,文件可以打开。",
  },
  "pin-needed": {
    answer: "unknown",
    en: "It is addressed to a certificate of the token {token}. Whether the key is still there shows only after the PIN.",
    zh: "文件是用 USB Key“{token}”的证书加密的;输入 PIN 码之后才能确认对应的密钥是否仍在。",
  },
  "token-away": {
    answer: "unknown",
    en: "It is addressed to a certificate of the token {token}, which is not plugged in.",
    zh: "文件是用 USB Key“{token}”的证书加密的,但该 USB Key 没有插入。",
  },
  "no-token": {
    answer: "unknown",
    en: "No token is plugged in.",
    zh: "没有插入 USB Key。",
  },
  "not-tried": {
    answer: "unknown",
    en: "The key for it is on the token {token}, which does not let it decrypt in the way that this file needs.",
    zh: "对应的密钥在 USB Key“{token}”上,但该 USB Key 不支持以此文件所用的方式解密。",
  },
  "other-recipients": {
    answer: "unknown",
    en: "It is addressed to no certificate of these tokens, but can also be opened in a way that cannot be checked here, such as by a password.",
    zh: "文件不是用这些 USB Key 的证书加密的,但还可以用此处无法检查的方式(例如口令)打开。",
  },
  "not-opened": {
    answer: "no",
    en: "The key on the token {token} does not open it: it is damaged, or was encrypted to another key.",
    zh: "USB Key“{token}”上的密钥无法解密该文件:文件已损坏,或是用其他密钥加密的。",
  },
  "key-gone": {
    answer: "no",
    en: "It is addressed to a certificate of the token {token}, but the key is no longer there.",
    zh: "文件是用 USB Key“{token}”的证书加密的,但对应的密钥已不在其中,文件无法打开。",
  },
  "not-addressed": {
    answer: "no",
    en: "It is addressed to no certificate of the tokens plugged in.",
    zh: "文件不是用已插入的 USB Key 的证书加密的,无法打开。",
  },
} as const satisfies Record<string, { answer: "yes" | "no" | "unknown"; en: string; zh: string }>;

/** Why an envelope can be opened, cannot, or why that is not known. */
export type DecryptionReason = keyof typeof DECRYPTION_REASONS;

export function explainDecryption(
  reason: DecryptionReason,
  token = "",
): { readonly answer: "yes" | "no" | "unknown"; readonly en: string; readonly zh: string } {
  const { answer, en, zh } = DECRYPTION_REASONS[reason];
  const named = (text: string) => text.replaceAll("{token}", () => token);
  return { answer, en: named(en), zh: named(zh) };
}
