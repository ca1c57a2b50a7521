/** Where an example's progress goes: a person's terminal, or plain lines. */
export interface Screen {
  begin(title: string): void;
  /** Something that stays on the screen. */
  line(text: string): void;
  /** One of the great steps. */
  step(text: string): void;
  /** What goes on now; a terminal shows it until something else does. */
  doing(text: string): void;
  note(title: string, lines: readonly string[]): void;
  qr(payload: string): void;
  warn(text: string): void;
  /** Asks a person. */
  confirm(
    question: string,
    labels: { readonly yes: string; readonly no: string },
  ): Promise<boolean>;
  end(text: string): void;
  /** Stops what moves. */
  close(): void;
}

/** For pipes, logs and `--json`: a line a fact, no colours, nothing that moves. */
export function plainScreen(write: (text: string) => void): Screen {
  const line = (text: string) => write(`${text}\n`);
  return {
    begin: line,
    line: (text) => line(`   ${text.replaceAll("\n", "\n   ")}`),
    step: (text) => line(`\n${text}`),
    doing: (text) => line(`   … ${text}`),
    note(title, lines) {
      line(`\n${title}`);
      for (const each of lines) line(`   ${each}`);
    },
    qr: (payload) => line(`   ${payload.replaceAll("\n", "; ")}`),
    warn: (text) => line(`! ${text}`),
    confirm: async () => true,
    end: (text) => line(`\n${text}`),
    close: () => {},
  };
}

/** How many columns a text takes: Chinese characters and full-width marks take two. */
export function widthOf(text: string): number {
  return [...text].reduce((width, character) => width + (WIDE.test(character) ? 2 : 1), 0);
}

export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;
