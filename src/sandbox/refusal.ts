import type { JsonObject } from "../core/domain/scalars.js";
import { type Problem, RenewalError } from "../core/errors.js";
import { PROBLEM_STATUS, type ProblemCode, problemType } from "../transport/http/wire/problem.js";

export interface RefusalOptions {
  /** Default: the code's own status. */
  readonly status?: number;
  readonly problems?: readonly Problem[];
  readonly parameters?: Readonly<Record<string, string>>;
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The RA says no: it changed nothing, and says why (RFC 9457). */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: ProblemCode;
  readonly options: RefusalOptions;

  constructor(code: ProblemCode, detail: string, options: RefusalOptions = {}) {
    super(detail);
    this.code = code;
    this.options = options;
  }

  get status(): number {
    return this.options.status ?? PROBLEM_STATUS[this.code];
  }

  /** For a caller in this process. */
  toRenewalError(): RenewalError {
    const { problems = [], parameters } = this.options;
    const details = { ...parameters, reason: this.message };
    return new RenewalError(this.code, { details, problems, cause: this });
  }

  toProblemDetails(): JsonObject {
    const { problems = [], parameters } = this.options;
    return {
      type: problemType(this.code),
      title: this.code,
      status: this.status,
      detail: this.message,
      ...(problems.length > 0 && {
        errors: problems.map(({ pointer, message }) => ({ pointer, detail: message })),
      }),
      ...(parameters && { parameters: { ...parameters } }),
    };
  }
}
