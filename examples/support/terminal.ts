import {
  type Credential,
  type GuardQuestion,
  type Language,
  type Renewal,
  type RenewalClient,
  RenewalError,
  type Stage,
} from "certrenew";
import { orderRows } from "./order-page.js";
import { pad, plainScreen, type Screen, widthOf } from "./screen.js";
import { ACTIVITIES, INELIGIBLE, inLanguage, ORDER, STAGES, type Text, WORDS } from "./texts.js";

/** What an example shows and asks, in the language of whoever runs it. */
export interface Terminal {
  readonly language: Language;
  /** One JSON document goes to standard output in the end; all else to standard error. */
  readonly json: boolean;
  text(text: Text): string;
  say(text: Text | string): void;
  /** A step of the example itself, beside the guide's stages. */
  step(text: Text): void;
  note(title: Text, lines: readonly string[]): void;
  stage(now: Stage): void;
  waiting(until: Date | undefined, how?: { estimated?: boolean; error?: Error }): void;
  credential(credential: Credential): void;
  /** The guide's business page: numbers, states and amounts. */
  order(renewal: Pick<Renewal, "order" | "payment">): void;
  /** What the RA wants corrected. */
  reasons(renewal: Pick<Renewal, "reasons">): void;
  qr(title: Text, payload: string): void;
  /** Asks the holder, with `--ask`; otherwise the example answers yes, and says so. Gives the ids of what was agreed to. */
  acknowledge(guards: readonly GuardQuestion[]): Promise<string[]>;
  explain(error: RenewalError): void;
  /** Shows stages, activities and waits of a client until the returned function is called. */
  follow(client: RenewalClient): () => void;
  end(text: Text): void;
  /** Stops what moves. */
  close(): void;
}

/**
 * The terminal that the program was started with: `--lang zh` or `en`, else the locale; plain lines where standard output
 * is a pipe or `--json` is given.
 */
export async function openTerminal(
  argv: readonly string[] = process.argv.slice(2),
  env: NodeJS.ProcessEnv = process.env,
): Promise<Terminal> {
  const json = argv.includes("--json");
  const stream = json ? process.stderr : process.stdout;
  // A terminal that tells no width, or a very narrow one, has no room for tables and codes.
  const isWide = stream.isTTY && stream.columns >= 60;
  const isRich = !json && isWide && env["TERM"] !== "dumb";
  const screen = isRich
    ? (await import("./rich-screen.js")).richScreen()
    : plainScreen((text) => void stream.write(text));
  return terminalOn(screen, languageOf(argv, env), {
    json,
    asks: isRich && argv.includes("--ask"),
  });
}

function languageOf(argv: readonly string[], env: NodeJS.ProcessEnv): Language {
  const at = argv.indexOf("--lang");
  const asked =
    argv.find((each) => each.startsWith("--lang="))?.slice(7) ??
    (at < 0 ? undefined : argv[at + 1]);
  const locale = asked ?? env["LC_ALL"] ?? env["LC_MESSAGES"] ?? env["LANG"] ?? "";
  return /^zh/i.test(locale) ? "zh-CN" : "en";
}

function terminalOn(
  screen: Screen,
  language: Language,
  { json, asks }: { readonly json: boolean; readonly asks: boolean },
): Terminal {
  const t = (text: Text | string) => (typeof text === "string" ? text : inLanguage(language, text));
  const when = (date: Date) =>
    new Intl.DateTimeFormat(language === "zh-CN" ? "zh-CN" : "en-GB", {
      dateStyle: "medium",
      timeStyle: "short",
      timeZone: "Asia/Shanghai",
    }).format(date);

  const terminal: Terminal = {
    language,
    json,
    text: t,
    say: (text) => screen.line(t(text)),
    step: (text) => screen.step(t(text)),
    note: (title, lines) => screen.note(t(title), lines),

    stage(now) {
      const reached = STAGES.findIndex(([stage]) => stage === now);
      const marks = STAGES.map(([, text], index) => {
        const mark = index < reached ? "✓" : index === reached ? "▶" : "·";
        return `${mark} ${t(text)}`;
      });
      screen.step(marks.join("   "));
    },

    waiting(until, { estimated = false, error } = {}) {
      const about = estimated ? t(WORDS.about) : "";
      const due = until ? ` (${t(WORDS.due)} ${about}${when(until)})` : "";
      screen.doing(`${t(WORDS.waiting)}${due}${error ? `: ${reasonOf(error, language)}` : ""}`);
    },

    credential({ signing, eligibility }) {
      const verdict = eligibility.renewable
        ? t(WORDS.renewable)
        : eligibility.reasons.map((reason) => t(INELIGIBLE[reason] ?? reason)).join(", ");
      screen.line(`${signing.subject}: ${t(WORDS.until)} ${when(signing.notAfter)}, ${verdict}`);
    },

    order(renewal) {
      const rows = orderRows(renewal, { text: t, when });
      if (rows.length === 0) return;
      const width = Math.max(...rows.map(([name]) => widthOf(name)));
      screen.note(
        t(ORDER.title),
        rows.map(([name, value]) => `${pad(name, width)}  ${value}`),
      );
    },

    reasons({ reasons }) {
      screen.note(
        t(WORDS.reasons),
        reasons.map(({ pointer, text }) => (pointer ? `${pointer}: ${text}` : text)),
      );
    },

    qr(title, payload) {
      screen.line(t(title));
      screen.qr(payload);
    },

    async acknowledge(guards) {
      const labels = { yes: t(WORDS.yes), no: t(WORDS.no) };
      const agreed: string[] = [];
      for (const guard of guards) {
        const yes = !asks || (await screen.confirm(t(guard), labels));
        if (!asks) screen.line(`${t(guard)} – ${labels.yes}`);
        if (yes) agreed.push(guard.id);
      }
      return agreed;
    },

    explain(error) {
      const { what, reason, key, money, retry, next, hotline } = error.explain(language);
      screen.warn(`${error.code}: ${what}`);
      for (const each of [reason, key, money, retry, next, hotline]) if (each) screen.line(each);
    },

    follow(client) {
      const ends = [
        client.on("stage", ({ stage }) => terminal.stage(stage)),
        client.on("activity", ({ activity }) => screen.doing(t(ACTIVITIES[activity]))),
        client.on("waiting", ({ renewal: { due }, error }) =>
          terminal.waiting(due?.at, {
            estimated: due?.estimated ?? false,
            ...(error && { error }),
          }),
        ),
      ];
      return () => {
        for (const end of ends) end();
      };
    },

    end: (text) => screen.end(t(text)),
    close: () => screen.close(),
  };
  return terminal;
}

function reasonOf(error: Error, language: Language): string {
  return error instanceof RenewalError ? error.explain(language).what : error.message;
}
