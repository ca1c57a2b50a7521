import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { MessageChannel } from "node:worker_threads";
import type { Signer } from "certrenew";
import { createSandbox } from "certrenew/sandbox";
import {
  type DriverFixture,
  type StoreFixture,
  sampleCertificate,
  type TransportFixture,
} from "certrenew/testing";
import { httpTransport } from "certrenew/transport/http";
import { DAY_MS } from "../support/clock.js";
import { form } from "../support/holder.js";
import { startDocumentServer } from "./document-server.js";
import { type Vault, vaultDriver } from "./driver.js";
import { webStore } from "./store.js";
import { portTransport, serveTransport } from "./transport.js";

/** What the contract suites of `certrenew/testing` run against. */

export const PIN = "648219";

export function freshVault(): { readonly vault: Vault; readonly spki: Uint8Array } {
  const { spki, key } = freshKey();
  const keys: Vault["keys"] = [{ keyId: KEY_ID, algorithm: "ec-p256", spki, key }];
  return { vault: { token: TOKEN, pin: PIN, keys, certificates: [], wrongPins: 0 }, spki };
}

const TOKEN: Vault["token"] = {
  serialNumber: "0001",
  label: "Vault",
  model: "Own",
  manufacturer: "Example",
  slot: "memory",
  loginRequired: true,
  protectedAuthenticationPath: false,
  keyAlgorithms: ["ec-p256"],
  signatureAlgorithms: ["ecdsa-with-SHA256"],
};

export const KEY_ID = Uint8Array.of(1);

export const driverFixture: DriverFixture = {
  arranges: [], // it cannot be pulled out, never locks, and has no hosts
  async create() {
    const { vault, spki } = freshVault();
    const credential = { certificate: sampleCertificate(spki), keyId: KEY_ID, label: "first" };
    vault.certificates.push({ der: credential.certificate, keyId: KEY_ID, label: "first" });
    const driver = vaultDriver(vault);
    return {
      driver,
      token: vault.token,
      pin: PIN,
      wrongPin: "999999",
      credential,
      [Symbol.asyncDispose]: () => driver.close(),
    };
  },
};

export const storeFixture: StoreFixture = {
  async create() {
    const { baseUrl, documents, close } = await startDocumentServer();
    return {
      store: webStore(baseUrl),
      another: () => webStore(baseUrl),
      async damage(key) {
        const document = documents.get(key);
        if (document) document.body = "{";
      },
      [Symbol.asyncDispose]: close,
    };
  },
};

export const transportFixture: TransportFixture = {
  async create() {
    const sandbox = await createSandbox({ policy: { bookingDelayMs: null, reviewDelayMs: null } });
    const { admin, baseUrl, trustAnchors } = sandbox;
    const ports: MessageChannel[] = [];
    const connect = () => {
      const channel = new MessageChannel();
      ports.push(channel);
      serveTransport(channel.port2, httpTransport({ baseUrl, trustAnchors }));
      return portTransport(channel.port1, httpTransport({ baseUrl }));
    };
    const { spki, key } = freshKey();
    const certificate = await sandbox.issue({
      spki,
      subject: { country: "CN", organisation: "示例科技有限公司", commonName: "张三" },
      notBefore: new Date(Date.now() - 335 * DAY_MS),
      notAfter: new Date(Date.now() + 30 * DAY_MS),
    });
    return {
      transport: connect(),
      another: connect,
      previous: { ...signerOf(key, spki), certificate },
      trustAnchors,
      form,
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
        approve: (renewalId) => admin.approve({ renewalId }),
        returnForCorrection: (renewalId, text) =>
          admin.returnForCorrection({ renewalId, reasons: [{ text }] }),
      },
      async [Symbol.asyncDispose]() {
        for (const { port1 } of ports) port1.close();
        await sandbox.close();
      },
    };
  },
};

function freshKey(): { readonly spki: Uint8Array; readonly key: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    spki: new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
    key: privateKey,
  };
}

function signerOf(key: KeyObject, spki: Uint8Array): Signer {
  return {
    spki,
    algorithms: ["ecdsa-with-SHA256"],
    sign: async (message) => new Uint8Array(sign("sha256", message, key)),
  };
}
