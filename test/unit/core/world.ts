import { createRenewalClient, type RenewalClientOptions } from "certrenew";
import type { Credential } from "../../../src/core/credentials.js";
import type { TokenCertificate } from "../../../src/core/ports/driver.js";
import type { RenewalRecord } from "../../../src/core/record.js";
import { saveRecord } from "../../../src/core/record-store.js";
import { memoryStore } from "../../../src/store/memory.js";
import { testClock } from "../../support/clock.js";
import { fakeDriver, fakeTransport } from "./fakes.js";
import { NOW, previous, root, sampleOffer, sampleProgress, sampleToken } from "./samples.js";

const held: TokenCertificate = {
  der: previous.certificate,
  keyId: Uint8Array.of(1),
  label: "old",
  privateKey: "unknown",
};

/** A client whose token holds the sample certificate and whose RA offers to renew it. */
export async function world(...records: readonly RenewalRecord[]) {
  const store = memoryStore();
  for (const record of records) await saveRecord(store, record, 0);
  const driver = {
    ...fakeDriver(),
    certificates: async () => [
      { token: sampleToken(), certificates: [held], unreadableObjects: 0 },
    ],
  };
  const transport = fakeTransport({
    progress: async () => ({ progress: sampleProgress({ status: "returned" }) }),
    business: {
      offer: async () => ({ offer: sampleOffer() }),
      prepareBankTransfer: () => Promise.reject(new Error("not part of the test")),
      prepareCancellation: () => Promise.reject(new Error("not part of the test")),
    },
  });
  const options: RenewalClientOptions = {
    driver,
    transport,
    store,
    trustAnchors: root.certificate,
    clock: testClock(NOW),
  };
  const client = createRenewalClient(options);
  const credential = async (): Promise<Credential> => {
    const [found] = await client.credentials();
    if (!found) throw new Error("there is no credential");
    return found;
  };
  return { client, store, options, credential };
}
