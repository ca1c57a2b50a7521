import { createHash } from "node:crypto";
import { createRenewalClient, type DecryptionOutlook, type RenewalClient } from "certrenew";
import { softHsmDriver } from "certrenew/drivers/softhsm";
import { memoryStore } from "certrenew/store/memory";
import { mockTransport } from "certrenew/transport/mock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encode, TAG } from "../../src/core/pki/der.js";
import { acceptOffer, inState, theCredential, transferOf } from "../lifecycle/world.js";
import { authority, issue, keyUsage, softwareKey } from "../support/certificates.js";
import { encryptTo } from "../support/envelopes.js";
import { PIN, type SoftHsmStore, softHsmStore } from "../support/softhsm.js";

let hsm: SoftHsmStore;
let client: RenewalClient;
let asked: number;
const ra = mockTransport({ review: "automatic", bank: "automatic" });

beforeEach(() => {
  hsm = softHsmStore();
  hsm.initialise("Bidder");
  asked = 0;
  client = createRenewalClient({
    driver: softHsmDriver({ conf: hsm.conf }),
    transport: ra,
    store: memoryStore(),
    trustAnchors: ra.trustAnchors,
    pin: () => {
      asked += 1;
      return PIN;
    },
  });
});

afterEach(async () => {
  await client.close();
  hsm.erase();
});

/** A key pair that pkcs11-tool made on the token, and what is certified for it. */
async function onToken(
  keyType: "rsa:2048" | "EC:prime256v1",
  certify: (spki: Uint8Array) => Uint8Array,
): Promise<Uint8Array> {
  const driver = softHsmDriver({ conf: hsm.conf });
  try {
    hsm.pkcs11Tool("--keypairgen", "--key-type", keyType, "--id", "01", "--label", "bids");
    const [token] = await driver.tokens();
    if (!token) throw new Error("there is no token");
    await using session = await driver.unlock(token, { pin: PIN });
    const keyId = Uint8Array.of(1);
    const pair = await session.findKeyPair({ keyId });
    const der = certify(pair?.spki ?? new Uint8Array());
    await session.importCertificate({ der, keyId, label: "bids" });
    return der;
  } finally {
    await driver.close();
  }
}

const ca = authority();
const subjectKeyIdentifier = (spki: Uint8Array) => ({
  oid: "2.5.29.14",
  value: encode(TAG.octetString, createHash("sha256").update(spki).digest().subarray(0, 20)),
});
const certified =
  (...usages: readonly number[]) =>
  (spki: Uint8Array) =>
    issue({
      issuer: ca,
      key: { ...softwareKey(), spki },
      serialNumber: Uint8Array.of(0x80, 1),
      extensions: [keyUsage(...usages), subjectKeyIdentifier(spki)],
    }).certificate;

const told = ({ answer, reason }: DecryptionOutlook) => `${answer}: ${reason}`;
const OAEP = ["-keyopt", "rsa_padding_mode:oaep"];
const large = new Uint8Array(200_000).fill(65);

describe("what openssl encrypts to an RSA certificate on SoftHSM", () => {
  test("opens, in whichever form it comes", async () => {
    const certificate = await onToken("rsa:2048", certified(0, 2));
    for (const given of [
      {},
      { options: ["-keyid"] },
      { options: ["-stream"], content: large },
      { options: ["-stream", "-aes-256-gcm", "-keyid"], content: large },
      { recipientOptions: OAEP },
    ]) {
      const envelope = encryptTo([certificate], given);
      expect(told(await client.canDecrypt(envelope))).toBe("unknown: pin-needed");
      const outlook = await client.canDecrypt(envelope, { unlock: true });
      expect([given, told(outlook)]).toEqual([given, "yes: opened"]);
      expect(outlook.by?.token.label).toBe("Bidder");
    }
    expect(asked).toBe(5);
    const beginning = encryptTo([certificate], { options: ["-stream"], content: large });
    expect(told(await client.canDecrypt(beginning.subarray(0, 1000), { unlock: true }))).toBe(
      "yes: opened",
    );
  });

  test("does not open where it was damaged, or is another's", async () => {
    const certificate = await onToken("rsa:2048", certified(0, 2));
    const damaged = encryptTo([certificate], { recipientOptions: OAEP });
    const at = Buffer.from(damaged).indexOf(Uint8Array.of(4, 0x82, 1, 0)) + 100;
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    expect(told(await client.canDecrypt(damaged, { unlock: true }))).toBe("no: not-opened");
    const another = issue({ issuer: ca, key: softwareKey("rsa-2048") }).certificate;
    const outlook = await client.canDecrypt(encryptTo([another]), { unlock: true });
    expect(told(outlook)).toBe("no: not-addressed");
  });

  test("opens until its key is removed, whatever was renewed meanwhile", async () => {
    const subject = "CN=Sample Applicant";
    const usages = ["digitalSignature", "keyEncipherment"] as const;
    const certificate = await onToken("rsa:2048", (spki) =>
      ra.issue({ spki, subject, keyUsage: usages }),
    );
    const bid = encryptTo([certificate], { options: ["-stream"], content: large });
    const isOpened = async () => told(await client.canDecrypt(bid, { unlock: true }));

    const draft = await client.start(await theCredential(client));
    const unpaid = inState(await draft.submit(acceptOffer(draft)), "awaiting-payment");
    expect(await isOpened()).toBe("yes: opened");
    const total = unpaid.payment?.total.amount ?? 0;
    const reviewed = await unpaid.payByBankTransfer(transferOf(total));
    const ready = inState(
      reviewed.state === "awaiting-review" ? await reviewed.refresh() : reviewed,
      "ready-to-install",
    );
    const acknowledge = ready.guards.map(({ id }) => id);
    const done = await ready.install({ acknowledge });
    expect(hsm.pkcs11Tool("--list-objects").split("Certificate Object")).toHaveLength(3);
    expect(await isOpened()).toBe("yes: opened");
    const without = await done.retirePrevious({ remove: ["certificate"] });
    expect(await isOpened()).toBe("yes: opened");
    await without.retirePrevious({ remove: ["decryption-key-pair"] });
    expect(await isOpened()).toBe("no: key-gone");
  });
});

test("what openssl encrypts to an EC certificate opens where its key is", async () => {
  const certificate = await onToken("EC:prime256v1", certified(0, 4));
  for (const options of [[], ["-keyid"], ["-stream"]]) {
    const envelope = encryptTo([certificate], { options });
    const outlook = await client.canDecrypt(envelope, { unlock: true });
    expect([options, told(outlook)]).toEqual([options, "yes: key-present"]);
    expect(outlook.recipients[0]?.kind).toBe("key-agreement");
  }
  hsm.pkcs11Tool("--delete-object", "--type", "privkey", "--id", "01");
  const outlook = await client.canDecrypt(encryptTo([certificate]), { unlock: true });
  expect(told(outlook)).toBe("no: key-gone");
});
