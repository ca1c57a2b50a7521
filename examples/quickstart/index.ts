/**
 * The whole renewal, on a SoftHSM token against the sandbox: `npm start`, or `npm start --silent -- --json`.
 *
 * Interrupt it wherever you like and start it again: it goes on where it was.
 */
import type {
  CertificateSummary,
  Completed,
  Draft,
  JsonObject,
  RenewalClient,
  SubmitOptions,
} from "certrenew";
import { example } from "../support/example.js";
import { form, transferOf } from "../support/holder.js";
import type { Terminal } from "../support/terminal.js";
import { WORDS } from "../support/texts.js";
import { tokenAccess } from "../support/token.js";
import { openWorld, type World } from "../support/world.js";
import { commandsToLook, inspect, writeFiles } from "./inspect.js";

example(async (terminal) => {
  let world = await openWorld({ name: "quickstart", keep: true });
  let client = world.createClient();
  try {
    const unfinished = world.isOld ? await findUnfinished(client) : undefined;
    if (world.isOld && !unfinished) {
      await close(world, client);
      world = await openWorld({ name: "quickstart" });
      client = world.createClient();
    }
    if (world.mockReason) terminal.say(terminal.text(WORDS.mock) + world.mockReason);
    if (unfinished) {
      terminal.say({
        en: `Going on with the renewal ${unfinished} of an interrupted run.`,
        zh: `继续办理上次中断的续期 ${unfinished}。`,
      });
    }
    const stop = terminal.follow(client);
    const renewal = await renew(client, unfinished, terminal);
    stop();
    return report(renewal, world, terminal);
  } finally {
    await close(world, client);
  }
});

/** The way step by step is `renew()`: each decision is asked for when it is due. */
async function renew(
  client: RenewalClient,
  unfinished: string | undefined,
  terminal: Terminal,
): Promise<Completed> {
  const credential = unfinished ? { id: unfinished } : await chooseCredential(client, terminal);
  const renewal = await client.renew(credential, {
    choose: (draft) => choose(draft, terminal),
    pay(order) {
      terminal.order(order);
      return transferOf(order);
    },
    acknowledge: ({ guards }) => guards.map(({ id }) => id),
    // Whoever was interrupted at the login knows this PIN to be right.
    retryPin: unfinished !== undefined,
  });
  if (renewal.state !== "completed") throw new Error(`the renewal stopped at ${renewal.state}`);
  return renewal;
}

async function chooseCredential(client: RenewalClient, terminal: Terminal) {
  const credentials = await client.credentials();
  for (const each of credentials) terminal.credential(each);
  const credential = credentials.find(({ eligibility }) => eligibility.renewable);
  if (!credential) throw new Error("no certificate on the token can be renewed");
  return credential;
}

async function choose({ offer, guards }: Draft, terminal: Terminal): Promise<SubmitOptions> {
  const { agreement } = offer;
  const name = `${agreement.title} (${agreement.version})`;
  terminal.say({ en: `${name}: accepted`, zh: `${name}:已接受` });
  return { accept: agreement, years: 2, acknowledge: await terminal.acknowledge(guards), form };
}

async function findUnfinished(client: RenewalClient): Promise<string | undefined> {
  const { renewals } = await client.renewals();
  return renewals.find(({ state }) => state !== "completed" && state !== "closed")?.id;
}

function report(renewal: Completed, world: World, terminal: Terminal): JsonObject {
  const { previous, renewed } = renewal.report;
  const files = writeFiles(renewal, world);
  const looks = inspect(files, world);
  terminal.order(renewal);
  const validity = ({ notBefore, notAfter }: CertificateSummary) =>
    `${notBefore.toISOString()} – ${notAfter.toISOString()}`;
  terminal.note({ en: "Validity", zh: "有效期" }, [
    `${terminal.text({ en: "old", zh: "旧证书" })}: ${validity(previous)}`,
    `${terminal.text({ en: "new", zh: "新证书" })}: ${validity(renewed)}`,
  ]);
  for (const { command, ok, output } of looks) {
    terminal.say(`$ ${command}\n${output}${ok ? "" : "\n(failed)"}`);
  }
  const commands = commandsToLook(world);
  if (commands.length > 0) {
    terminal.say({ en: "Look at the token yourself:", zh: "您可以自己查看 Key:" });
    terminal.say(commands.join("\n"));
  }
  if (looks.some(({ ok }) => !ok)) process.exitCode = 1;
  terminal.end({ en: "Done.", zh: "完成。" });
  return toJson(renewal, world, files);
}

function toJson(
  renewal: Completed,
  world: World,
  files: ReturnType<typeof writeFiles>,
): JsonObject {
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
    orderNumber: renewal.order?.transactions[0]?.orderNumber ?? null,
    ...tokenAccess(world),
    previous: certificate(previous, files.previous),
    renewed: certificate(renewed, files.renewed),
    chain: files.chain,
    request: files.request,
    application: files.application,
  };
}

async function close({ close }: World, client: RenewalClient): Promise<void> {
  await client.close();
  await close();
}
