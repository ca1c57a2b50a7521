/**
 * A program is killed in the middle of an application; another goes on from nothing but the renewal's id:
 * `npm run example resume`.
 */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { example } from "../support/example.js";
import { tokenAccess } from "../support/token.js";
import { openWorld } from "../support/world.js";

example(async (terminal) => {
  const world = await openWorld({ name: "resume" });
  try {
    terminal.step({
      en: "A first program applies, and is killed before it hears the answer:",
      zh: "第一个程序提交申请,在收到答复之前被强行结束:",
    });
    const first = await runProgram("apply.js");
    for (const line of first.lines) terminal.say(line);
    terminal.say({
      en: `ended by ${first.signal ?? first.code}`,
      zh: `已结束:${first.signal ?? first.code}`,
    });
    const id = first.lines[0] ?? "";

    terminal.step({
      en: "A second one has the id, and goes on to the end:",
      zh: "第二个程序只凭编号继续办理,直至完成:",
    });
    const second = await runProgram("go-on.js", id);
    for (const line of second.lines) terminal.say(line);

    const applications = await world.sandbox.admin.applications();
    terminal.end({
      en: `Applications at the RA: ${applications.length}.`,
      zh: `注册机构收到的申请:${applications.length} 份。`,
    });
    return {
      driver: world.driverName,
      id,
      first: { signal: first.signal, lines: first.lines },
      second: { code: second.code, lines: second.lines },
      applications: applications.map(({ renewalId, progress }) => ({
        renewalId,
        issuance: progress.issuance.status,
      })),
      ...tokenAccess(world),
    };
  } finally {
    await world.close();
  }
});

interface Ended {
  readonly lines: readonly string[];
  readonly code: number | null;
  readonly signal: string | null;
}

/** Runs another program of this folder to its end, however it ends. */
function runProgram(name: string, ...args: readonly string[]): Promise<Ended> {
  const file = join(dirname(process.argv[1] ?? ""), name);
  const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve({ lines: output.split("\n").filter(Boolean), code, signal });
    });
  });
}
