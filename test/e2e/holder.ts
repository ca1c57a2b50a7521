import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type AwaitingPayment,
  createRenewalClient,
  type Draft,
  type RenewalClient,
  type RenewalClientOptions,
} from "certrenew";
import { softHsmDriver } from "certrenew/drivers/softhsm";
import { fileStore } from "certrenew/store/file";
import { httpTransport } from "certrenew/transport/http";
import { inState, SAMPLE_FORM } from "../lifecycle/world.js";
import { PIN } from "../support/softhsm.js";
import { createWorld, type World } from "./world.js";

/** What the holder of the guide types, and the program that is used. */

export const yuan = (amount: number) => ({ amount: amount * 100, currency: "CNY" });

export const FORM = { ...SAMPLE_FORM, remarks: "请尽快办理" };

export const RECIPIENT = { name: "张三", mobile: "13800138000", address: "示例市示例路 1 号" };

export const remittance = (amount: number) => ({
  payerAccount: "6222000000000000",
  payerName: "示例科技有限公司",
  amount: yuan(amount),
  paidOn: "2026-11-20",
  remarks: "证书续期",
});

/** Bank and reviewer are people: nothing happens by itself. */
export async function worldWithClerks(): Promise<World> {
  const world = await createWorld();
  await world.sandbox.admin.setPolicy({ bookingDelayMs: null, reviewDelayMs: null });
  return world;
}

export function program(
  { hsm, sandbox }: World,
  options: Partial<RenewalClientOptions> = {},
): RenewalClient {
  return createRenewalClient({
    driver: softHsmDriver({ conf: hsm.conf }),
    transport: httpTransport({ baseUrl: sandbox.baseUrl }),
    store: fileStore({ directory: join(hsm.folder, "renewals") }),
    trustAnchors: sandbox.trustAnchors,
    pin: () => PIN,
    ...options,
  });
}

export function choice({ offer, guards }: Draft) {
  const acknowledge = guards.map(({ id }) => id);
  return { accept: offer.agreement, years: 2, form: FORM, acknowledge };
}

export async function applied(client: RenewalClient): Promise<AwaitingPayment> {
  const [credential] = await client.credentials();
  const draft = await client.start(credential ?? fail("nothing to renew"));
  return inState(await draft.submit(choice(draft)), "awaiting-payment");
}

/** What OpenSC reads from the token under a CKA_ID. */
export function readFromToken({ hsm }: World, keyId: string): X509Certificate {
  const file = join(hsm.folder, `${keyId}.der`);
  hsm.pkcs11Tool("--read-object", "--type", "cert", "--id", keyId, "--output-file", file);
  return new X509Certificate(readFileSync(file));
}

export function fail(reason: string): never {
  throw new Error(reason);
}
