import { sign, verify, X509Certificate } from "node:crypto";
import {
  type BankTransfer,
  type BankTransferInstruction,
  type Credential,
  createRenewalClient,
  type Draft,
  type ExchangePurpose,
  type KeyAlgorithm,
  type Renewal,
  type RenewalClient,
  type RenewalClientOptions,
  RenewalError,
  type State,
  type Store,
  type SubmitOptions,
} from "certrenew";
import {
  type MockDriver,
  type MockDriverOptions,
  MockToken,
  type MockTokenOptions,
  mockDriver,
} from "certrenew/drivers/mock";
import { memoryStore } from "certrenew/store/memory";
import {
  type IssueOptions,
  type MockTransport,
  type MockTransportOptions,
  mockTransport,
} from "certrenew/transport/mock";
import { type TestClock, testClock } from "../support/clock.js";

/** A token with a certificate that ends in 30 days, an RA, a store and a clock: what outlives a process. */
export interface World {
  readonly clock: TestClock;
  readonly token: MockToken;
  readonly ra: MockTransport;
  readonly store: Store;
  /** The PINs that the holder gives, in order; the last one for ever. */
  pins: (string | undefined)[];
  /** How often the holder was asked. */
  asked: number;
  /** A program that runs: its own driver and client on the same token, store and RA. */
  program(options?: Partial<RenewalClientOptions>, driver?: MockDriverOptions): Program;
}

export interface Program {
  readonly client: RenewalClient;
  readonly driver: MockDriver;
}

export interface WorldOptions {
  readonly algorithm?: KeyAlgorithm;
  readonly token?: MockTokenOptions;
  readonly ra?: MockTransportOptions;
  readonly store?: Store;
  /** Of the certificate on the token. */
  readonly certificate?: Partial<Pick<IssueOptions, "notAfter" | "keyUsage">>;
}

export const PIN = "123456";

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const clock = testClock();
  const token = new MockToken({ label: "Sample key", pin: PIN, ...options.token });
  const ra = mockTransport({ clock, ...options.ra });
  const keyId = Uint8Array.of(1);
  const algorithm = options.algorithm ?? "ec-p256";
  const { spki } = await token.generateKeyPair({ algorithm, keyId, label: "old" });
  const notAfter = new Date(clock.now().getTime() + 30 * DAY_MS);
  const der = ra.issue({ spki, subject: "CN=Sample Applicant", notAfter, ...options.certificate });
  token.importCertificate({ der, keyId, label: "old" });
  const world: World = {
    clock,
    token,
    ra,
    store: options.store ?? memoryStore(),
    pins: [PIN],
    asked: 0,
    program(clientOptions = {}, driverOptions = {}) {
      const driver = mockDriver({ tokens: [token], clock, ...driverOptions });
      const client = createRenewalClient({
        driver,
        transport: ra,
        store: world.store,
        trustAnchors: ra.trustAnchors,
        clock,
        pin: () => {
          world.asked += 1;
          return world.pins.length > 1 ? world.pins.shift() : world.pins[0];
        },
        ...clientOptions,
      });
      return { client, driver };
    },
  };
  return world;
}

export interface EncryptionOptions {
  readonly algorithm?: KeyAlgorithm;
  readonly subject?: string;
  readonly keyUsage?: IssueOptions["keyUsage"];
}

/** Puts an encryption certificate and its key pair beside the signing ones, under a CKA_ID of its own. */
export async function addEncryptionCertificate(
  { token, ra }: Pick<World, "token" | "ra">,
  { algorithm = "rsa-2048", subject = "CN=Sample Applicant", keyUsage }: EncryptionOptions = {},
): Promise<Uint8Array> {
  const [keyId, label] = [Uint8Array.of(2), "encryption"];
  const { spki } = await token.generateKeyPair({ algorithm, keyId, label, usage: "encryption" });
  const isRsa = algorithm.startsWith("rsa");
  const usual = isRsa ? (["keyEncipherment"] as const) : (["keyAgreement"] as const);
  const der = ra.issue({ spki, subject, keyUsage: keyUsage ?? usual });
  token.importCertificate({ der, keyId, label });
  return der;
}

export const DAY_MS = 24 * 60 * 60 * 1000;

export async function theCredential(client: RenewalClient): Promise<Credential> {
  const [credential] = await client.credentials();
  if (!credential) throw new Error("there is no credential on the token");
  return credential;
}

/** What a holder decides who takes the offer as it is. */
export function acceptOffer({ offer, guards }: Draft): SubmitOptions {
  return {
    accept: offer.agreement,
    years: offer.terms.years[0]?.years ?? 0,
    acknowledge: guards.map(({ id }) => id),
    form: SAMPLE_FORM,
  };
}

/** The handle, once it is seen to be in a state. */
export function inState<S extends State>(
  renewal: Renewal | undefined,
  state: S,
): Extract<Renewal, { state: S }> {
  if (renewal?.state !== state) throw new Error(`should be ${state}, is ${renewal?.state}`);
  return renewal as Extract<Renewal, { state: S }>;
}

/** How a step failed; that it did not is a failure too. */
export async function failureOf(step: Promise<unknown>): Promise<RenewalError> {
  const [result] = await Promise.allSettled([step]);
  if (result.status === "rejected" && result.reason instanceof RenewalError) return result.reason;
  throw new Error("should have failed with an error of the catalogue", {
    cause: result.status === "rejected" ? result.reason : undefined,
  });
}

/** Whether a key that was on the token from the start still signs what its certificate verifies. */
export function oldPairWorks({ token }: World): boolean {
  const [certificate] = token.certificates;
  const key = certificate && token.findKey({ keyId: certificate.keyId });
  if (!certificate || !key) return false;
  const { publicKey } = new X509Certificate(certificate.der);
  const message = Buffer.from("still mine");
  return verify("sha256", message, publicKey, sign("sha256", message, key.privateKey));
}

/** How often a message of this purpose was put on its way to the RA, whether it arrived or not. */
export function sendings({ ra }: World, purpose: ExchangePurpose): number {
  return ra.calls.filter((call) => call.method === "send" && call.purpose === purpose).length;
}

export const SAMPLE_FORM = {
  agent: "张三",
  mobile: "13800138000",
  email: "zhangsan@example.com",
  organisation: "示例科技有限公司",
  unifiedSocialCreditCode: "91440101MA5EXAMP0X",
};

/** A transfer of an amount, in fen. */
export function transferOf(amount: number): BankTransfer {
  return {
    recipient: { name: "张三", mobile: "13800138000", address: "示例市示例路 1 号" },
    remittances: [
      {
        payerAccount: "6222000000000000",
        payerName: "示例科技有限公司",
        amount: { amount, currency: "CNY" },
        paidOn: "2026-11-20",
      },
    ],
  };
}

/** The transfers that were announced. */
export function transfersOf({ payment }: Pick<Renewal, "payment">): BankTransferInstruction[] {
  return (payment?.instructions ?? []).filter(
    ({ kind }) => kind === "bank-transfer",
  ) as BankTransferInstruction[];
}
