/**
 * The whole renewal, on a SoftHSM token against the sandbox: `npm start`, or `npm start --silent -- --json`.
 *
 * Interrupt it wherever you like and start it again: it goes on where it was.
 */
import { join } from "node:path";
import {
  type BankTransfer,
  type CertificateSummary,
  type Completed,
  createRenewalClient,
  type Draft,
  type RenewalClient,
  RenewalError,
  type RenewOptions,
  type SubmitOptions,
} from "certrenew";
import { fileStore } from "certrenew/store/file";
import { httpTransport } from "certrenew/transport/http";
import { form, transferOf } from "../support/holder.js";
import { commandsToLook, inspect, writeFiles } from "./inspect.js";
import { type Say, showOrder, showProgress } from "./show.js";
import { eraseWorld, openWorld, type World } from "./world.js";

const demo = join(process.cwd(), "demo", "quickstart");
const asJson = process.argv.includes("--json");
const say: Say = (line) => void (asJson ? process.stderr : process.stdout).write(`${line}\n`);

try {
  await main();
} catch (error) {
  if (!(error instanceof RenewalError)) throw error;
  const { what, key, money, retry, next } = error.explain("en");
  for (const line of [`\n${error.code}: ${error.message}`, what, key, money, retry, next])
    say(line);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  let world = await openWorld(demo);
  let client = createClient(world);
  try {
    const unfinished = world.isOld ? await findUnfinished(client) : undefined;
    if (world.isOld && !unfinished) {
      await close(world, client);
      eraseWorld(world);
      world = await openWorld(demo);
      client = createClient(world);
    }
    if (world.mockReason)
      say(`No SoftHSM token here: ${world.mockReason}. A mock takes its place.`);
    if (unfinished) say(`Going on with the renewal ${unfinished} of an interrupted run.`);
    const stop = showProgress(client, say);
    const renewal = await renew(client, unfinished);
    stop();
    report(renewal, world);
  } finally {
    await close(world, client);
  }
}

function createClient(world: World): RenewalClient {
  const { sandbox, driver, pin } = world;
  const { trustAnchors, baseUrl } = sandbox;
  return createRenewalClient({
    driver,
    transport: httpTransport({ baseUrl }),
    store: fileStore({ directory: join(world.folder, "renewals") }),
    trustAnchors,
    pin: () => pin,
    wait: { minimumMs: 500 },
  });
}

/** The way step by step is `renew()`: each decision is asked for when it is due. */
async function renew(client: RenewalClient, unfinished: string | undefined): Promise<Completed> {
  const credential = unfinished ? { id: unfinished } : await chooseCredential(client);
  const renewal = await client.renew(credential, {
    choose,
    pay,
    acknowledge: ({ guards }) => guards.map(({ id }) => id),
    // Whoever was interrupted at the login knows this PIN to be right.
    retryPin: unfinished !== undefined,
  });
  if (renewal.state !== "completed") throw new Error(`the renewal stopped at ${renewal.state}`);
  return renewal;
}

async function chooseCredential(client: RenewalClient) {
  const credentials = await client.credentials();
  for (const { signing, eligibility } of credentials) {
    const verdict = eligibility.renewable ? "can be renewed" : eligibility.reasons.join(", ");
    say(`${signing.subject}: until ${signing.notAfter.toISOString()}, ${verdict}`);
  }
  const credential = credentials.find(({ eligibility }) => eligibility.renewable);
  if (!credential) throw new Error("no certificate on the token can be renewed");
  return credential;
}

function choose({ offer, guards }: Draft): SubmitOptions {
  say(`   ${offer.agreement.title} (${offer.agreement.version}): accepted`);
  for (const { zh, en } of guards) say(`   ${zh} ${en} – yes`);
  return {
    accept: offer.agreement,
    years: 2,
    acknowledge: guards.map(({ id }) => id),
    form,
  };
}

function pay(renewal: Parameters<NonNullable<RenewOptions["pay"]>>[0]): BankTransfer {
  showOrder(renewal, say);
  return transferOf(renewal);
}

async function findUnfinished(client: RenewalClient): Promise<string | undefined> {
  const { renewals } = await client.renewals();
  return renewals.find(({ state }) => state !== "completed" && state !== "closed")?.id;
}

function report(renewal: Completed, world: World): void {
  const { previous, renewed } = renewal.report;
  const files = writeFiles(renewal, world);
  const looks = inspect(files, world);
  showOrder(renewal, say);
  say(`\nold: ${previous.notBefore.toISOString()} – ${previous.notAfter.toISOString()}`);
  say(`new: ${renewed.notBefore.toISOString()} – ${renewed.notAfter.toISOString()}`);
  for (const { command, ok, output } of looks)
    say(`\n$ ${command}\n${output}${ok ? "" : "\n(failed)"}`);
  const commands = commandsToLook(world);
  if (commands.length > 0) say(`\nLook at the token yourself:\n${commands.join("\n")}`);
  if (asJson) process.stdout.write(`${JSON.stringify(toJson(renewal, world, files), null, 2)}\n`);
  if (looks.some(({ ok }) => !ok)) process.exitCode = 1;
}

function toJson(
  renewal: Completed,
  world: World,
  files: ReturnType<typeof writeFiles>,
): Record<string, unknown> {
  const certificate = (summary: CertificateSummary, file: string) => ({
    serialNumber: summary.serialNumber,
    notBefore: summary.notBefore.toISOString(),
    notAfter: summary.notAfter.toISOString(),
    keyId: summary.keyId,
    file,
  });
  const { previous, renewed } = renewal.report;
  return {
    state: renewal.state,
    driver: world.driverName,
    ...(world.mockReason && { reason: world.mockReason }),
    orderNumber: renewal.order?.transactions[0]?.orderNumber,
    module: world.module,
    tokenLabel: world.tokenLabel,
    pin: world.pin,
    softhsmConf: world.softhsmConf,
    previous: certificate(previous, files.previous),
    renewed: certificate(renewed, files.renewed),
    chain: files.chain,
    request: files.request,
    application: files.application,
  };
}

async function close({ sandbox }: World, client: RenewalClient): Promise<void> {
  await client.close();
  await sandbox.close();
}
