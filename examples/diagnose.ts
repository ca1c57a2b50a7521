// What a support desk asks, answered in one call: npm run example diagnose -- [--lang zh|en] [--json] [--redact] [MODULE ...]
import { parseArgs } from "node:util";
import { type Diagnosis, diagnose, type Severity } from "certrenew/drivers/pkcs11";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lang: { type: "string" },
    json: { type: "boolean" },
    redact: { type: "boolean" },
  },
});
const { LC_ALL, LANG } = process.env;
const language = (values.lang ?? (LC_ALL || LANG || "en")).startsWith("zh") ? "zh" : "en";

const diagnosis = await diagnose({
  // Without any, every known driver that is on this computer.
  ...(positionals.length > 0 && { modules: positionals }),
  redact: values.redact,
});
if (values.json) console.log(JSON.stringify(diagnosis, null, 2));
else show(diagnosis);
process.exitCode = diagnosis.findings.some(({ severity }) => severity === "error") ? 1 : 0;

function show({ program, modules, findings }: Diagnosis): void {
  console.log(`Node ${program.node} · ${program.platform} ${program.arch}`);
  for (const { path, library, slots } of modules) {
    console.log(`\n${path}`);
    if (library) {
      const { description, version, manufacturer, cryptokiVersion } = library;
      console.log(`  ${description} ${version} · ${manufacturer} · PKCS#11 ${cryptokiVersion}`);
    }
    for (const { token } of slots) {
      if (!token) continue;
      console.log(
        `  ${token.label} · ${token.model} · ${token.serialNumber} · PIN ${token.pinState}`,
      );
      for (const { subject, notAfter, privateKey } of token.objects?.certificates ?? []) {
        console.log(`    ${subject} → ${notAfter.toISOString().slice(0, 10)} · ${privateKey}`);
      }
    }
  }
  const marks: Readonly<Record<Severity, string>> = { error: "✗", warning: "!", info: "·" };
  console.log("");
  for (const finding of findings) console.log(`${marks[finding.severity]} ${finding[language]}`);
}
