import type { RenewalRecord } from "../record.js";
import { deriveState } from "../transitions.js";
import type { AbsentEvidence, Check } from "./collection.js";
import { type Bilingual, TITLE } from "./texts.js";

const INTRODUCTION: readonly Bilingual[] = [
  {
    en: `This archive holds what is left of one renewal of a certificate: what the registration authority (RA)
offered and received, what the holder signed, what was issued, and how it is known to be installed.
manifest.json says what each file is, and what is absent and why.`,
    zh: `本归档保存一次证书续期所留下的证据：注册机构（RA）的要约与回执、持有人签名的内容、签发的证书，
以及证明其已安装的材料。manifest.json 说明各文件的内容，以及缺少的文件及其原因。`,
  },
  {
    en: `The commands below are for a POSIX shell with OpenSSL 3.0 or later, in the folder into which the archive
was unpacked, in this order, without a network. Each ends with exit code 0, or has found something wrong.
Where there is no sha256sum, "shasum -a 256 -c SHA256SUMS" does the same.`,
    zh: `以下命令适用于 POSIX shell 与 OpenSSL 3.0 及以上版本，在解压后的文件夹中依次执行，无需联网。
退出码为 0 即通过，否则说明存在问题。没有 sha256sum 时，可用 "shasum -a 256 -c SHA256SUMS"。`,
  },
  {
    en: `What it rests on: trust/anchors.pem. Whoever can change this archive can change that file too, so compare
it with the CA's certificates from another source. Times are as the signers state them. Whether a
certificate was revoked is not looked at.`,
    zh: `一切验证以 trust/anchors.pem 为基础。能篡改本归档者亦能篡改该文件，因此请与从其他渠道取得的 CA 证书
核对。时间以签名者所述为准。未检查证书是否被吊销。`,
  },
];

/** README.txt: in English and Chinese, with the commands indented by four spaces. */
export function makeReadme(
  record: RenewalRecord,
  checks: readonly Check[],
  absent: readonly AbsentEvidence[],
): string {
  const steps: readonly Check[] = [
    { title: TITLE.whole, commands: ["sha256sum -c SHA256SUMS"] },
    { title: TITLE.folder, commands: ["mkdir -p opened"] },
    ...checks,
  ];
  const paragraphs = [
    "Evidence of a certificate renewal / 证书续期证据",
    [
      `Renewal / 续期: ${record.id}`,
      `State / 状态: ${deriveState(record)}`,
      `As of / 截至: ${record.updatedAt.toISOString()}`,
    ].join("\n"),
    ...INTRODUCTION.flatMap(({ en, zh }) => [en, zh]),
    ...steps.map(describe),
    ...(absent.length > 0 ? ["Absent / 缺少的文件", ...absent.map(describeAbsent)] : []),
  ];
  return `${paragraphs.join("\n\n")}\n`;
}

function describe({ title, commands }: Check, index: number): string {
  const heading = `${index + 1}. ${title.en}\n   ${title.zh}`;
  return [heading, ...commands.map((command) => `    ${command}`)].join("\n\n");
}

function describeAbsent({ name, about, reason }: AbsentEvidence): string {
  return `- ${name}: ${about.en}. ${reason.en}\n   ${about.zh}。${reason.zh}`;
}
