import { describe, expect, it } from "vitest";
import type { KeyMode } from "../../../src/core/domain/offer.js";
import type { Completed } from "../../../src/core/lifecycle.js";
import { parseCertificate } from "../../../src/core/pki/certificate.js";
import type {
  DestroyOptions,
  KeyPair,
  TokenCertificate,
  TokenContents,
} from "../../../src/core/ports/driver.js";
import type { RenewalRecord } from "../../../src/core/record.js";
import { saveRecord } from "../../../src/core/record-store.js";
import type { RetireOptions } from "../../../src/core/step-options.js";
import { issue, keyUsage, softwareKey } from "../../support/certificates.js";
import { fakeDriver, testRuntime } from "./fakes.js";
import { choice, NOW, previous, root, sampleRecord, sampleToken } from "./samples.js";

const OLD_ID = Uint8Array.of(1);
const NEW_ID = Uint8Array.of(2);
const key = softwareKey();
const renewed = issue({ issuer: root, key, serialNumber: Uint8Array.of(0x22) }).certificate;

interface Situation {
  readonly previous?: Uint8Array;
  readonly keyMode?: KeyMode;
  /** What stands on the token beside the old pair. */
  readonly certificate?: boolean;
  readonly keyPair?: boolean;
}

/** A completed renewal, and what `retirePrevious` has the token destroy. */
async function world(situation: Situation = {}) {
  const { keyMode = "re-key" } = situation;
  const old = situation.previous ?? previous.certificate;
  const keyId = keyMode === "re-key" ? NEW_ID : OLD_ID;
  const record: RenewalRecord = sampleRecord({
    previous: { der: old, keyId: OLD_ID, label: "old" },
    application: {
      status: "approved",
      choice: { ...choice, keyMode },
      requestedKey: { keyId, label: "new", algorithm: "ec-p256", spki: key.spki },
    },
    issuance: {
      status: "confirmed",
      collected: { certificate: renewed, chain: [], changes: [] },
      installation: { begunAt: NOW, provenAt: NOW, confirmedAt: NOW },
    },
  });
  const held = (der: Uint8Array): TokenCertificate => ({
    der,
    keyId,
    label: "",
    privateKey: "present",
  });
  const contents: TokenContents = {
    token: sampleToken(),
    certificates: [held(old), ...((situation.certificate ?? true) ? [held(renewed)] : [])],
    unreadableObjects: 0,
  };
  const pair: KeyPair = { keyId, algorithm: "ec-p256", spki: key.spki };
  const destroyed: Omit<DestroyOptions, "signal">[] = [];
  const driver = fakeDriver({
    session: {
      certificates: async () => contents,
      findKeyPair: async () => ((situation.keyPair ?? true) ? pair : undefined),
      destroy: async ({ signal: _, ...options }) => {
        destroyed.push(options);
      },
    },
  });
  const runtime = testRuntime({ driver, pin: () => "648219" });
  await saveRecord(runtime.store, record, 0);
  const retire = async (remove: RetireOptions["remove"]) => {
    const completed = (await runtime.handleOf(record)) as Completed;
    return completed.retirePrevious({ remove });
  };
  return { retire, destroyed, driver, old };
}

const certificateOf = (der: Uint8Array) => ({
  kind: "certificate",
  keyId: OLD_ID,
  sha256: parseCertificate(der).sha256,
});
const keyPairOf = (der: Uint8Array) => ({
  kind: "key-pair",
  keyId: OLD_ID,
  spki: parseCertificate(der).spki,
});

describe("retirePrevious", () => {
  it("removes what is named of the previous pair, and nothing else", async () => {
    const { retire, destroyed, old } = await world();
    expect((await retire(["certificate"])).state).toBe("completed");
    expect(destroyed).toEqual([certificateOf(old)]);
    await retire(["key-pair"]);
    // The CKA_ID alone would name an encryption key pair that shares it.
    expect(destroyed.slice(1)).toEqual([keyPairOf(old)]);
    await retire(["certificate", "key-pair"]);
    expect(destroyed.slice(2)).toEqual([certificateOf(old), keyPairOf(old)]);
  });

  it("reports the renewal as before", async () => {
    const { retire } = await world();
    expect((await retire(["certificate"])).report).toMatchObject({
      renewalId: "renewal-1",
      renewed: { serialNumber: "22", keyId: "02" },
      bindAgain: ["serialNumber", "thumbprint", "publicKey"],
    });
  });

  it.each([
    ["certificate", { certificate: false }],
    ["key pair", { keyPair: false }],
  ])("removes nothing where the new %s is not on the token", async (_, situation) => {
    const { retire, destroyed } = await world(situation);
    await expect(retire(["certificate", "key-pair"])).rejects.toMatchObject({
      code: "ERR_PROOF_FAILED",
      renewal: { state: "completed" },
    });
    expect(destroyed).toEqual([]);
  });

  const certificateFor = (...usages: readonly number[]) =>
    issue({ issuer: root, extensions: usages.length > 0 ? [keyUsage(...usages)] : [] }).certificate;

  it.each([
    ["names key encipherment", certificateFor(0, 2)],
    ["names data encipherment", certificateFor(0, 3)],
    ["names key agreement", certificateFor(0, 4)],
    ["names no usage, and so permits every one", certificateFor()],
  ])(
    "keeps a key that may open files, unless it is named so: its certificate %s",
    async (_, der) => {
      const { retire, destroyed, driver } = await world({ previous: der });
      await expect(retire(["key-pair"])).rejects.toMatchObject({
        code: "ERR_ARGUMENT",
        problems: [{ pointer: "/remove" }],
      });
      expect(driver.presented).toEqual([]);
      await retire(["decryption-key-pair"]);
      expect(destroyed).toEqual([keyPairOf(der)]);
    },
  );

  it("never removes the key pair that the new certificate uses", async () => {
    const { retire, destroyed, old } = await world({ keyMode: "renew" });
    for (const remove of ["key-pair", "decryption-key-pair"] as const) {
      await expect(retire(["certificate", remove])).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
    }
    expect(destroyed).toEqual([]);
    await retire(["certificate"]);
    expect(destroyed).toEqual([certificateOf(old)]);
  });

  it.each([
    ["nothing at all", undefined],
    ["a text", "certificate"],
    ["what is no part of a pair", ["everything"]],
  ])("asks for no PIN where %s is named", async (_, remove) => {
    const { retire, driver } = await world();
    await expect(retire(remove as RetireOptions["remove"])).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      problems: [{ pointer: "/remove" }],
    });
    expect(driver.presented).toEqual([]);
  });
});
