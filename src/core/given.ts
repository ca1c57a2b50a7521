import { type ErrorCode, RenewalError } from "./errors.js";

/** The types ask for it, but not every caller has types. @throws ERR_ARGUMENT, or what is named instead */
export function given<T>(options: T, code: ErrorCode = "ERR_ARGUMENT"): NonNullable<T> {
  if (options !== null && typeof options === "object") return options;
  throw new RenewalError(code, { problems: [{ pointer: "", message: "must be an object" }] });
}

/** Options that may be left out, but not be something else. @throws ERR_ARGUMENT */
export function givenOrNone<T extends object>(options: T | undefined): Partial<T> {
  return options === undefined ? {} : given(options);
}
