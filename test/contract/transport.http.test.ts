import { generateKeyPairSync } from "node:crypto";
import { createSandbox } from "certrenew/sandbox";
import { type TransportFixture, transportContract } from "certrenew/testing";
import { httpTransport } from "certrenew/transport/http";
import { describe, test } from "vitest";
import { softwareSigner } from "../../src/core/pki/software-signer.js";

const DAY_MS = 86_400_000;

const fixture: TransportFixture = {
  facets: ["online-payment", "attachments", "certification-requests", "look-up"],
  async create(wanted = {}) {
    const sandbox = await createSandbox({
      policy: { bookingDelayMs: null, reviewDelayMs: null, ...wanted },
    });
    const { baseUrl, trustAnchors, admin } = sandbox;
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const signer = softwareSigner(privateKey);
    const certificate = await sandbox.issue({
      spki: signer.spki,
      subject: { country: "CN", organisation: "示例科技有限公司", commonName: "张三" },
      notBefore: new Date(Date.now() - 700 * DAY_MS),
      notAfter: new Date(Date.now() + 30 * DAY_MS),
    });
    return {
      transport: httpTransport({ baseUrl, trustAnchors }),
      another: () => httpTransport({ baseUrl, trustAnchors }),
      previous: { ...signer, certificate },
      trustAnchors,
      form: {
        agent: "张三",
        mobile: "13800138000",
        email: "zhangsan@example.com",
        organisation: "示例科技有限公司",
        unifiedSocialCreditCode: "91440101MA5EXAMP0X",
      },
      desk: {
        async bookTransfers(renewalId) {
          const { progress } = await admin.application({ renewalId });
          for (const instruction of progress.payment?.instructions ?? []) {
            if (instruction.kind !== "bank-transfer" || instruction.status !== "declared") continue;
            for (const { amount } of instruction.remittances) {
              await admin.bookReceipt({ renewalId, amount, instructionId: instruction.id });
            }
          }
        },
        payOnline: (renewalId) => admin.payOnline({ renewalId }),
        approve: (renewalId) => admin.approve({ renewalId }),
        returnForCorrection: (renewalId, text) =>
          admin.returnForCorrection({ renewalId, reasons: [{ text }] }),
      },
      [Symbol.asyncDispose]: () => sandbox.close(),
    };
  },
};

describe("httpTransport and the sandbox", () => {
  for (const { name, run } of transportContract(fixture)) test(name, run);
});
