import { describe, expect, it } from "vitest";
import { offeredQuestions } from "../../../src/core/guards.js";
import { issue, keyUsage, type TestExtension } from "../../support/certificates.js";
import { root, sampleOffer, sampleRecord } from "./samples.js";

const [SIGNATURE, ENCIPHERMENT, AGREEMENT] = [keyUsage(0, 1), keyUsage(0, 2), keyUsage(0, 4)];

const held = (...extensions: readonly TestExtension[]) => {
  const { certificate: der } = issue({ issuer: root, extensions });
  return { der, keyId: Uint8Array.of(2), label: "held" };
};

function asked(usage: TestExtension | undefined, renewal?: "together" | "kept"): string[] {
  const previous = usage ? held(usage) : held();
  const certificateSha256 = "00".repeat(32);
  const offer = sampleOffer(renewal ? { encryption: { certificateSha256, renewal } } : {});
  const encryption = renewal && held(keyUsage(2, 3));
  const record = sampleRecord({ previous, encryption, offer: { offer } });
  return offeredQuestions(record).map(({ id, from }) => `${from}: ${id}`);
}

describe("files encrypted to the present certificate", () => {
  const question = "token: files-encrypted-to-previous";

  it.each([
    ["its key may open them", ENCIPHERMENT, undefined],
    ["its key may agree on the key that opens them", AGREEMENT, undefined],
    ["nothing says what its key is for", undefined, undefined],
    ["an encryption certificate is renewed with it", SIGNATURE, "together"],
  ] as const)("are asked about where %s", (_, usage, renewal) => {
    expect(asked(usage, renewal)).toEqual([question]);
  });

  it.each([
    ["it only signs", SIGNATURE, undefined],
    ["the encryption certificate stays", SIGNATURE, "kept"],
  ] as const)("are no question where %s", (_, usage, renewal) => {
    expect(asked(usage, renewal)).toEqual([]);
  });

  it("are asked about in English and in Chinese", () => {
    const [{ en, zh } = { en: "", zh: "" }] = offeredQuestions(
      sampleRecord({ previous: held(ENCIPHERMENT) }),
    );
    expect(en).toMatch(/opened only with its present key.*stays on the token.*uploaded again/);
    expect(zh).toMatch(/只能用现有密钥解密.*保留在 USB Key 中.*重新加密并上传/);
  });
});
