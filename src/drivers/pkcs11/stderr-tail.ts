import type { Readable } from "node:stream";

const MAX_CHARACTERS = 4096;

/** The last of what a module printed as errors: bounded, for support. */
export interface StderrTail {
  conceal(secret: string): void;
  /** An error to be the cause of ours; `undefined` where nothing was printed. */
  asCause(): Error | undefined;
  /** The line with which Node says why it could not start. */
  firstError(): string | undefined;
}

export function stderrTail(stream: Readable | null): StderrTail {
  const secrets: string[] = [];
  let tail = "";
  stream?.setEncoding("utf8").on("data", (chunk: string) => {
    // Struck out before the cut, which would otherwise leave the end of a secret that it goes through. One that has come
    // in part only stands at the end, and is never cut off.
    const kept = Math.max(MAX_CHARACTERS, ...secrets.map(({ length }) => length));
    tail = withoutSecrets(tail + chunk).slice(-kept);
  });
  const withoutSecrets = (printed: string) =>
    secrets.reduce((text, secret) => text.replaceAll(secret, "•••"), printed);
  // Again at the end: of what came before a secret was named, and of one with control characters in it.
  const text = () =>
    withoutSecrets(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they could steer the terminal that shows the error.
      withoutSecrets(tail).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, ""),
    );
  return {
    conceal(secret) {
      if (secret !== "") secrets.push(secret);
    },
    asCause: () => (tail === "" ? undefined : new Error(`the module printed: ${text()}`)),
    firstError: () => /^\w*Error\b.*$/m.exec(text())?.[0],
  };
}
