import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type {
  AwaitingPayment,
  Credential,
  Draft,
  PinRequest,
  ReadyToInstall,
  RenewalClient,
  TokenEvent,
} from "certrenew";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failureOf, inState } from "../lifecycle/world.js";
import { openssl } from "../support/openssl.js";
import { PIN } from "../support/softhsm.js";
import {
  applied,
  choice,
  FORM,
  fail,
  program,
  RECIPIENT,
  readFromToken,
  remittance,
  worldWithClerks,
  yuan,
} from "./holder.js";
import type { World } from "./world.js";

/**
 * 数字证书网上续期操作指引, from its first line to its last, on SoftHSM and the sandbox over loopback. Each test is a step of the
 * guide, and goes on where the one before it stopped. `docs/guide.md` tells which line is shown where.
 */

describe("the guide from its first step to its last", () => {
  let world: World;
  let client: RenewalClient;
  let credential: Credential;
  let draft: Draft;
  let unpaid: AwaitingPayment;
  let ready: ReadyToInstall;
  let validUntil: Date;
  const asked: PinRequest["reason"][] = [];

  beforeAll(async () => {
    world = await worldWithClerks();
    client = program(world, {
      pin: ({ reason }) => {
        asked.push(reason);
        return PIN;
      },
    });
  });

  afterAll(async () => {
    await client.close();
    await world[Symbol.asyncDispose]();
  });

  test("刷新: a Key that is plugged in shows up", async () => {
    world.hsm.removeTokens();
    expect(await client.credentials()).toEqual([]);
    const inserted = new Promise<TokenEvent>((resolve) => {
      client.watchTokens(resolve, { signal: AbortSignal.timeout(30_000) });
    });
    world.hsm.insertTokens();
    expect(await inserted).toMatchObject({ type: "inserted", token: { label: "E2E Token" } });
    expect(await client.credentials()).toHaveLength(1);
  });

  test("第2步: 证书主题, 证书有效期, 申请续期", async () => {
    [credential] = (await client.credentials()) as [Credential];
    const onToken = readFromToken(world, credential.signing.keyId);
    expect(credential.signing.subject).toBe("CN=张三,O=示例科技有限公司,C=CN");
    expect(credential.signing.notAfter).toEqual(new Date(onToken.validTo));
    expect(credential.eligibility).toEqual({ renewable: true, reasons: [], warnings: [] });
    expect(await client.progress(credential)).toBeUndefined();
    validUntil = new Date(onToken.validTo);
    validUntil.setUTCFullYear(validUntil.getUTCFullYear() + 2);
    draft = await client.start(credential);
    expect(draft.stage).toBe("application");
  });

  test("第3步: 我接受电子认证服务协议内容", async () => {
    const { agreement } = draft.offer;
    expect(agreement.text).toContain("电子认证服务协议");
    expect(openssl(["dgst", "-sha256", "-r"], agreement.text).toString()).toContain(
      agreement.sha256,
    );
    const another = { ...agreement, sha256: "0".repeat(64) };
    const error = await failureOf(draft.submit({ ...choice(draft), accept: another }));
    expect(error.code).toBe("ERR_AGREEMENT_MISMATCH");
    expect(await world.sandbox.admin.applications()).toEqual([]);
  });

  test("第4步: 选择要更新的年限, 填写申请信息, 注意事项", async () => {
    expect(draft.offer.terms.years).toMatchObject([
      { years: 1, total: yuan(100) },
      { years: 2, total: yuan(200), notAfter: validUntil },
    ]);
    expect(draft.offer.form.schema).toMatchObject({ title: "网上续期申请表" });
    expect(draft.offer.form.notes).toContainEqual({
      pointer: "/unifiedSocialCreditCode",
      text: "18 位,须与证书所载单位一致。",
    });
    const form = { ...FORM, mobile: "not a number" };
    const error = await failureOf(draft.submit({ ...choice(draft), form }));
    expect(error.code).toBe("ERR_FORM_INVALID");
    expect(error.problems).toMatchObject([{ pointer: "/mobile" }]);
    // 注意事项 5: whoever is stuck is told whom to call.
    expect(error.explain("zh-CN").hotline).toBe(draft.offer.support.hotline);
    expect(asked).toEqual([]);
  });

  test("第5步: 输入证书的密码, 提示缴费", async () => {
    unpaid = inState(await draft.submit(choice(draft)), "awaiting-payment");
    expect(asked).toEqual(["submit"]);
    expect(unpaid.stage).toBe("payment");
  });

  test("第6步: the payment page, 有效期至 to the second", () => {
    const { order, payment } = unpaid;
    expect(order).toMatchObject({
      businessNumber: expect.stringMatching(/^\d{17}$/),
      subject: "CN=张三,O=示例科技有限公司,C=CN",
      fee: yuan(200),
      validUntil,
      agent: "张三",
      remarks: "请尽快办理",
      paymentMethods: [
        { id: "unionpay", name: "银联在线" },
        { id: "alipay", name: "支付宝" },
      ],
    });
    expect(Math.abs(Date.now() - (order?.appliedAt.getTime() ?? 0))).toBeLessThan(120_000);
    expect(payment).toMatchObject({ status: "unpaid", open: true });
  });

  test("第7步: 业务信息, 订单详情, 费用明细, 发票类型, 开户账号", () => {
    const { order, payment } = unpaid;
    const { transactions, lines, total, beneficiaries, invoiceTypes, appliedAt } =
      order ?? fail("no order");
    expect([order?.businessStatus, payment?.status]).toEqual(["recorded", "unpaid"]);
    expect(transactions).toEqual([
      {
        orderNumber: expect.stringMatching(/^\d+$/),
        transactionType: "charge",
        transactionStatus: "unpaid",
        orderStatus: "normal",
        createdAt: appliedAt,
      },
    ]);
    const [unitPrice, subtotal] = [yuan(200), yuan(200)];
    expect(lines).toEqual([{ name: "数字证书服务费(2 年)", unitPrice, quantity: 1, subtotal }]);
    expect(total).toEqual(yuan(200));
    expect(invoiceTypes).toEqual([{ id: "quota", name: "普通定额发票" }]);
    expect(beneficiaries).toEqual([
      {
        name: "演示电子认证服务有限公司",
        account: "0000 0000 0000 0000 001",
        bank: "演示银行演示支行",
      },
    ]);
  });

  test("第7步: 银行转账, 保存, 添加更多银行转账信息, 关闭页面", async () => {
    const details = { recipient: RECIPIENT, invoice: "quota" };
    const part = await unpaid.payByBankTransfer({ ...details, remittances: [remittance(50)] });
    const saved = inState(part, "awaiting-payment");
    expect(saved.payment?.uncovered).toEqual(yuan(150));
    const rest = await saved.payByBankTransfer({ ...details, remittances: [remittance(150)] });
    expect(inState(rest, "awaiting-review").payment?.instructions).toMatchObject([
      { recipient: RECIPIENT, invoiceType: "quota", remittances: [remittance(50)] },
      { recipient: RECIPIENT, invoiceType: "quota", remittances: [remittance(150)] },
    ]);
    await client.close();
  });

  test("第8步: 1~3个工作日, 查询进度 at any time", async () => {
    const { admin } = world.sandbox;
    const { id: renewalId } = unpaid;
    await admin.bookReceipt({ renewalId, amount: yuan(200) });
    client = program(world, { guards: () => [DO_NOT_UNPLUG] });
    const waiting = inState(await client.progress(credential), "awaiting-review");
    expect(waiting.order?.businessStatus).toBe("under-review");
    expect(waiting.payment?.status).toBe("paid");
    expect(waiting.due?.estimated).toBe(true);
    expect(workingDaysBetween(new Date(), waiting.due?.at ?? fail("no date"))).toBe(3);
    await admin.approve({ renewalId });
    ready = inState(await client.progress(credential), "ready-to-install");
  });

  test("第9步: 安装证书, once 请不要拔掉Key is acknowledged", async () => {
    expect(ready.stage).toBe("installation");
    expect(ready.order).toMatchObject({ fee: yuan(200), validUntil, agent: "张三" });
    expect(ready.guards).toContainEqual({ from: "platform", ...DO_NOT_UNPLUG });
    const acknowledge = ready.guards.map(({ id }) => id);
    const without = acknowledge.filter((id) => id !== DO_NOT_UNPLUG.id);
    const error = await failureOf(ready.install({ acknowledge: without }));
    expect(error.code).toBe("ERR_GUARD_UNACKNOWLEDGED");
    expect(world.objects().certificates).toBe(1);
    const completed = await ready.install({ acknowledge });
    expect(completed.stage).toBe("completed");
    expect(completed.order?.businessStatus).toBe("completed");
  });

  test("第10步: 证书有效期已经延长", async () => {
    const [renewed, previous] = await client.credentials();
    expect(previous?.signing.sha256).toBe(credential.signing.sha256);
    expect(previous?.eligibility.reasons).toContain("already-renewed");
    const onToken = readFromToken(world, renewed?.signing.keyId ?? "");
    expect(new Date(onToken.validTo)).toEqual(validUntil);
    expect(renewed?.signing.notAfter).toEqual(validUntil);
    const chain = join(world.hsm.folder, "chain.pem");
    writeFileSync(chain, world.sandbox.chainPem);
    expect(openssl(["verify", "-CAfile", chain], onToken.toString()).toString()).toContain("OK");
    expect(world.objects()).toEqual({ certificates: 2, privateKeys: 2, publicKeys: 2 });
  });
});

describe("撤销申请", () => {
  test("第6步: on the payment page; the certificate can be applied for again", async () => {
    await using world = await worldWithClerks();
    await using client = program(world);
    const unpaid = await applied(client);
    const closed = await unpaid.cancel();
    expect(closed.reason).toBe("cancelled");
    expect(closed.order?.businessStatus).toBe("cancelled");
    const [credential] = await client.credentials();
    expect(credential?.eligibility.renewable).toBe(true);
    expect(world.objects().certificates).toBe(1);
  });

  test("第9步: on the installation page; what was paid goes back", async () => {
    await using world = await worldWithClerks();
    await using client = program(world);
    const { admin } = world.sandbox;
    const unpaid = await applied(client);
    const { id: renewalId } = unpaid;
    const opened = await unpaid.payOnline({ method: "unionpay", recipient: RECIPIENT });
    await admin.payOnline({ renewalId });
    await admin.approve({ renewalId });
    const ready = await inState(opened, "awaiting-payment").refresh();
    const closed = await inState(ready, "ready-to-install").cancel();
    expect(closed.payment?.status).toBe("refund-due");
    const [refund] = closed.payment?.refunds ?? [];
    expect(refund?.amount).toEqual(yuan(200));
    await admin.sendRefund({ renewalId, refundId: refund?.id ?? "" });
    expect((await closed.refresh()).payment?.status).toBe("refunded");
    expect(world.objects().certificates).toBe(1);
  });
});

test("注意事项 3: with several Keys plugged in it says so, and works on the right one", async () => {
  await using world = await worldWithClerks();
  world.hsm.initialise("Another Key");
  await using client = program(world);
  const [credential] = await client.credentials();
  expect(credential?.eligibility).toMatchObject({
    renewable: true,
    warnings: ["several-tokens"],
  });
  const unpaid = await applied(client);
  expect(unpaid.token.label).toBe("E2E Token");
  const list = (label: string) => world.hsm.pkcs11Tool("--token-label", label, "--list-objects");
  expect(list("E2E Token").split("Private Key Object")).toHaveLength(3);
  expect(list("Another Key")).not.toContain("Object");
});

const DO_NOT_UNPLUG = {
  id: "do-not-unplug",
  en: "Do not pull out the Key while the certificate is installed. Install it?",
  zh: "在安装证书的过程中,请不要拔掉 Key,您确定要安装证书吗?",
};

/** Monday to Friday in Shanghai, without the day on which it begins. */
function workingDaysBetween(from: Date, to: Date): number {
  const weekday = new Intl.DateTimeFormat("en", { weekday: "short", timeZone: "Asia/Shanghai" });
  let days = 0;
  for (let day = from.getTime() + 86_400_000; day <= to.getTime() + 3_600_000; day += 86_400_000) {
    if (!["Sat", "Sun"].includes(weekday.format(day))) days += 1;
  }
  return days;
}
