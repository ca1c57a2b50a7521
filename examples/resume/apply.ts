/** The first program: applies, and is killed at the worst moment. */
import { writeSync } from "node:fs";
import type { FetchInit, FetchResponse } from "certrenew/transport/http";
import { form } from "../support/holder.js";
import { joinWorld } from "../support/world.js";

void apply();

async function apply(): Promise<void> {
  const desk = joinWorld("resume");
  const client = desk.createClient({
    transport: desk.createTransport({ fetch: killedAtTheAnswer }),
  });
  const [credential] = (await client.credentials()).filter((each) => each.eligibility.renewable);
  if (!credential) throw new Error("nothing to renew");
  const draft = await client.start(credential);
  say(draft.id); // known before anything is sent, and all that the next program needs
  client.on("state", ({ state }) => say(state));
  const acknowledge = draft.guards.map(({ id }) => id);
  await draft.submit({ accept: draft.offer.agreement, years: 2, form, acknowledge });
}

/** The RA has the application, and this program never hears of it. */
async function killedAtTheAnswer(url: string, init: FetchInit): Promise<FetchResponse> {
  const response = await fetch(url, init);
  if (url.endsWith("/applications")) process.kill(process.pid, "SIGKILL");
  return response;
}

/** At once, since a killed process writes nothing more. */
function say(line: string): void {
  writeSync(process.stdout.fd, `${line}\n`);
}
