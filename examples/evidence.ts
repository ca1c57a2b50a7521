/**
 * What a renewal proves, as one archive, and its openssl commands run as a reader of its README.txt would.
 * `npm run example evidence`.
 */
import { join } from "node:path";
import { strFromU8, unzipSync } from "fflate";
import { example } from "./support/example.js";
import { writePrivate } from "./support/files.js";
import { form, transferOf } from "./support/holder.js";
import { tokenAccess } from "./support/token.js";
import { runTool } from "./support/tools.js";
import { openWorld } from "./support/world.js";

example(async (terminal) => {
  const world = await openWorld({ name: "evidence" });
  const client = world.createClient();
  const stop = terminal.follow(client);
  try {
    const [credential] = (await client.credentials()).filter((each) => each.eligibility.renewable);
    if (!credential) throw new Error("nothing to renew");
    const renewal = await client.renew(credential, {
      choose: async ({ offer, guards }) => ({
        accept: offer.agreement,
        years: 1,
        form,
        acknowledge: await terminal.acknowledge(guards),
      }),
      pay: transferOf,
      acknowledge: ({ guards }) => guards.map(({ id }) => id),
    });
    if (renewal.state !== "completed") throw new Error(`unexpectedly ${renewal.state}`);

    // 1. The archive. It is made of what is stored: no token, no network.
    const { fileName, content, manifest } = await client.evidence(renewal.id);
    const archive = writePrivate(join(world.folder, fileName), content);
    terminal.note(
      { en: fileName, zh: fileName },
      manifest.files.map(({ name }) => name),
    );

    // 2. Somebody else unpacks it, and has nothing but openssl.
    const folder = join(world.folder, "unpacked");
    const files = unzipSync(content);
    for (const [name, bytes] of Object.entries(files)) writePrivate(join(folder, name), bytes);
    const readme = strFromU8(files["README.txt"] ?? new Uint8Array());
    const commands = [...readme.matchAll(/^ {4}(\S.*)$/gm)].map(([, command = ""]) => command);
    const failed: string[] = [];
    for (const command of commands) {
      const { ok, output } = runTool("sh", ["-c", `cd "$1" && ${command}`, "sh", folder]);
      terminal.say(`${ok ? "✓" : "✗"} ${command}`);
      if (!ok) failed.push(`${command}: ${output}`);
    }
    if (failed.length > 0) process.exitCode = 1;
    terminal.end({
      en: `${commands.length} commands, ${failed.length} failed: ${archive}`,
      zh: `命令 ${commands.length} 条,失败 ${failed.length} 条:${archive}`,
    });

    // 3. For a support desk, beside it: where the renewal stands, and nobody's name.
    const support = await client.supportBundle(renewal.id);
    return {
      driver: world.driverName,
      state: renewal.state,
      ...{ archive, folder, commands, failed },
      support: JSON.stringify(support),
      ...tokenAccess(world),
    };
  } finally {
    stop();
    await client.close();
    await world.close();
  }
});
