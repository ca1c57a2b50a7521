import { randomUUID } from "node:crypto";
import type { MessagePort } from "node:worker_threads";
import { type ErrorCode, RenewalError, type RenewalErrorOptions, type Transport } from "certrenew";

/**
 * An own transport: the program with the Key cannot reach the RA, another one can (a platform's server, say), and between
 * the two is a channel. Messages are numbered and signed here, by `maker`; what goes to the RA is asked of the other side.
 */
export function portTransport(port: MessagePort, maker: Transport): Transport & Business {
  const waiting = new Map<string, (answer: Answer) => void>();
  port.on("message", (answer: Answer) => waiting.get(answer.id)?.(answer));
  port.on("close", () => {
    for (const [id, settle] of waiting) settle({ id, error: { code: "ERR_RA_UNREACHABLE" } });
  });

  const ask =
    <M extends Method>(method: M) =>
    (...args: Parameters<Calls[M]>): ReturnType<Calls[M]> => {
      const { signal, ...options } = (args[ARITY[method]] ?? {}) as { signal?: AbortSignal };
      const id = randomUUID();
      const answered = new Promise<Answer>((resolve) => {
        const abort = () => resolve({ id, error: { code: "ERR_ABORTED" } });
        if (signal?.aborted) return abort();
        signal?.addEventListener("abort", abort, { once: true });
        waiting.set(id, resolve);
        port.postMessage({ id, method, args: [...args.slice(0, ARITY[method]), options] });
      });
      return answered
        .finally(() => waiting.delete(id))
        .then(({ value, error }) => {
          if (error) throw new RenewalError(error.code, error);
          return value;
        }) as ReturnType<Calls[M]>;
    };

  const { business } = maker;
  if (!business) throw new RenewalError("ERR_UNSUPPORTED");
  const [send, recover] = [ask("send"), ask("recover")];
  const [progress, collect] = [ask("progress"), ask("collect")];
  return {
    ...maker,
    name: "port",
    send,
    recover,
    progress,
    collect,
    business: { ...business, offer: ask("offer") },
  };
}

/** The other side: does what is asked, with a transport that reaches the RA. */
export function serveTransport(port: MessagePort, transport: Transport): void {
  const calls = { ...transport, ...transport.business } as unknown as Record<
    Method,
    (...args: readonly unknown[]) => Promise<unknown>
  >;
  port.on("message", async ({ id, method, args }: Question) => {
    const answer = await calls[method](...args).then(
      (value) => ({ id, value }),
      (cause: unknown) => {
        const { code, details, problems } =
          cause instanceof RenewalError ? cause : new RenewalError("ERR_RA_UNREACHABLE", { cause });
        return { id, error: { code, details, problems } };
      },
    );
    port.postMessage(answer);
  });
}

/** What goes to the RA, with the number of arguments before the options. */
const ARITY = { send: 2, recover: 2, progress: 1, collect: 1, offer: 1 } as const;

type Method = keyof typeof ARITY;
type Business = { readonly business: NonNullable<Transport["business"]> };
type Calls = Transport & Business["business"];

interface Question {
  readonly id: string;
  readonly method: Method;
  readonly args: readonly unknown[];
}

interface Answer {
  readonly id: string;
  readonly value?: unknown;
  readonly error?: { readonly code: ErrorCode } & RenewalErrorOptions;
}
