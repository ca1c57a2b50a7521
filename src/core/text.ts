// C0 and C1 controls, line and paragraph separators, and what turns the direction of writing around.
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** Text of others, made fit for one line of a terminal: without control characters and without bidirectional ones. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, "");
}
