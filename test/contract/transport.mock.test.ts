import { generateKeyPairSync } from "node:crypto";
import { type TransportFixture, transportContract } from "certrenew/testing";
import { mockTransport } from "certrenew/transport/mock";
import { describe, test } from "vitest";
import { softwareSigner } from "../../src/core/pki/software-signer.js";

const fixture: TransportFixture = {
  async create() {
    const transport = mockTransport({ bank: "manual", review: "manual" });
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const signer = softwareSigner(privateKey);
    const { desk } = transport;
    return {
      transport,
      previous: { ...signer, certificate: transport.issue({ spki: signer.spki }) },
      trustAnchors: transport.trustAnchors,
      form: {
        agent: "张三",
        mobile: "13800138000",
        email: "zhangsan@example.com",
        organisation: "示例科技有限公司",
        unifiedSocialCreditCode: "91440101MA5EXAMP0X",
      },
      desk: {
        bookTransfers: async (renewalId) => desk.book(renewalId),
        approve: async (renewalId) => desk.approve(renewalId),
        returnForCorrection: async (renewalId, text) => desk.return(renewalId, [{ text }]),
      },
      [Symbol.asyncDispose]: async () => {},
    };
  },
};

describe("mockTransport", () => {
  for (const { name, run } of transportContract(fixture)) test(name, run);
});
