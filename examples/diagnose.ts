/**
 * What a support desk asks of driver, Key and certificates, answered in one call:
 * `npm run example diagnose -- [--lang zh] [--json] [--redact] [MODULE ...]`. The exit code is 1 where something is wrong.
 */
import { parseArgs } from "node:util";
import { diagnose, type Severity } from "certrenew/drivers/pkcs11";
import { example } from "./support/example.js";

const MARKS: Readonly<Record<Severity, string>> = { error: "✗", warning: "!", info: "·" };

example(async (terminal) => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      lang: { type: "string" },
      json: { type: "boolean" },
      redact: { type: "boolean" },
    },
  });
  const diagnosis = await diagnose({
    // Without any, every known driver that is on this computer.
    ...(positionals.length > 0 && { modules: positionals }),
    redact: values.redact,
  });
  const { program, modules, findings } = diagnosis;
  terminal.say(`Node ${program.node} · ${program.platform} ${program.arch}`);
  for (const { path, library, slots } of modules) {
    const lines: string[] = [];
    if (library) {
      const { description, version, manufacturer, cryptokiVersion } = library;
      lines.push(`${description} ${version} · ${manufacturer} · PKCS#11 ${cryptokiVersion}`);
    }
    for (const { token } of slots) {
      if (!token) continue;
      const { label, model, serialNumber, pinState, objects } = token;
      lines.push(`${label} · ${model} · ${serialNumber} · PIN ${pinState}`);
      for (const { subject, notAfter, privateKey } of objects?.certificates ?? []) {
        lines.push(`  ${subject} → ${notAfter.toISOString().slice(0, 10)} · ${privateKey}`);
      }
    }
    terminal.note({ en: path, zh: path }, lines);
  }
  for (const finding of findings)
    terminal.say(`${MARKS[finding.severity]} ${terminal.text(finding)}`);
  process.exitCode = findings.some(({ severity }) => severity === "error") ? 1 : 0;
  return diagnosis;
});
