import { confirm, intro, isCancel, log, note, outro, spinner } from "@clack/prompts";
import { renderUnicodeCompact } from "uqr";
import type { Screen } from "./screen.js";

/** For people at a terminal: one line that moves for what goes on, all else stays above it. */
export function richScreen(): Screen {
  let moving: ReturnType<typeof spinner> | undefined;
  const still = () => {
    moving?.clear();
    moving = undefined;
  };
  const after =
    <A extends unknown[]>(show: (...args: A) => void) =>
    (...args: A) => {
      still();
      show(...args);
    };
  return {
    begin: (title) => intro(title),
    line: after((text: string) => log.message(text)),
    step: after((text: string) => log.step(text)),
    doing(text) {
      if (moving) return moving.message(text);
      moving = spinner();
      moving.start(text);
    },
    note: after((title: string, lines: readonly string[]) =>
      note(lines.join("\n"), title, { format: (line) => line }),
    ),
    // Light on dark is how most terminals are: what scans is the light square with its border.
    qr: after((payload: string) => log.message(renderUnicodeCompact(payload, { border: 2 }))),
    warn: after((text: string) => log.warn(text)),
    async confirm(question, { yes, no }) {
      still();
      const answer = await confirm({ message: question, active: yes, inactive: no });
      return !isCancel(answer) && answer;
    },
    end: after((text: string) => outro(text)),
    close: still,
  };
}
