import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { describedExamples, exampleNames } from "../../scripts/lib/examples.mjs";
import { ERROR_CATALOGUE } from "../../src/core/errors.js";
import { root } from "../support/run.js";
import { readPage } from "./pages.js";

/** docs/guide.md is true: nothing of the guide is left out, every call exists, and every link shows what it says. */

/** The words of 数字证书网上续期操作指引, in its order: prerequisites, steps, columns, buttons, notes. */
const WORDS = `
  条件1 营业厅 条件2 网证通安全客户端
  第1步 主页 我的证书 证书续期 驱动安装 刷新 第2步 证书主题 证书有效期 申请续期 查询进度
  第3步 我接受电子认证服务协议内容 下一步 第4步 选择要更新的年限 填写申请信息 填写的注意事项 网上续期申请表 第5步 输入证书的密码
  将提示您进行缴费 第6步 用户申请 用户缴费 管理员审核 安装新证书 完成 业务单号 申请时间 当前进度 费用(不包含快递费) 有效期至 经办人 备注
  撤销申请 立即支付 请选择缴费方式 第7步 业务状态 已录入 支付状态 未支付 收件人姓名 收件人手机 收件人地址
  订单编号 交易类型 消费 交易状态 订单状态 正常 创建时间 业务费用 费用名称 费用单价 数量 小计 总价
  发票类型 普通定额发票 开户公司名称 开户账号 开户行 添加更多银行转账信息 付款账号 付款账户名 转账金额 付款日期 备注说明
  保存 关闭页面 在线支付 银联在线 支付宝 柜台 网银
  第8步 1~3个工作日 注意事项 超过有效期 插入Key后 只插入一个Key 请不要插拔Key 客服
  第9步 可以安装证书 请不要拔掉Key 程序版本号 第10步 有效期已经延长
`;

/** What the expressions of the page speak of. */
const PREAMBLE = `
import { createSandbox } from "certrenew/sandbox";
import type * as api from "certrenew";
import { diagnose, locate } from "certrenew/drivers/pkcs11";
declare const sandbox: Awaited<ReturnType<typeof createSandbox>>;
declare const client: api.RenewalClient;
declare const options: api.RenewalClientOptions;
declare const credential: api.Credential;
declare const draft: api.Draft;
declare const unpaid: api.AwaitingPayment;
declare const waiting: api.AwaitingReview;
declare const ready: api.ReadyToInstall;
declare const completed: api.Completed;
declare const closed: api.Closed;
declare const renewal: api.Renewal;
declare const order: api.Order;
declare const transaction: api.OrderTransaction;
declare const line: api.OrderLine;
declare const payment: api.PaymentView;
declare const remittance: api.Remittance;
declare const remittances: readonly api.Remittance[];
declare const recipient: api.Recipient;
declare const error: api.RenewalError;
declare const accept: api.Agreement;
declare const form: api.JsonObject;
declare const acknowledge: readonly string[];
declare const [id, renewalId, invoice, method]: [string, string, string, string];
declare const years: number;
declare const signal: AbortSignal;
declare const choose: api.RenewOptions["choose"];
declare const pay: api.RenewOptions["pay"];
declare function listener(event: unknown): void;
void [sandbox, diagnose, locate];
`;

interface Row {
  readonly line: string;
  readonly calls: readonly string[];
  readonly links: readonly { readonly text: string; readonly file: string }[];
}

const page = readPage("docs/guide.md");
const rows: readonly Row[] = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| the guide "))
  .map((line) => {
    const [guide = "", calls = "", shown = ""] = line.slice(2, -2).split(" | ");
    return {
      line: guide,
      calls: [...calls.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code),
      links: [...shown.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, text = "", target = ""]) => ({
        text,
        file: posix.join("docs", target),
      })),
    };
  });

test("has every line of the guide", () => {
  const told = rows.map(({ line }) => line).join("\n");
  const missing = WORDS.trim()
    .split(/\s+/)
    .filter((word) => !told.includes(word));
  expect(missing).toEqual([]);
});

test("every call exists on the published API", () => {
  const calls = [...new Set(rows.flatMap((row) => row.calls))].filter(
    (call) => !call.startsWith("npm "),
  );
  const codes = calls.filter((call) => call.startsWith("ERR_"));
  expect(codes.filter((code) => !Object.hasOwn(ERROR_CATALOGUE, code))).toEqual([]);
  const expressions = calls.filter((call) => !call.startsWith("ERR_"));
  expect(expressions.length).toBeGreaterThan(40);
  expect(problemsIn(expressions)).toEqual([]);
});

test("every line leads to an example that is run, or to a test of that name", () => {
  const carried = rows.filter(({ links }) => links.length > 0);
  expect(carried.length).toBeGreaterThan(40);
  const runs = ["examples", "quickstart", "diagnose", "readme"]
    .map((name) => readFileSync(join(root, `test/docs/${name}.test.ts`), "utf8"))
    .join("\n");
  const broken = carried
    .flatMap(({ links }) => links)
    .filter(({ text, file }) => {
      const name = text.replaceAll("`", "");
      if (file.startsWith("examples/")) {
        const built = file.replace(/^examples\/(.*)\.ts$/, "$1");
        const isNamed = [name, `${name}/index`].includes(built);
        const [folder = "", main] = built.split("/");
        return (
          !isNamed || !(runs.includes(`${built}.js`) || (main && runs.includes(`"${folder}"`)))
        );
      }
      return !namesOfTests(file).some((title) => title.startsWith(name));
    });
  expect(broken).toEqual([]);
});

test("only what no library can carry has no example and no test", () => {
  const [carried = "", notCarried = ""] = page.split("## What a library cannot carry");
  const lines = (part: string) => rows.filter(({ line }) => part.includes(`| ${line} |`));
  expect(lines(carried).filter(({ links }) => links.length === 0)).toEqual([]);
  expect(lines(notCarried)).toHaveLength(6);
});

test.each(["README.md", "README.zh-CN.md"] as const)("%s lists the examples", (readme) => {
  const described = describedExamples(readme);
  expect(described.map(([name]) => name).sort()).toEqual(exampleNames());
});

function namesOfTests(file: string): readonly string[] {
  const source = readFileSync(join(root, file), "utf8");
  return [...source.matchAll(/\b(?:test|describe)[\w.]*\(\s*"([^"]+)"/g)].map(
    ([, name = ""]) => name,
  );
}

/** Compiles the expressions against the declarations that are published; tells which are wrong, and how. */
function problemsIn(expressions: readonly string[]): readonly string[] {
  const folder = join(root, "build", "guide");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "calls.ts");
  const before = PREAMBLE.split("\n").length;
  writeFileSync(file, [PREAMBLE, ...expressions.map((code) => `void (${code});`), ""].join("\n"));
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const options = { ...config.compilerOptions, paths: {}, noUnusedLocals: false };
  const parsed = ts.convertCompilerOptionsFromJson(options, root);
  const program = ts.createProgram([file], parsed.options);
  return ts.getPreEmitDiagnostics(program).map(({ file: source, start = 0, messageText }) => {
    const line = source?.getLineAndCharacterOfPosition(start).line ?? 0;
    const message = ts.flattenDiagnosticMessageText(messageText, " ");
    return `${expressions[line - before] ?? "the preamble"}: ${message}`;
  });
}
