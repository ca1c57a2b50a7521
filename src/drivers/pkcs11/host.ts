/**
 * A host: the child process in which a PKCS#11 module runs, so that one that hangs or crashes takes nothing else with
 * it. Started by `host-process.ts` only.
 */
import { RenewalError } from "../../core/errors.js";
import { type Reply, type Request, toFailure } from "./rpc.js";

type Dispatch = (request: Request) => unknown;

let isClosing = false;

process.on("message", (request: Request) => {
  void answer(request).then(send);
});
// Without its driver a host has nothing to do. What a module registered to run at exit could hang, so unless the module
// was finalised the end is a hard one.
process.on("disconnect", () => (isClosing ? process.exit() : process.kill(process.pid, "SIGKILL")));
// A terminal sends these to every process of the group; what becomes of the token is the parent's decision.
process.on("SIGINT", () => undefined);
process.on("SIGHUP", () => undefined);
send({ ready: true });

async function answer(request: Request): Promise<Reply> {
  try {
    const dispatch = await dispatcher();
    if (request.call === "close") isClosing = true;
    return { result: dispatch(request) };
  } catch (error) {
    return { failure: toFailure(asRenewalError(error)) };
  }
}

let dispatcherOfThisHost: Promise<Dispatch> | undefined;

/** The native binding is loaded here and nowhere else: it is an optional dependency that has to be compiled. */
function dispatcher(): Promise<Dispatch> {
  dispatcherOfThisHost ??= import("./host/dispatcher.js").then(
    ({ createDispatcher }) => createDispatcher(),
    (cause: unknown) => {
      const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
      throw new RenewalError("ERR_NATIVE_UNAVAILABLE", { cause, details: { reason } });
    },
  );
  return dispatcherOfThisHost;
}

function asRenewalError(cause: unknown): RenewalError {
  return cause instanceof RenewalError ? cause : new RenewalError("ERR_TOKEN_FAILURE", { cause });
}

function send(reply: Reply): void {
  process.send?.(reply);
}
