/** The second program: from the id to the end, in whatever state the renewal is. */
import { transferOf } from "../support/holder.js";
import { joinWorld } from "../support/world.js";

void goOn(process.argv[2] ?? "");

async function goOn(id: string): Promise<void> {
  const client = joinWorld("resume").createClient();
  try {
    let renewal = await client.resume(id);
    console.log(renewal.state);
    client.on("state", ({ state }) => console.log(state));
    // Asks the RA whether it has the application, and sends the very same bytes where it has not.
    if (renewal.state === "submitting") renewal = await renewal.continue();
    if (renewal.state === "awaiting-payment") {
      renewal = await renewal.payByBankTransfer(transferOf(renewal));
    }
    if (renewal.state === "awaiting-review") renewal = await renewal.wait();
    if (renewal.state === "ready-to-install") {
      const acknowledge = renewal.guards.map((guard) => guard.id);
      renewal = await renewal.install({ acknowledge });
    }
    if (renewal.state !== "completed") process.exitCode = 1;
  } finally {
    await client.close();
  }
}
