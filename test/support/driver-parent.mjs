// A program that uses the built PKCS#11 driver, to be started, watched and killed by tests. What it is to do stands in its
// first argument, JSON: { action, options, token, pin, key }. It prints one JSON line for each thing that happened.
import { pkcs11Driver } from "certrenew/drivers/pkcs11";

const { action, options, token, pin, key } = JSON.parse(process.argv[2] ?? "{}");

/** @param {unknown} event */
async function tell(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

const driver = pkcs11Driver(options);

if (action === "list") {
  // No close: the driver must not keep the process alive.
  driver.watch(() => {});
  await tell({ tokens: (await driver.tokens()).map(({ label }) => label) });
}
if (action === "generate") {
  const session = await driver.unlock(token, { pin, onHost: (host) => tell({ host }) });
  const generating = session.generateKeyPair({ ...key, keyId: Buffer.from(key.keyId, "hex") });
  await tell({ generating: true });
  await generating;
  await tell({ generated: true });
  await session.close();
}
