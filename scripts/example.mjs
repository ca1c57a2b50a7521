import { runExample } from "./lib/run-example.mjs";

const [name, ...args] = process.argv.slice(2);
runExample(name, args);
