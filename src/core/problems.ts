import type { z } from "zod";
import type { Problem } from "./errors.js";
import { pointerTo } from "./form/json.js";

/** What a schema found wrong, by JSON Pointer. */
export function problemsOf({ issues }: Pick<z.ZodError, "issues">): Problem[] {
  return issues.map(({ path, message }) => ({
    pointer: path.map(String).reduce(pointerTo, ""),
    message,
  }));
}
