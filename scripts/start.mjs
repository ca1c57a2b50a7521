import { runExample } from "./lib/run-example.mjs";

runExample("quickstart", process.argv.slice(2));
