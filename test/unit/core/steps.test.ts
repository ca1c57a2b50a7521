import { createPublicKey, createVerify, type KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import { runUnderClaim, type StepContext } from "../../../src/core/context.js";
import type { StepName } from "../../../src/core/lifecycle.js";
import type { Session } from "../../../src/core/ports/driver.js";
import type { BusinessFacet, Transport } from "../../../src/core/ports/transport.js";
import type { RenewalRecord } from "../../../src/core/record.js";
import { loadRecord, saveRecord } from "../../../src/core/record-store.js";
import { previousSigner, tokenSigner } from "../../../src/core/signers.js";
import { continueSubmitting } from "../../../src/core/steps/apply.js";
import { cancel } from "../../../src/core/steps/cancel.js";
import { continueConfirming } from "../../../src/core/steps/confirm.js";
import { continueInstalling, install } from "../../../src/core/steps/install.js";
import { payByBankTransfer } from "../../../src/core/steps/pay.js";
import { issue, softwareKey } from "../../support/certificates.js";
import { fakeDriver, fakeTransport, testRuntime } from "./fakes.js";
import {
  choice,
  previous,
  RECORDS,
  root,
  sampleExchange,
  sampleLedger,
  sampleOrder,
  sampleProgress,
  sampleRecord,
  sampleToken,
  transfer,
  yuan,
} from "./samples.js";

const key = softwareKey();
const keyId = Uint8Array.of(2);
const renewed = issue({ issuer: root, key, serialNumber: Uint8Array.of(0x22) }).certificate;
const requestedKey = { keyId, label: "new", algorithm: "ec-p256", spki: key.spki } as const;
const collected = { certificate: renewed, chain: [], changes: [] };

interface Situation {
  readonly session?: Partial<Session>;
  readonly transport?: Partial<Transport>;
}

/** How a step on a record fails, and how it leaves the record. */
async function failureOf(
  record: RenewalRecord,
  step: StepName,
  { session, transport }: Situation,
  body: (context: StepContext) => Promise<unknown>,
) {
  const driver = fakeDriver(session && { session });
  const runtime = testRuntime({
    driver,
    transport: fakeTransport({ progress: async () => ({ progress: READY }), ...transport }),
    pin: () => "648219",
  });
  await saveRecord(runtime.store, record, 0);
  const attempt = runUnderClaim(
    runtime,
    record.id,
    step,
    undefined,
    async (context) => {
      await body(context);
    },
    async () => {},
  );
  const [result] = await Promise.allSettled([attempt]);
  const error = result.status === "rejected" ? result.reason : undefined;
  return { error, left: (await loadRecord(runtime.store, record.id)).record, driver };
}

/** What an RA says that waits for the installation. */
const READY = sampleProgress({ status: "approved" }, { issuance: { status: "ready" } });

const corrupt = expect.objectContaining({ code: "ERR_RECORD_CORRUPT" });

describe("a record that lacks what its state needs is corrupt, and nothing is done with it", () => {
  it.each([
    [
      "a choice, where the application is to be signed",
      RECORDS.submitting,
      (context: StepContext) => continueSubmitting(context, {}),
    ],
    [
      "a certificate, where it is to be written",
      RECORDS.installing,
      (context: StepContext) => continueInstalling(context, {}),
    ],
    [
      "a certificate, where it is to be confirmed",
      RECORDS.confirming,
      (context: StepContext) => continueConfirming(context, {}),
    ],
    [
      "the term that was chosen, where the application is to be signed",
      sampleRecord({
        application: {
          status: "submitting",
          choice: { ...choice, keyMode: "renew", years: 9 },
          requestedKey: { ...requestedKey, spki: previous.spki },
        },
      }),
      (context: StepContext) => continueSubmitting(context, {}),
    ],
  ] as const)("%s", async (_, record, body) => {
    const session: Partial<Session> = {
      findKeyPair: async () => ({ keyId, algorithm: "ec-p256", spki: previous.spki }),
      sign: ({ algorithm, message }) => previous.sign(message, algorithm),
    };
    const { error } = await failureOf(record, "continue", { session }, body);
    expect(error).toEqual(corrupt);
  });
});

describe("the installation", () => {
  const ready = sampleRecord({
    application: { status: "approved", choice, requestedKey },
    issuance: { status: "ready", collected },
  });

  it("is refused where the RA closed the application in between, and collects nothing", async () => {
    const { collected: _, ...issuance } = ready.issuance;
    const transport: Partial<Transport> = {
      progress: async () => ({ progress: sampleProgress({ status: "lapsed" }) }),
    };
    const { error, left, driver } = await failureOf(
      { ...ready, issuance },
      "install",
      { transport },
      (context) => install(context, {}),
    );
    expect(error).toMatchObject({
      code: "ERR_RA_REFUSED",
      details: { reason: "the application is lapsed" },
    });
    expect(left.application.status).toBe("lapsed");
    expect(driver.presented).toEqual([]);
  });

  it("writes nothing where the new key is not on the token", async () => {
    const session: Partial<Session> = { findKeyPair: async () => undefined };
    const { error, left } = await failureOf(ready, "install", { session }, (context) =>
      install(context, {}),
    );
    expect(error).toMatchObject({ code: "ERR_KEY_NOT_FOUND" });
    expect(left.issuance.installation).toBeUndefined();
  });

  const onToken: Partial<Session> = {
    findKeyPair: async () => ({ keyId, algorithm: "ec-p256", spki: key.spki }),
    importCertificate: async () => undefined,
    certificates: async () => ({
      token: sampleToken(),
      certificates: [{ der: renewed, keyId, label: "new", privateKey: "present" }],
      unreadableObjects: 0,
    }),
  };

  it("is not proven where a fresh process does not see the certificate", async () => {
    const session: Partial<Session> = {
      ...onToken,
      certificates: async () => ({
        token: sampleToken(),
        certificates: [{ der: previous.certificate, keyId, label: "old", privateKey: "present" }],
        unreadableObjects: 0,
      }),
    };
    const { error, left, driver } = await failureOf(ready, "install", { session }, (context) =>
      install(context, {}),
    );
    expect(error).toMatchObject({ code: "ERR_PROOF_FAILED" });
    expect(left.issuance.installation?.begunAt).toBeInstanceOf(Date);
    expect(left.issuance.installation?.provenAt).toBeUndefined();
    // One session wrote, another looked.
    expect(driver.closedSessions.count).toBe(2);
  });

  it("is not proven where the certificate does not verify what the new key signs", async () => {
    const other = softwareKey();
    const session: Partial<Session> = {
      ...onToken,
      sign: ({ algorithm, message }) => other.sign(message, algorithm),
    };
    const record = sampleRecord({
      application: {
        status: "approved",
        choice,
        requestedKey: { ...requestedKey, spki: other.spki },
      },
      issuance: { status: "ready", collected },
    });
    const { error, left } = await failureOf(record, "install", { session }, (context) =>
      install(context, {}),
    );
    expect(error).toMatchObject({ code: "ERR_PROOF_FAILED" });
    expect(left.issuance.installation?.provenAt).toBeUndefined();
  });
});

describe("a cancellation", () => {
  const business: BusinessFacet = {
    offer: () => Promise.reject(new Error("not part of the test")),
    prepareBankTransfer: () => Promise.reject(new Error("not part of the test")),
    prepareCancellation: async () => sampleExchange({ purpose: "cancellation" }),
  };
  const session: Partial<Session> = {
    findKeyPair: async () => ({ keyId, algorithm: "ec-p256", spki: previous.spki }),
  };

  it("to which the RA says yes and does not do it is no cancellation", async () => {
    const transport = { business, send: async () => ({ progress: sampleProgress() }) };
    const { error, left } = await failureOf(
      RECORDS["awaiting-review"],
      "cancel",
      { session, transport },
      (context) => cancel(context),
    );
    expect(error).toMatchObject({ code: "ERR_RA_REFUSED" });
    expect(left).toMatchObject({ application: { status: "received" }, outbox: [] });
  });

  it("needs an RA with a business side", async () => {
    const { error } = await failureOf(RECORDS["awaiting-review"], "cancel", {}, (context) =>
      cancel(context),
    );
    expect(error).toMatchObject({ code: "ERR_UNSUPPORTED", details: { transport: "fake" } });
  });
});

describe("a bank transfer", () => {
  const record = sampleRecord({
    application: { status: "received" },
    payment: sampleLedger(),
    order: sampleOrder(),
  });
  const { recipient, remittances } = transfer(yuan(200));

  it("in another currency than the order is refused, with the place", async () => {
    const [remittance] = remittances;
    const amount = { amount: 1, currency: "USD" };
    const dollars = remittance ? [...remittances, { ...remittance, amount }] : [];
    const { error } = await failureOf(record, "payByBankTransfer", {}, (context) =>
      payByBankTransfer(context, { recipient, remittances: dollars }),
    );
    expect(error).toMatchObject({
      code: "ERR_PAYMENT_INVALID",
      problems: [{ pointer: "/remittances/1/amount/currency", message: "must be CNY" }],
    });
  });

  it("needs an RA with a business side", async () => {
    const { error, left } = await failureOf(record, "payByBankTransfer", {}, (context) =>
      payByBankTransfer(context, { recipient, remittances }),
    );
    expect(error).toMatchObject({ code: "ERR_UNSUPPORTED" });
    expect(left.announcement).toBeUndefined();
  });
});

describe("a bank transfer that nobody asked for", () => {
  it.each([
    ["the order is closed", sampleLedger({ open: false })],
    ["there is nothing to pay", undefined],
  ])("is refused while %s", async (_, payment) => {
    const record = sampleRecord({
      application: { status: "returned" },
      order: sampleOrder(),
      payment,
    });
    const { recipient, remittances } = transfer(yuan(200));
    const { error } = await failureOf(record, "payByBankTransfer", {}, (context) =>
      payByBankTransfer(context, { recipient, remittances }),
    );
    expect(error).toMatchObject({ code: "ERR_PAYMENT_INVALID", problems: [{ pointer: "" }] });
  });
});

describe("a signer over a key of the token", () => {
  const context = { signal: undefined, activity: () => undefined };

  const message = Uint8Array.of(7);
  const sessionSigning = (signing: typeof key) => {
    const asked: unknown[] = [];
    const sign: Session["sign"] = (options) => {
      asked.push(options);
      return signing.sign(options.message, options.algorithm);
    };
    return { asked, session: { token: sampleToken(), sign } as unknown as Session };
  };

  it("offers what both key and token can, and signs with that key", async () => {
    const { asked, session } = sessionSigning(key);
    const reference = { keyId, spki: key.spki };
    const signer = tokenSigner(context, session, reference, renewed);
    const algorithm = "ecdsa-with-SHA256";
    expect(signer).toMatchObject({
      algorithms: [algorithm],
      spki: key.spki,
      certificate: renewed,
    });
    const signature = await signer.sign(message, algorithm);
    expect(createVerify("sha256").update(message).verify(publicKeyOf(key.spki), signature)).toBe(
      true,
    );
    expect(asked).toEqual([{ key: reference, algorithm, message, signal: undefined }]);
  });

  it("does not pass on a signature of another key", async () => {
    const { session } = sessionSigning(softwareKey());
    const signer = tokenSigner(context, session, { keyId, spki: key.spki });
    await expect(signer.sign(message, "ecdsa-with-SHA256")).rejects.toMatchObject({
      code: "ERR_TOKEN_FAILURE",
    });
  });

  it("is none where the token cannot sign with such a key", () => {
    const token = sampleToken({ signatureAlgorithms: ["sha256WithRSAEncryption"] });
    const session = { token } as unknown as Session;
    expect(() => tokenSigner(context, session, { keyId, spki: key.spki })).toThrowError(
      expect.objectContaining({
        code: "ERR_ALGORITHM_UNSUPPORTED",
        details: { algorithm: "ec-p256", token: "Sample" },
      }),
    );
    const spki = new Uint8Array(Buffer.from(`302a300506032b6570032100${"11".repeat(32)}`, "hex"));
    expect(() => tokenSigner(context, session, { keyId, spki })).toThrowError(
      expect.objectContaining({ code: "ERR_ALGORITHM_UNSUPPORTED" }),
    );
  });

  it("is none where the old key is not on the token", async () => {
    const session: Partial<Session> = { findKeyPair: async () => undefined };
    const { error } = await failureOf(RECORDS["awaiting-review"], "cancel", {}, (given) =>
      previousSigner(given, { ...session, token: sampleToken() } as Session),
    );
    expect(error).toMatchObject({ code: "ERR_KEY_NOT_FOUND", details: { token: "Sample" } });
  });
});

function publicKeyOf(spki: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
}
