// A process that writes to a file store, run from what is built. `node writer.mjs <directory> <key> <times>` raises a
// counter that others raise as well, and tells each success on standard output.
import { errorCode } from "certrenew";
import { fileStore } from "certrenew/store/file";

const [directory = "", key = "", times = ""] = process.argv.slice(2);
const store = fileStore({ directory });
const padding = "x".repeat(20_000);

for (let done = 0; done < Number(times); ) {
  const { revision, document } = (await store.load(key)) ?? { revision: 0, document: {} };
  const n = Number(document["n"] ?? 0) + 1;
  try {
    await store.save(key, { n, padding, again: n }, revision);
    done += 1;
    process.stdout.write(`${n}\n`);
  } catch (error) {
    if (errorCode(error) !== "ERR_STORE_CONFLICT") throw error;
  }
}
